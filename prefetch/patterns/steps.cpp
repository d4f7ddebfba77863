#include "prefetch/patterns/steps.h"

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <numeric>
#include <vector>

namespace tier {
namespace {

constexpr double kError = 0.01;         // of one test, where there is nothing to be found
constexpr double kJumpsOfWalks = 0.25;  // most that a walk jumps: from array to array, and starting over
// Over a longer time than this a walk may have gone through several arrays: its jumps say nothing.
constexpr Nanoseconds kLongestJump = std::chrono::milliseconds(20);
constexpr std::size_t kFewest = 5;  // steps that a stride is believed by

// Probability that of n events of probability p at least k come.
double tail(std::size_t n, std::size_t k, double p) {
  double sum = 0;
  double term = std::pow(1 - p, static_cast<double>(n));  // of i events
  for (std::size_t i = 0; i <= n; ++i) {
    if (i >= k) sum += term;
    term *= static_cast<double>(n - i) / static_cast<double>(i + 1) * p / (1 - p);
  }
  return sum;
}

// The steps of one direction with the most speeds within [v, 4v]. The speeds are in bytes per 1024 ns.
std::vector<Step> steady(std::span<const Step> steps, bool forward) {
  struct Timed {
    std::int64_t speed;
    Step step;
  };
  std::vector<Timed> sorted;
  for (const Step& step : steps)
    if (step.bytes != 0 && (step.bytes > 0) == forward)
      sorted.push_back({std::abs(step.bytes) * 1024 / step.time.count(), step});
  std::sort(sorted.begin(), sorted.end(), [](const Timed& a, const Timed& b) { return a.speed < b.speed; });
  std::size_t best = 0, best_count = 0;
  for (std::size_t first = 0, last = 0; first < sorted.size(); ++first) {
    while (last < sorted.size() && sorted[last].speed / 4 <= sorted[first].speed) ++last;
    if (last - first > best_count) best = first, best_count = last - first;
  }
  std::vector<Step> out;
  for (std::size_t i = best; i < best + best_count; ++i) out.push_back(sorted[i].step);
  return out;
}

AccessPattern walk(std::span<const Step> steps) {
  for (const bool forward : {true, false}) {
    const std::vector<Step> along = steady(steps, forward);
    if (tail(steps.size(), along.size(), 0.5) > kError) continue;
    const bool strided = along.size() >= kFewest && common_divisor(along) >= kLeastStride;
    return strided ? AccessPattern::kStrided : AccessPattern::kSequential;
  }
  return AccessPattern::kUnknown;
}

// Steps in order of time.
bool jumps_about(std::span<const Step> steps) {
  std::size_t forward = 0, back = 0;
  while (!steps.empty() && steps.back().time > kLongestJump) steps = steps.first(steps.size() - 1);
  for (const Step& step : steps) {
    if (std::abs(step.bytes) / kFastestWalk <= step.time.count()) continue;
    ++(step.bytes > 0 ? forward : back);
  }
  // Large objects and a stride that was not followed are alike in this.
  return tail(steps.size(), forward + back, kJumpsOfWalks) <= kError &&
         4 * std::min(forward, back) >= forward + back && common_divisor(steps) < kLeastStride;
}

}  // namespace

std::uint64_t common_divisor(std::span<const Step> steps) {
  std::uint64_t divisor = 0;
  for (const Step& step : steps)
    divisor = std::gcd(divisor, static_cast<std::uint64_t>(std::abs(step.bytes)));
  return divisor;
}

AccessPattern pattern_of(std::span<const Step> steps) {
  std::vector<Step> shortest(steps.begin(), steps.end());
  // A step of no length says that a thing is used again, not where it goes.
  std::erase_if(shortest, [](const Step& step) { return step.bytes == 0 || step.time.count() <= 0; });
  std::sort(shortest.begin(), shortest.end(), [](const Step& a, const Step& b) { return a.time < b.time; });
  const std::span<const Step> all(shortest), half = all.first((all.size() + 1) / 2);
  for (const auto& each : {all, half})
    if (const AccessPattern found = walk(each); found != AccessPattern::kUnknown) return found;
  for (const auto& each : {all, half})
    if (jumps_about(each)) return AccessPattern::kRandom;
  return AccessPattern::kUnknown;
}

}  // namespace tier
