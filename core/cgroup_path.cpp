#include "core/cgroup_path.h"

#include <algorithm>

#include "core/printable.h"

namespace tier {
namespace {

constexpr std::size_t kLongestPath = 4096;  // PATH_MAX of linux/limits.h
constexpr std::size_t kLongestName = 255;   // NAME_MAX

tl::unexpected<Error> refuse(std::string_view text, const std::string& why) {
  return fail(ErrorKind::kUsage,
              "\"" + escaped(text.substr(0, 80)) + "\" is not a path below the cgroup root: " + why,
              "write it like \"system.slice/redis.service\"");
}

}  // namespace

Result<std::string> cgroup_path(std::string_view text) {
  if (text.empty()) return refuse(text, "it is empty");
  if (text.size() > kLongestPath) return refuse(text, "it is too long");
  if (std::any_of(text.begin(), text.end(),
                  [](char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7f; }))
    return refuse(text, "it has control characters");
  std::string path;
  for (std::size_t at = 0; at < text.size();) {
    const std::size_t end = std::min(text.find('/', at), text.size());
    const std::string_view part = text.substr(at, end - at);
    if (part == "." || part == "..") return refuse(text, "\"" + std::string(part) + "\" is not a cgroup");
    if (part.size() > kLongestName) return refuse(text, "a name in it is too long");
    if (!part.empty()) path.append("/").append(part);
    at = end + 1;
  }
  return path.empty() ? "/" : path;
}

bool within_cgroup(std::string_view path, std::string_view ancestor) {
  if (ancestor == "/" || path == ancestor) return true;
  return path.starts_with(ancestor) && path.substr(ancestor.size()).starts_with('/');
}

}  // namespace tier
