// By how much a swap's promised gain must exceed its cost: the bound that would have earned most lately.
//
// Every swap counts, made or declined, under what it promised per second of cost: each tick adds what it
// earned in that tick, less that tick's part of its cost. A bound keeps what promised more than it; the best
// bound is the one whose kept swaps earned most, and the least bound that is nearly as good is taken. Where
// none earns, it rises until nothing moves; where swaps earn again, those declined show it, and it falls.
#pragma once

#include <array>
#include <cstddef>

namespace tier {

struct MarginSettings {
  double start = 1.0;  // the least, and where it begins: break even by forecast
  // Nearly as good: losing at most this share of what the best earns, or of what programs waited in all.
  // After a change of phase the first swaps promise little, and a bound kept high for a trifle would stop
  // them.
  double lost_share = 0.1, waited_share = 0.01;
  double kept = 0.93;  // of the evidence, per tick: 14 ticks
};

class Margin {
 public:
  explicit Margin(MarginSettings settings = {}) : settings_(settings), value_(settings.start) {}

  // `promise`: gain forecast over cost. `earned`: seconds, in the running tick, less the tick's part of the
  // cost.
  void add(double promise, double earned);
  // `waited`: thread-seconds that programs waited in the tick.
  void close_tick(double waited);
  double value() const { return value_; }
  double most() const { return bound(kBounds - 1); }

 private:
  static constexpr std::size_t kBounds = 11;  // start · 2^i: up to a thousand times the start
  double bound(std::size_t i) const { return settings_.start * static_cast<double>(1U << i); }

  struct Evidence {
    double earned = 0, noise = 0;  // discounted: seconds, and their squares
  };
  MarginSettings settings_;
  std::array<Evidence, kBounds> above_{};  // promised more than bound i, but not than the next
  double waited_ = 0;                      // discounted
  double value_;
};

}  // namespace tier
