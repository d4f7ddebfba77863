#include "platform/linux/sampling/optional_clock.h"

namespace tier {
namespace {

constexpr Nanoseconds kBetweenLooks = std::chrono::seconds(10);
constexpr Nanoseconds kTryAnyway = std::chrono::minutes(10);

}  // namespace

bool OptionalClock::may_try() {
  if (refusal_.empty()) return true;
  const Nanoseconds now = clock_.now();
  if (now - refused_at_ >= kTryAnyway) return true;
  if (now - looked_at_ < kBetweenLooks) return false;
  looked_at_ = now;
  return machine_.facts() != refused_with_;
}

bool OptionalClock::refused(const Error& error) {
  refusal_ =
      "clock event not available (" + error.message + ")" + (error.fix.empty() ? "" : ": " + error.fix);
  refused_with_ = machine_.facts();
  refused_at_ = looked_at_ = clock_.now();
  return false;
}

Result<void> OptionalClock::require(double frequency) {
  Result<void> set = machine_.set_frequency(frequency);
  if (set) frequency_ = frequency;
  return set;
}

bool OptionalClock::request(double frequency) {
  if (frequency == frequency_) return false;
  if (frequency > 0) {
    if (!may_try()) return false;
    if (!price_) {
      const Result<std::optional<Nanoseconds>> step = machine_.measure_price();
      if (!step) return refused(step.error());
      price_ = *step;
      refusal_.clear();
      return false;
    }
  }
  if (const Result<void> set = machine_.set_frequency(frequency); !set) return refused(set.error());
  refusal_.clear();
  frequency_ = frequency;
  return true;
}

}  // namespace tier
