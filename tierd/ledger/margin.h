// By how much a swap's promised gain must exceed its cost: the bound that would have earned most lately.
//
// Every swap counts, made or declined, under what it promised per second of cost: each tick adds what it
// earned in that tick, less that tick's part of its cost. A bound keeps what promised more than it; the best
// bound is the one whose kept swaps earned most, and the least bound that is nearly as good is taken. Where
// none earns, it rises until nothing moves; where swaps earn again, those declined show it, and it falls.
//
// This is judged over 14 ticks and over 100, and the higher bound holds. The short window follows a change at
// once, but a loss within chance or tolerance passes there, however long it goes on: random look-ups without
// a hot set lost up to 3.7 % of their stall so (docs/benchmarks.md). The long window shows it, and is
// overruled as soon as the short one shows a gain that is more than chance.
#pragma once

#include <array>
#include <cstddef>

namespace tier {

// How much of the past counts, and what is tolerated in it.
struct MarginWindow {
  double kept;  // of the evidence, per tick
  // Nearly as good: losing at most this share of what programs waited in all (or lost_share).
  double waited_share;
};

struct MarginSettings {
  double start = 1.0;  // the least, and where it begins: break even by forecast
  // Nearly as good: losing at most this share of what the best earns. After a change of phase the first swaps
  // promise little, and a bound kept high for a trifle would stop them.
  double lost_share = 0.1;
  MarginWindow recent{0.93, 0.01};  // 14 ticks
  MarginWindow lasting{0.99, 0.002};
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
    double earned = 0, noise = 0;  // seconds, and their squares
    bool shows_gain() const;
  };
  using Bounds = std::array<Evidence, kBounds>;
  // Discounted; by bound: of all swaps that promised more.
  struct History {
    Bounds kept{};
    double waited = 0;
    void add(const Bounds& tick, double waited_in_tick, double share_kept);
  };
  std::size_t least_bound(const History& history, double waited_share) const;

  MarginSettings settings_;
  Bounds tick_{};  // of the running tick: promised more than bound i, but not than the next
  History recent_, lasting_;
  double value_;
};

}  // namespace tier
