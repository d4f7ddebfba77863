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

// Bytes per 1024 ns, whatever the direction.
std::int64_t speed(const Step& step) { return std::abs(step.bytes) * 1024 / step.time.count(); }

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

// Told from chance: so many of n where at most a share of p is to be expected.
bool told(std::size_t n, std::size_t k, double p) {
  return static_cast<double>(k) > p * static_cast<double>(n) && tail(n, k, p) <= kError;
}

// The steps of one direction with the most speeds within [v, 4v]. By speed on the way in.
std::vector<Step> steady(std::span<const Step> by_speed, bool forward, Nanoseconds longest) {
  std::vector<Step> one_way;
  for (const Step& step : by_speed)
    if ((step.bytes > 0) == forward && step.time <= longest) one_way.push_back(step);
  std::size_t best = 0, best_count = 0;
  for (std::size_t first = 0, last = 0; first < one_way.size(); ++first) {
    while (last < one_way.size() && speed(one_way[last]) / 4 <= speed(one_way[first])) ++last;
    if (last - first > best_count) best = first, best_count = last - first;
  }
  return {one_way.begin() + static_cast<std::ptrdiff_t>(best),
          one_way.begin() + static_cast<std::ptrdiff_t>(best + best_count)};
}

// `steps`: how many of by_speed are not longer than `longest`.
AccessPattern walk(std::span<const Step> by_speed, std::size_t steps, Nanoseconds longest) {
  for (const bool forward : {true, false}) {
    const std::vector<Step> along = steady(by_speed, forward, longest);
    if (!told(steps, along.size(), 0.5)) continue;
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
  return told(steps.size(), forward + back, kJumpsOfWalks) && 4 * std::min(forward, back) >= forward + back &&
         common_divisor(steps) < kLeastStride;
}

}  // namespace

std::uint64_t common_divisor(std::span<const Step> steps) {
  std::uint64_t divisor = 0;
  for (const Step& step : steps)
    divisor = std::gcd(divisor, static_cast<std::uint64_t>(std::abs(step.bytes)));
  return divisor;
}

AccessPattern pattern_of(std::span<const Step> steps) {
  std::vector<Step> by_time;
  // A step of no length says that a thing is used again, not where it goes.
  for (const Step& step : steps)
    if (step.bytes != 0 && step.time.count() > 0) by_time.push_back(step);
  if (by_time.empty()) return AccessPattern::kUnknown;
  std::vector<Step> by_speed = by_time;
  std::sort(by_time.begin(), by_time.end(), [](const Step& a, const Step& b) { return a.time < b.time; });
  std::sort(by_speed.begin(), by_speed.end(),
            [](const Step& a, const Step& b) { return speed(a) < speed(b); });
  const std::span<const Step> all(by_time);
  std::size_t half = (all.size() + 1) / 2;
  while (half < all.size() && all[half].time == all[half - 1].time) ++half;
  for (const std::size_t count : {all.size(), half})
    if (const auto found = walk(by_speed, count, all[count - 1].time); found != AccessPattern::kUnknown)
      return found;
  for (const std::size_t count : {all.size(), half})
    if (jumps_about(all.first(count))) return AccessPattern::kRandom;
  return AccessPattern::kUnknown;
}

}  // namespace tier
