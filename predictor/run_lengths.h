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

  // A new tick. Every hypothesis keeps one slot of a region's arrays while it lives: what slot `newest` holds
  // is to be added to slot `into`, and then it begins anew.
  struct Step {
    std::size_t newest = 0, into = 0;
  };
  Step advance();

  std::size_t count() const { return count_; }                 // hypotheses now, in the slots below it
  std::size_t slot(std::size_t i) const { return slots_[i]; }  // "always" in 0
  // Ticks that hypothesis i has seen, the running one included; "always" discounts by kKept per tick.
  double exposure(std::size_t i, std::uint64_t region_age) const;

  static constexpr double kKept = 0.98;  // memory of "always": 50 ticks

 private:
  std::size_t dispensable() const;

  std::array<std::uint64_t, kMost> start_{};  // first tick of each hypothesis; [0] unused
  std::array<std::size_t, kMost> slots_{};
  std::size_t count_ = 1;
  std::uint64_t now_ = 0;
};

}  // namespace tier
