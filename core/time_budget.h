// A share of time that may be spent on something, with what was not spent saved up to a limit.
#pragma once

#include <algorithm>

#include "core/units.h"

namespace tier {

// A token bucket of seconds. What is begun while something is left may overdraw it: the debt is paid by
// waiting, so in the long run no more than the share is spent, however much one piece of work costs.
class TimeBudget {
 public:
  // `share` of the time that passes, 0..1; at most `most` is saved up, which is there at the start.
  TimeBudget(double share, Nanoseconds most) : share_(share), most_(most), left_(most) {}

  // Times that go backwards add nothing.
  void advance(Nanoseconds now) {
    if (started_ && now > last_) {
      const double gained = share_ * static_cast<double>((now - last_).count());
      const double room = static_cast<double>((most_ - left_).count());
      left_ += Nanoseconds(static_cast<std::int64_t>(std::min(gained, room)));
    }
    last_ = started_ ? std::max(last_, now) : now;
    started_ = true;
  }

  bool open() const { return left_.count() > 0; }
  Nanoseconds left() const { return left_; }  // negative: overdrawn
  Nanoseconds spent() const { return spent_; }
  double share() const { return share_; }
  void set_share(double share) { share_ = share; }  // of the time from the last advance() on

  void spend(Nanoseconds cost) {
    cost = std::max(cost, Nanoseconds(0));
    left_ -= cost;
    spent_ += cost;
  }

  // How many pieces of work at that price what is left pays for, at most `most`.
  std::size_t affordable(Nanoseconds price, std::size_t most) const {
    if (!open()) return 0;
    if (price.count() <= 0) return most;
    return static_cast<std::size_t>(
        std::min<std::uint64_t>(static_cast<std::uint64_t>(left_ / price) + 1, most));
  }

 private:
  double share_;
  Nanoseconds most_, left_, spent_{}, last_{};
  bool started_ = false;
};

}  // namespace tier
