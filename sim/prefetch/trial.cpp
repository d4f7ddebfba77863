#include "sim/prefetch/trial.h"

#include <fmt/format.h>

#include <algorithm>
#include <functional>
#include <numeric>

#include "sim/prefetch/meters.h"
#include "sim/prefetch/oracle.h"

namespace tier::sim {
namespace {

using Settings = std::vector<std::size_t>;

// The model's answer, kept while nothing changes.
class Clockwork {
 public:
  explicit Clockwork(const PrefetchCourse& course) : course_(course) {}
  const PrefetchState& at(std::size_t phase, std::size_t interval, const Settings& settings) {
    const double intensity = course_.intensity[interval];
    if (phase != phase_ || intensity != intensity_ || settings != settings_) {
      state_ = course_.phases[phase].model->solve(settings, intensity);
      phase_ = phase, intensity_ = intensity, settings_ = settings;
    }
    return state_;
  }

 private:
  const PrefetchCourse& course_;
  std::size_t phase_ = ~std::size_t{0};
  double intensity_ = 0;
  Settings settings_;
  PrefetchState state_;
};

std::size_t changes(const Settings& before, const Settings& after) {
  return std::inner_product(before.begin(), before.end(), after.begin(), std::size_t{0}, std::plus<>(),
                            std::not_equal_to<>());
}

double sum(const std::vector<double>& values, std::size_t begin, std::size_t count) {
  const auto first = values.begin() + static_cast<std::ptrdiff_t>(begin);
  return std::accumulate(first, first + static_cast<std::ptrdiff_t>(count), 0.0);
}

double progress_of(const PrefetchCourse& course, std::size_t phase, const Settings& settings) {
  Clockwork clockwork(course);
  const PrefetchPhase& of = course.phases[phase];
  double total = 0;
  for (std::size_t i = of.begin; i < of.begin + of.intervals; ++i)
    total += clockwork.at(phase, i, settings).progress;
  return total;
}

// Intervals of a phase until the run is near the best.
std::size_t settling_of(const PrefetchPhase& phase, const PrefetchRun& run, const PrefetchRun& best) {
  for (std::size_t i = 0; i + kNearFor <= phase.intervals; ++i)
    if (sum(run.progress, phase.begin + i, kNearFor) >=
        (1 - kNear) * sum(best.progress, phase.begin + i, kNearFor))
      return i;
  return phase.intervals;
}

}  // namespace

std::vector<Settings> best_settings(const PrefetchCourse& course) {
  std::vector<Settings> best;
  for (std::size_t p = 0; p < course.phases.size(); ++p) {
    const PrefetchPhase& phase = course.phases[p];
    const double mean =
        sum(course.intensity, phase.begin, phase.intervals) / static_cast<double>(phase.intervals);
    best.push_back(best_settings(*phase.model, mean));
    double most = progress_of(course, p, best.back());
    for (std::size_t k = 0; k < course.settings; ++k) {
      const Settings uniform = uniform_settings(*phase.model, k);
      const double progress = progress_of(course, p, uniform);
      if (progress > most) most = progress, best.back() = uniform;
    }
  }
  return best;
}

Result<PrefetchRun> run_policy(const PrefetchCourse& course, PrefetchPolicy& policy, std::uint64_t seed) {
  Clockwork clockwork(course);
  PrefetchMeters meters(seed, course.scopes);
  Settings settings(course.scopes, 0);
  PrefetchRun run;
  for (std::size_t p = 0; p < course.phases.size(); ++p) {
    const PrefetchPhase& phase = course.phases[p];
    for (std::size_t i = phase.begin; i < phase.begin + phase.intervals; ++i) {
      const PrefetchState& state = clockwork.at(p, i, settings);
      run.progress.push_back(state.progress);
      Settings next = policy.decide(meters.read(state));
      if (next.size() != course.scopes)
        return fail(ErrorKind::kFailed, fmt::format("the policy gave {} settings for {} scopes, interval {}",
                                                    next.size(), course.scopes, i));
      for (const std::size_t setting : next)
        if (setting >= course.settings)
          return fail(ErrorKind::kFailed, fmt::format("the policy chose setting {} of {}, interval {}",
                                                      setting, course.settings, i));
      run.transitions += changes(settings, next);
      settings = std::move(next);
    }
  }
  return run;
}

PrefetchRun run_settings(const PrefetchCourse& course, const std::vector<Settings>& settings) {
  Clockwork clockwork(course);
  PrefetchRun run;
  Settings before(course.scopes, 0);
  for (std::size_t p = 0; p < course.phases.size(); ++p) {
    const PrefetchPhase& phase = course.phases[p];
    for (std::size_t i = phase.begin; i < phase.begin + phase.intervals; ++i)
      run.progress.push_back(clockwork.at(p, i, settings[p]).progress);
    run.transitions += changes(before, settings[p]);
    before = settings[p];
  }
  return run;
}

PrefetchScore score(const PrefetchCourse& course, const PrefetchRun& run, const PrefetchRun& usual,
                    const PrefetchRun& best) {
  PrefetchScore score;
  const std::size_t intervals = run.progress.size();
  score.gain = sum(run.progress, 0, intervals) / sum(usual.progress, 0, intervals) - 1;
  score.transitions =
      1000.0 * static_cast<double>(run.transitions) / static_cast<double>(course.scopes * intervals);
  for (const PrefetchPhase& phase : course.phases) {
    if (phase.intervals <= kSettling + kNearFor) continue;
    const std::size_t begin = phase.begin + kSettling, count = phase.intervals - kSettling;
    score.settled.push_back(sum(run.progress, begin, count) / sum(best.progress, begin, count) - 1);
    score.settling.push_back(settling_of(phase, run, best));
  }
  return score;
}

}  // namespace tier::sim
