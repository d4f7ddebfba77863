#include "platform/linux/living_thread.h"

#include <filesystem>

#include "platform/linux/file.h"

namespace tier {

bool leader_has_ended(const ProcStat& stat) {
  return (stat.state == 'Z' || stat.state == 'X') && stat.threads > 1;
}

std::optional<Pid> living_thread(Pid process, const std::string& root) {
  const std::string folder = under(root, "/proc/" + std::to_string(process.value) + "/task");
  std::error_code error;
  for (std::filesystem::directory_iterator it(folder, error), end; !error && it != end; it.increment(error)) {
    const auto number = parse_number(it->path().filename().string());
    if (!number || *number > 0x7fffffff || static_cast<int>(*number) == process.value) continue;
    const auto text = read_file(it->path().string() + "/stat");
    const auto stat = text ? parse_stat(*text) : std::nullopt;
    if (stat && stat->state != 'Z' && stat->state != 'X') return Pid{static_cast<int>(*number)};
  }
  return std::nullopt;
}

}  // namespace tier
