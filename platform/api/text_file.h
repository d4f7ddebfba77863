// Files that people and packages put in place: configuration, tables, models. Any of them may be a link that
// leads nowhere, a folder, a pipe that nobody writes to, or somebody else's. Linked from platform/linux.
#pragma once

#include <cstddef>
#include <filesystem>
#include <optional>
#include <string>

#include "core/result.h"

namespace tier {

// The whole of a regular file of at most `most` bytes; never waits for a pipe or a device. kUsage where it is
// missing, a loop of links, no regular file or too large: nothing that passes by itself. kPermission where it
// may not be read, kFailed else (a broken disk, too many open files).
Result<std::string> read_regular_file(const std::filesystem::path& path, std::size_t most);

// True where something of that name exists, be it a link that leads nowhere.
bool name_exists(const std::filesystem::path& path);

// Who but root and this process's user may change the file or folder, or put another in its place: one
// sentence, or nothing. A folder with the sticky bit protects what is in it. What cannot be looked at is
// nothing.
std::optional<std::string> changeable_by_others(const std::filesystem::path& path);

// A file that came with tierd: `share/tierd/NAME` beside a folder that this program lies in, wherever it was
// installed, or in its build folder. Where there is none: `installed`.
std::filesystem::path shared_file(const std::string& name, const std::filesystem::path& installed);

}  // namespace tier
