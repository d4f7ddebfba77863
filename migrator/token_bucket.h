// A byte rate with a bounded burst.
#pragma once

#include <algorithm>

#include "core/units.h"

namespace tier {

// Spending may overdraw by one batch; the debt is paid by waiting longer, so the average rate holds. What a
// batch may move is spent before it begins, so that all who move at once are held to one rate, and what it
// did not move is given back. Not thread-safe.
class TokenBucket {
 public:
  // `rate` in bytes per second, 0 = unlimited. Starts full.
  TokenBucket(Bytes rate, Bytes burst)
      : rate_(static_cast<double>(rate.value)), burst_(static_cast<double>(burst.value)), level_(burst_) {}

  // How long until something may be spent; zero = now.
  Nanoseconds wait(Nanoseconds now) {
    if (rate_ <= 0) return Nanoseconds{0};
    refill(now);
    if (level_ >= 0) return Nanoseconds{0};
    return Nanoseconds{static_cast<Nanoseconds::rep>(-level_ / rate_ * 1e9) + 1};
  }

  void spend(Bytes bytes) {
    if (rate_ > 0) level_ -= static_cast<double>(bytes.value);
  }
  void give_back(Bytes bytes) { level_ = std::min(burst_, level_ + static_cast<double>(bytes.value)); }

 private:
  void refill(Nanoseconds now) {
    if (seen_ && now > last_) level_ = std::min(burst_, level_ + seconds(now - last_) * rate_);
    last_ = now;
    seen_ = true;
  }

  double rate_, burst_, level_;
  Nanoseconds last_{};
  bool seen_ = false;
};

}  // namespace tier
