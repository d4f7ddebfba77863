#include "platform/linux/sampling/interrupt_price.h"

#include <algorithm>

#include "platform/linux/sampling/calibration.h"

namespace tier {
namespace {

constexpr double kFrequency = 5000;  // Hz: 50 interrupts a turn make a difference that shows
constexpr Nanoseconds kTurn = std::chrono::milliseconds(10);
constexpr std::size_t kPairs = 9;

// Work units that take about one turn.
std::uint64_t units_of_a_turn() {
  std::uint64_t units = 1024;
  Nanoseconds taken = time_fixed_work(units);
  while (taken < kTurn / 4) {
    units *= 2;
    taken = time_fixed_work(units);
  }
  return units * static_cast<std::uint64_t>(std::max<std::int64_t>(1, kTurn / taken));
}

}  // namespace

Result<std::optional<Nanoseconds>> InterruptPrice::step(const OpenEvent& open) {
  if (work_units_ == 0) work_units_ = units_of_a_turn();
  FileDescriptor event = TIER_TRY(open(kFrequency));
  const Nanoseconds with = time_fixed_work(work_units_);
  event = {};
  const Nanoseconds without = time_fixed_work(work_units_);
  const double interrupts = std::max(seconds(with) * kFrequency, 1.0);
  prices_.push_back(static_cast<double>((with - without).count()) / interrupts);
  if (prices_.size() < kPairs) return std::optional<Nanoseconds>();
  std::nth_element(prices_.begin(), prices_.begin() + kPairs / 2, prices_.end());
  return std::optional(Nanoseconds(static_cast<std::int64_t>(std::max(0.0, prices_[kPairs / 2]))));
}

}  // namespace tier
