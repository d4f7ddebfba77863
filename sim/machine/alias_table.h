// Draws an index with probability in proportion to its weight, in constant time (Walker's alias method, built
// as Vose does). Private to the machine.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

namespace tier::sim {

class AliasTable {
 public:
  // O(weights); all of them above 0.
  void build(std::span<const double> weights);
  bool empty() const { return slots_.empty(); }
  void clear() { slots_.clear(); }

  // `bits`: 64 random ones. The upper half chooses the slot, the lower half which of the two that share it.
  std::uint32_t pick(std::uint64_t bits) const {
    const auto at = static_cast<std::uint32_t>((bits >> 32) * slots_.size() >> 32);
    const Slot& slot = slots_[at];
    return static_cast<std::uint32_t>(bits) < slot.own ? at : slot.other;
  }

 private:
  struct Slot {
    std::uint32_t own = 0;    // share of the slot that is its own index's, in 2^32nds
    std::uint32_t other = 0;  // whose the rest is
  };
  std::vector<Slot> slots_;
};

}  // namespace tier::sim
