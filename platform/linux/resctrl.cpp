#include "platform/linux/resctrl.h"

#include <algorithm>
#include <filesystem>

#include "platform/linux/file.h"
#include "platform/linux/proc_text.h"

namespace tier {
ResctrlTraffic::ResctrlTraffic(const std::string& root) {
  constexpr std::string_view kPrefix = "mon_L3_";
  std::error_code error;
  for (auto it = std::filesystem::directory_iterator(under(root, "/sys/fs/resctrl/mon_data"), error);
       !error && it != std::filesystem::directory_iterator(); it.increment(error)) {
    const std::string name = it->path().filename();
    if (!name.starts_with(kPrefix)) continue;
    const auto id = parse_number(std::string_view(name).substr(kPrefix.size()));
    if (id && *id < UINT32_MAX) caches_.push_back({static_cast<std::uint32_t>(*id), it->path()});
  }
  std::sort(caches_.begin(), caches_.end(), [](const Cache& a, const Cache& b) { return a.id < b.id; });
}

std::vector<CacheTraffic> ResctrlTraffic::read() const {
  std::vector<CacheTraffic> all;
  // Local first: what passes in between is then counted in the total, which stays the larger.
  for (const Cache& cache : caches_) {
    const auto local = read_number(cache.folder + "/mbm_local_bytes");
    all.push_back({cache.id, read_number(cache.folder + "/mbm_total_bytes"), local});
  }
  return all;
}

}  // namespace tier
