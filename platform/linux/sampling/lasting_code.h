// Which code of the watched programs stays as it is while its mapping does. Pure.
#pragma once

#include <span>
#include <unordered_map>
#include <vector>

#include "core/target.h"

namespace tier {

// Code of a file, mapped privately and not writable, changes only with its mapping (dlclose, exec). What a
// compiler within the program writes lies in other memory, or in memory of a file that has no name in any
// folder, and may change at any time.
class LastingCode {
 public:
  // The process's mappings now. Returns where what was lasting before is gone or has become another file's,
  // by address.
  std::vector<AddressRange> replace(std::uint32_t tgid, std::span<const Mapping> mappings);
  // Forgets processes that are not among the keys.
  template <typename ByPid>
  void keep_only(const ByPid& present) {
    std::erase_if(of_process_, [&](const auto& known) { return !present.contains(known.first); });
  }
  bool holds(std::uint32_t tgid, Address ip) const;

 private:
  struct Part {
    AddressRange range;
    MemoryObject object;
    std::uint64_t offset = 0;  // bytes into the file, at the range's start
    auto operator<=>(const Part&) const = default;
  };
  std::unordered_map<std::uint32_t, std::vector<Part>> of_process_;  // by address
};

}  // namespace tier
