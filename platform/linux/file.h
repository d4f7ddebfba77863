// Small kernel files.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "core/result.h"
#include "platform/api/file_descriptor.h"

namespace tier {

// The root directory joined with a path below it: ("/tmp/t", "/proc/1/stat") →
// "/tmp/t/proc/1/stat".
std::string under(const std::string& root, const std::string& path);

// The whole file. Kernel files report no size, so it reads to the end; more than `limit` bytes is an error
// rather than an ever-growing buffer. kPermission for EACCES and EPERM, else kFailed.
Result<std::string> read_file(const std::string& path, std::size_t limit = 64U << 20);

// The decimal number that is all of a file, as in sysfs; nothing where it cannot be read or is none.
std::optional<std::uint64_t> read_number(const std::string& path);

// "No such file or directory" and so on, without the locale's or threads' surprises.
std::string errno_text(int error_number);

// An error about `what` with the errno's text; kPermission for EACCES and EPERM, kUnsupported for ENOSYS.
tl::unexpected<Error> fail_errno(const std::string& what, int error_number, std::string fix = {});

}  // namespace tier
