#include "tools/sampler-bench/budget_rate.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <cstdio>

#include "platform/linux/sampling/clock_events.h"
#include "platform/linux/sampling/settled_rate.h"
#include "tools/sampler-bench/workloads.h"

namespace tier {
namespace {

constexpr Nanoseconds kSettled = std::chrono::seconds(16);  // the clock is priced in nine steps, one a second
constexpr Nanoseconds kCodeKnown = std::chrono::seconds(4);  // where there is no clock to wait for
constexpr Nanoseconds kMeasured = std::chrono::seconds(6);
constexpr double kAnyPrice = 100;  // seconds of stall a second at stake: worth more than any budget
constexpr int kParts = 6;  // as long as the source's own interval, so that each has an input of its own
constexpr double kManyCpus = 64;

// Samples of use a second of real time that the source would settle at on a machine of `cpus` CPUs.
ModelledRate model(const ClockInput& input, Nanoseconds sample, double cpus) {
  const ClockReach on_cpus{input.rate.busy_cpus, cpus, 0};
  return {settled_rate(input.rate, sample, {}, on_cpus).usable,
          settled_rate(input.rate, sample, input.tasks, on_cpus).usable};
}

// Modelled rates of the parts of a measurement, each by what its own second was like.
class ModelledParts {
 public:
  explicit ModelledParts(double cpus) : cpus_(cpus) {}

  void add(const StallSource& source, double length) {
    const StallPrices prices = source.prices();
    const double samples = source.status().samples_per_second;
    if (!prices.interrupt || samples <= 0) return;
    const auto sample = Nanoseconds(std::llround(1e9 * prices.chosen_by.rate.spent / samples));
    const ModelledRate part = model(prices.chosen_by, sample, cpus_);
    sum_.on_cpus += part.on_cpus * length;
    sum_.chosen += part.chosen * length;
    ++parts_;
  }

  // Per second of the program's own time, of which it had `busy` seconds.
  std::optional<ModelledRate> rate(double busy) const {
    if (parts_ < kParts) return std::nullopt;
    return ModelledRate{sum_.on_cpus / busy, sum_.chosen / busy};
  }

 private:
  double cpus_;
  int parts_ = 0;
  ModelledRate sum_;  // samples
};

std::optional<BudgetRate> measure(const Program& program, const Clock& clock, double stake,
                                  Nanoseconds settled) {
  SamplingSettings settings;
  settings.target_samples_per_second = 1e6;  // as many as the stake and the budget buy
  const Result<std::unique_ptr<StallSource>> source = start_stall(settings, clock);
  if (!source) {
    cannot(source.error());
    return std::nullopt;
  }
  (*source)->set_stake(stake);
  watch(**source, program, settled);
  const Nanoseconds begun = clock.now(), ran = program.cpu_time();
  double share = 0;
  std::uint64_t useful = 0;
  ModelledParts here(static_cast<double>(online_cpus().size())), many(kManyCpus);
  for (int part = 0; part < kParts; ++part) {
    const Nanoseconds part_begun = clock.now();
    const SampleBatch batch = watch(**source, program, kMeasured / kParts);
    useful += batch.counters.delivered + batch.counters.computing;
    share += (*source)->status().cpu_share / kParts;
    const double length = seconds(clock.now() - part_begun);
    here.add(**source, length);
    many.add(**source, length);
  }
  if (!program.running() || useful == 0) return std::nullopt;
  // A machine busy with other work gives the program less than a CPU: samples a second of its own time.
  const double passed = seconds(clock.now() - begun), busy = seconds(program.cpu_time() - ran);
  fmt::print("  {}\n", (*source)->status().fidelity);
  const auto count = static_cast<double>(useful);
  return BudgetRate{count / busy, share * passed / count, share, here.rate(busy), many.rate(busy)};
}

}  // namespace

std::vector<Subject> rate_subjects(const std::string& folder) {
  std::vector<Subject> subjects = real_programs(folder);
  subjects.resize(3);  // sqlite3, redis-server, python3
  subjects.push_back(busy_compiler(folder));
  subjects.push_back({"pointer chase", {}, {}, chase_pointers});
  return subjects;
}

std::optional<BudgetRate> measure_rate(const Program& program, const Clock& clock) {
  return measure(program, clock, kAnyPrice, kSettled);
}

std::optional<BudgetRate> measure_tick_rate(const Program& program, const Clock& clock) {
  return measure(program, clock, 0, kCodeKnown);
}

}  // namespace tier
