#include "migrator/call_size.h"

#include <algorithm>

namespace tier {
namespace {

constexpr double kLeast = 64 << 10, kFirst = 256 << 10;  // bytes
// Seconds. The whole size is kept while a call of it takes no more than kLongest; else calls are to take
// kAim.
constexpr double kLongest = 9e-3, kAim = 8e-3;
constexpr double kMostGrowth = 2, kLeastGrowth = 1.25;
// After so many calls of one size another one is tried: one size cannot tell the fixed part from the rest,
// and one slow call must not keep all later ones small.
constexpr int kProbeEvery = 8;

bool alike(double a, double b) { return std::max(a, b) < kLeastGrowth * std::min(a, b); }

}  // namespace

CallSize::CallSize(Bytes most)
    : most_(static_cast<double>(most.value)), next_(std::min(kFirst, static_cast<double>(most.value))) {}

// From this call and the one before, where their sizes differ.
void CallSize::tell_apart(double bytes, double took) {
  if (bytes_ > 0 && !alike(bytes, bytes_)) {
    const double slope = std::max(0.0, (took - took_) / (bytes - bytes_));
    fixed_ = std::max(0.0, std::min(took, took_) - slope * std::min(bytes, bytes_));
    alike_ = 0;
  } else {
    ++alike_;
  }
  fixed_ = std::min(fixed_, took);
  bytes_ = bytes, took_ = took;
}

// Where the fixed part alone is too long, small calls help little: as much again is then spent on moving.
double CallSize::wanted() const {
  const double per_byte = (took_ - fixed_) / bytes_;
  if (fixed_ + per_byte * most_ <= kLongest) return most_;
  return std::max(kAim - fixed_, fixed_) / per_byte;
}

void CallSize::add(Bytes asked, Nanoseconds took) {
  if (asked.value == 0) return;
  tell_apart(static_cast<double>(asked.value), std::max(1e-9, seconds(took)));
  // As if all of it went by size: a guess that is wrong costs one call of kLongest.
  const double growth = std::clamp(kLongest / took_, kLeastGrowth, kMostGrowth);
  next_ = std::min(wanted(), std::max(next_, bytes_ * growth));
  if (alike_ >= kProbeEvery && next_ < most_) next_ = bytes_ * growth, alike_ = 0;
  next_ = std::min(most_, std::max(kLeast, next_));
}

}  // namespace tier
