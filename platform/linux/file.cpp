#include "platform/linux/file.h"

#include <fcntl.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <system_error>

#include "platform/linux/proc_text.h"

namespace tier {

std::string under(const std::string& root, const std::string& path) {
  const std::string absolute = path.starts_with('/') ? path : "/" + path;
  return root.empty() || root == "/" ? absolute : root + absolute;
}

std::string errno_text(int error_number) { return std::generic_category().message(error_number); }

tl::unexpected<Error> fail_errno(const std::string& what, int error_number, std::string fix) {
  ErrorKind kind = ErrorKind::kFailed;
  if (error_number == EACCES || error_number == EPERM) kind = ErrorKind::kPermission;
  if (error_number == ENOSYS) kind = ErrorKind::kUnsupported;
  if (kind == ErrorKind::kPermission && fix.empty()) fix = "run as root or with CAP_SYS_PTRACE";
  return fail(kind, what + ": " + errno_text(error_number), std::move(fix));
}

Result<std::string> read_file(const std::string& path, std::size_t limit) {
  const FileDescriptor fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!fd.valid()) return fail_errno(path, errno);
  std::string text;
  std::array<char, 16384> chunk;
  for (;;) {
    const ssize_t n = ::read(fd.get(), chunk.data(), chunk.size());
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return fail_errno(path, errno);
    if (n == 0) return text;
    text.append(chunk.data(), static_cast<std::size_t>(n));
    if (text.size() > limit)
      return fail(ErrorKind::kFailed, path + ": larger than " + std::to_string(limit) + " bytes");
  }
}

std::optional<std::uint64_t> read_number(const std::string& path) {
  const auto text = read_file(path, 4096);
  return text ? parse_number(trimmed(*text)) : std::nullopt;
}

}  // namespace tier
