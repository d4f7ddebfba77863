// Memory bandwidth monitoring of last-level caches, as resctrl shows it
// (Documentation/filesystems/resctrl.rst).
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace tier {

// Bytes since a start that is not known. None where the file holds no number: "Unavailable", "Unassigned" and
// "Error" of a counter that hardware has taken away.
struct CacheTraffic {
  std::uint32_t cache = 0;  // the kernel's number of it
  std::optional<std::uint64_t> total, local;
};

// Of the default group: tasks that somebody put into a group of their own are not in it. Which caches there
// are is looked up once, at start; it mounts nothing.
class ResctrlTraffic {
 public:
  explicit ResctrlTraffic(const std::string& root);
  std::vector<CacheTraffic> read() const;  // one for each cache, always in the same order

 private:
  struct Cache {
    std::uint32_t id = 0;
    std::string folder;
  };
  std::vector<Cache> caches_;
};

}  // namespace tier
