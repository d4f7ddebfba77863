#include "platform/linux/sampling/rate_control.h"

#include <algorithm>
#include <cmath>

namespace tier {
namespace {

constexpr double kEnough = 0.8;  // of the wished rate: the tick alone will do
constexpr double kHighestFrequency = 10000;
constexpr double kSmallStep = 0.25;
constexpr double kLeastUsable = 0.25;
constexpr double kTolerance = 1.5;       // prices differ from second to second
constexpr double kLongestStride = 1000;  // ticks: 4 s at 250 Hz

}  // namespace

double highest_frequency(Nanoseconds price) {
  return price.count() > 0 ? std::min(kHighestFrequency, kOwnShare / seconds(price)) : kHighestFrequency;
}

double clock_frequency(const RateInput& in, const ClockReach& reach) {
  if (in.busy_cpus <= 0 || reach.useful <= 0 || in.ticks_per_cpu < 0) return 0;
  const double from_ticks = in.busy_cpus * in.ticks_per_cpu;
  // Where next to nothing decodes, more of it would not help.
  const double wanted = in.target_samples_per_second / std::max(in.usable_share, kLeastUsable);
  if (from_ticks >= kEnough * wanted) return 0;
  const double missing = (wanted - from_ticks) / reach.useful;
  const double left = std::max(0.0, std::min(in.cpu_budget - in.spent, kStakeShare * in.stake) - reach.spent);
  const double price_of_one_hertz = seconds(in.price) * reach.paid;
  const double affordable = price_of_one_hertz > 0 ? left / price_of_one_hertz : kHighestFrequency;
  const double frequency = std::min({missing, affordable, highest_frequency(in.price)});
  return frequency < kLowestFrequency ? 0 : frequency;
}

bool better_on_tasks(const RateInput& in, const ClockReach& tasks, const ClockReach& cpus,
                     bool now_on_tasks) {
  const double on_tasks = clock_frequency(in, tasks) * tasks.useful;
  const double on_cpus = clock_frequency(in, cpus) * cpus.useful;
  return on_tasks > 0 && on_tasks * (now_on_tasks ? 1 + kSmallStep : 1) >= on_cpus;
}

ClockChoice choose_clock(const RateInput& in, const ClockReach& tasks, const ClockReach& cpus,
                         bool now_on_tasks) {
  const bool on_tasks = better_on_tasks(in, tasks, cpus, now_on_tasks);
  return {on_tasks, clock_frequency(in, on_tasks ? tasks : cpus)};
}

unsigned tick_stride(double unthinned, double cpu_budget, unsigned current) {
  if (!(cpu_budget > 0)) return current;
  const double exact = unthinned / cpu_budget;
  if (exact <= kTolerance * current && kTolerance * exact >= current) return current;
  return static_cast<unsigned>(std::clamp(std::ceil(exact), 1.0, kLongestStride));
}

bool worth_changing(double current, double wanted) {
  if ((current == 0) != (wanted == 0)) return true;
  return std::max(current, wanted) > (1 + kSmallStep) * std::min(current, wanted);
}

}  // namespace tier
