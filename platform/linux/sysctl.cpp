#include "platform/linux/sysctl.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <charconv>

#include "platform/linux/file.h"
#include "platform/linux/proc_text.h"

namespace tier {
namespace {

std::string path_of(std::string name, const std::string& root) {
  std::replace(name.begin(), name.end(), '.', '/');
  return under(root, "proc/sys/" + name);
}

}  // namespace

Result<long> read_sysctl(const std::string& name, const std::string& root) {
  const auto text = TIER_TRY(read_file(path_of(name, root)));
  const auto digits = trimmed(text);
  long value = 0;
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), value);
  if (error == std::errc{} && end == digits.data() + digits.size()) return value;
  return fail(ErrorKind::kFailed, fmt::format("{} holds no whole number", path_of(name, root)));
}

Result<void> write_sysctl(const std::string& name, long value, const std::string& root) {
  const std::string path = path_of(name, root), text = fmt::format("{}\n", value);
  const FileDescriptor file(::open(path.c_str(), O_WRONLY | O_CLOEXEC));
  if (file.valid() && ::write(file.get(), text.data(), text.size()) == static_cast<ssize_t>(text.size()))
    return {};
  return fail_errno(fmt::format("cannot set {} to {}", name, value), errno, "run as root");
}

}  // namespace tier
