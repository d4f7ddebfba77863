// One policy on one course, and how well it did.
#pragma once

#include <cstdint>
#include <vector>

#include "core/result.h"
#include "prefetch/tuner/policy.h"
#include "sim/prefetch/scenarios.h"

namespace tier::sim {

struct PrefetchRun {
  std::vector<double> progress;  // of the node in each interval, exact
  std::size_t transitions = 0;   // settings of scopes that changed
};

// Settings[phase][scope]: the best by kind where that is better over the whole phase than the best of the
// same for all, else these.
std::vector<std::vector<std::size_t>> best_settings(const PrefetchCourse& course);

// As in tierd's loop: an interval passes, its feedback is read, the policy decides for the next. At first
// all settings are 0. kFailed where the policy gives a number of settings, or a setting, that there is not.
Result<PrefetchRun> run_policy(const PrefetchCourse& course, PrefetchPolicy& policy, std::uint64_t seed);
// With these settings from each phase's first interval on.
PrefetchRun run_settings(const PrefetchCourse& course, const std::vector<std::vector<std::size_t>>& settings);

constexpr std::size_t kSettling = 20;  // intervals that a policy has to find what is best
constexpr double kNear = 0.03;         // of the oracle's progress: what counts as found
constexpr std::size_t kNearFor = 5;    // intervals, on average

struct PrefetchScore {
  double gain = 0;  // progress over the default's, minus 1; of the whole course
  // Of each phase that is longer than kSettling + kNearFor: mean progress over that of the best static
  // settings, minus 1, after kSettling intervals.
  std::vector<double> settled;
  // Of the same phases: intervals until the mean of the next kNearFor is within kNear of the oracle's; the
  // length of the phase where that never is.
  std::vector<std::size_t> settling;
  double transitions = 0;  // per scope and 1000 intervals
};

PrefetchScore score(const PrefetchCourse& course, const PrefetchRun& run, const PrefetchRun& usual,
                    const PrefetchRun& best);

}  // namespace tier::sim
