#include "sim/policies/entries.h"

namespace tier::sim {

std::span<const PolicyEntry> policy_table() {
  static const std::vector<PolicyEntry> table = {
      no_tiering(), interleave(), static_oracle(), epoch_oracle(), numa_balancing(), tpp(),  damos(),
      hemem(),      memtis(),     arms(),          colloid(),      alto(),           pact(),
  };
  return table;
}

}  // namespace tier::sim
