// When the current behaviour may have begun: a few start ticks, denser near now. Shared by all regions.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

namespace tier {

// Hypothesis 0 is "always"; the others are sorted from old to new.
class RunLengths {
 public:
  static constexpr std::size_t kMost = 8;

  // A new tick: hypothesis `absorbed` is to be added to the one before it (0: none), then those after it move
  // down by one, and the newest joins at the end.
  struct Step {
    std::size_t absorbed = 0;
    std::size_t count = 0;  // hypotheses now
  };
  Step advance();

  std::size_t count() const { return count_; }
  // Ticks that hypothesis i has seen, the running one included; "always" discounts by kKept per tick.
  double exposure(std::size_t i, std::uint64_t region_age) const;

  static constexpr double kKept = 0.98;  // memory of "always": 50 ticks

 private:
  std::array<std::uint64_t, kMost> start_{};  // first tick of each hypothesis; [0] unused
  std::size_t count_ = 1;
  std::uint64_t now_ = 0;
};

}  // namespace tier
