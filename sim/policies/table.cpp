#include <algorithm>

#include "sim/policies/entries.h"

namespace tier::sim {

std::span<const PolicyEntry> policy_table() {
  static const std::vector<PolicyEntry> table = {
      no_tiering(), interleave(), static_oracle(), epoch_oracle(), numa_balancing(), tpp(),
      damos(),      hemem(),      memtis(),        arms(),         colloid(),
  };
  return table;
}

const PolicyEntry* find_policy(const std::string& name) {
  const auto table = policy_table();
  const auto found =
      std::find_if(table.begin(), table.end(), [&](const PolicyEntry& entry) { return name == entry.name; });
  return found == table.end() ? nullptr : &*found;
}

}  // namespace tier::sim
