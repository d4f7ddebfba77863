#include "sim/prefetch/scenarios.h"

#include <algorithm>
#include <cmath>

#include "sim/prefetch/course.h"
#include "sim/prefetch/oracle.h"
#include "sim/prefetch/readahead.h"

namespace tier::sim {
namespace {

// --- what is drawn -------------------------------------------------------------------------------------
//
// Ranges are assumed [A] but where a source is named: coverage, accuracy and pollution of prefetchers span
// what Srinath et al. ("Feedback Directed Prefetching", HPCA 2007) show of their programs, from streams that
// are nearly all covered to random accesses of which most of what is fetched is thrown away.

struct PrefetcherRange {
  Range coverage, waste, pollution;
  Prefetcher draw(std::mt19937_64& random) const {
    return {coverage.draw(random), waste.draw(random), pollution.draw(random)};
  }
};

struct Kind {
  AccessPattern pattern;
  double share;  // of the scopes
  Range wait;    // seconds waited per second of computing, without prefetchers, on an idle machine
  Range slow, parallel, writes, lead;
  PrefetcherRange l1, l2;
};

// Streams: nearly all covered, little in vain.
Kind sequential(double share, Range wait, Range slow) {
  return {AccessPattern::kSequential,
          share,
          wait,
          slow,
          {3, 5},
          {0.1, 0.5},
          {1.5, 3},
          {{0.35, 0.5}, {0.01, 0.04}, {0, 0.01}},
          {{0.5, 0.7}, {0.02, 0.08}, {0, 0.02}}};
}
// Scattered accesses: what the adjacent-line prefetcher and false streams bring is mostly thrown away.
Kind random_access(double share, Range wait, Range slow) {
  return {AccessPattern::kRandom,
          share,
          wait,
          slow,
          {8, 14},
          {0.05, 0.3},
          {1, 2},
          {{0.01, 0.03}, {0.01, 0.04}, {0, 0.01}},
          {{0.02, 0.08}, {0.1, 0.3}, {0.01, 0.05}}};
}

// Two machines of sim/machine/presets.cpp, sources there; queueing fits their load curves. From half of the
// memory channels in use to all.
using Tiers = std::array<PrefetchTier, 2>;
Tiers draw_tiers(std::mt19937_64& random) {
  const double by = Range{0.5, 1.05}.draw(random);
  if (draw_uniform(random) < 0.5) return {{{130e-9, 590e9, 0.15}, {112e-9, by * 245e9, 0.15}}};
  return {{{110e-9, 245e9, 0.15}, {245e-9, by * 48e9, 0.22}}};
}

PrefetchWorkload draw_workload(const Kind& kind, std::mt19937_64& random) {
  PrefetchWorkload of;
  of.pattern = kind.pattern;
  of.rate = Range{2e9, 6e9}.draw(random);  // 1 to 2 instructions per cycle at 2 to 3 GHz
  of.slow_share = kind.slow.draw(random);
  of.parallel = kind.parallel.draw(random);
  of.writes = kind.writes.draw(random);
  of.lead = kind.lead.draw(random);
  of.misses = kind.wait.draw(random);  // seconds of waiting so far
  of.l1 = kind.l1.draw(random);
  of.l2 = kind.l2.draw(random);
  return of;
}

struct Stage {
  std::vector<Kind> kinds;
  Range use;  // of the busiest tier under the defaults, to which the misses are scaled; {0, 0}: as drawn
};

double busiest(const PrefetchState& state) { return std::max(*state.fast_use, *state.slow_use); }

// How many times more misses bring the busiest tier to that use under the defaults; at most ten, where it
// stays below.
double scale_to(const PrefetchModel& model, double use) {
  double low = 0.1, high = 10;
  while (high > 1.001 * low) {
    const double middle = std::sqrt(low * high);
    (busiest(model.solve(uniform_settings(model, 0), middle)) < use ? low : high) = middle;
  }
  return low;
}

// A tenth of the scopes idle on average, a third of the others partly; programs of one kind differ by 15 %.
std::shared_ptr<const PrefetchModel> draw_hardware(const Stage& stage, const Tiers& tiers,
                                                   std::mt19937_64& random,
                                                   const std::vector<std::uint32_t>& places) {
  std::vector<PrefetchWorkload> of_kind, workloads;
  for (const Kind& kind : stage.kinds) of_kind.push_back(draw_workload(kind, random));
  std::vector<std::size_t> kinds;
  for (const std::uint32_t place : places) {
    double above = (place + 0.5) / static_cast<double>(places.size());
    std::size_t kind = 0;
    while (kind + 1 < stage.kinds.size() && above >= stage.kinds[kind].share)
      above -= stage.kinds[kind++].share;
    PrefetchWorkload of = of_kind[kind];
    const double latency = (1 - of.slow_share) * tiers[0].latency + of.slow_share * tiers[1].latency;
    of.misses *= Range{0.85, 1.15}.draw(random) * of.parallel / (of.rate * latency);
    const double chance = draw_uniform(random), part = Range{0.3, 1}.draw(random);
    of.activity = chance < 0.1 ? 0 : chance < 0.4 ? part : 1;
    workloads.push_back(of);
    kinds.push_back(kind);
  }
  if (stage.use.high > 0) {
    const double scale = scale_to(HardwareModel(tiers, workloads, kinds), stage.use.draw(random));
    for (PrefetchWorkload& of : workloads) of.misses *= scale;
  }
  return std::make_shared<HardwareModel>(tiers, std::move(workloads), std::move(kinds));
}

double progress_under(const PrefetchModel& model, std::size_t setting) {
  return model.solve(uniform_settings(model, setting), 1).progress;
}
double busiest_under(const PrefetchModel& model, std::size_t setting) {
  return busiest(model.solve(uniform_settings(model, setting), 1));
}
double best_uniform(const PrefetchModel& model) {
  double most = 0;
  for (std::size_t k = 0; k < model.settings(); ++k) most = std::max(most, progress_under(model, k));
  return most;
}
double best_mix(const PrefetchModel& model) { return model.solve(best_settings(model), 1).progress; }

bool within(double value, double low, double high) { return value >= low && value <= high; }

// --- the scenarios -------------------------------------------------------------------------------------

constexpr int kMachines = 20;       // drawn until one can keep the promise
constexpr Range kSteady{200, 400};  // intervals of a phase where nothing in particular is to change

Result<PrefetchCourse> hardware(const char* name, std::uint64_t seed, std::size_t intervals, Range length,
                                const std::vector<Stage>& stages, const Promise& promise) {
  std::mt19937_64 of_machine(~seed);
  Result<PrefetchCourse> course;
  for (int i = 0; i < kMachines; ++i) {
    const Tiers tiers = draw_tiers(of_machine);
    const DrawModel draw = [&](std::mt19937_64& random, std::size_t phase, const auto& places) {
      return draw_hardware(stages[phase % stages.size()], tiers, random, places);
    };
    course = draw_course(name, seed, intervals, kPrefetchScopes, length, draw, promise);
    if (course) break;
  }
  return course;
}

const Stage& rich_stage() {
  static const Stage stage{{sequential(1, {0.3, 0.6}, {0, 0.1})}, {}};
  return stage;
}
constexpr double kFull = 0.84;  // use of a tier that counts as saturated

bool is_rich(const PrefetchModel& model) {
  return within(progress_under(model, 0) / progress_under(model, 2), 1.2, 1.4) &&
         busiest_under(model, 0) < 0.75;
}
const Stage& saturated_stage() {
  static const Stage stage{{random_access(1, {1, 3}, {0.7, 1})}, {0.86, 0.94}};
  return stage;
}
bool is_saturated(const PrefetchModel& model) {
  return within(progress_under(model, 2) / progress_under(model, 0), 1.06, 1.16) &&
         busiest_under(model, 0) > kFull;
}

const Stage& mixed_stage() {
  static const Stage stage = [] {
    Kind scattered = random_access(0.5, {0.6, 1.5}, {0.85, 1});
    scattered.l2.waste = {0.3, 0.6};
    return Stage{{sequential(0.5, {0.4, 0.8}, {0, 0.05}), scattered}, {0.86, 0.94}};
  }();
  return stage;
}
// Short streams: most misses are covered, and each stream's end is overshot.
const Stage& knee_stage() {
  static const Stage stage = [] {
    Kind kind = sequential(1, {0.3, 0.6}, {0.6, 0.9});
    kind.l1 = {{0.15, 0.3}, {0.01, 0.04}, {0, 0.01}};
    kind.l2 = {{0.35, 0.55}, {0.4, 0.8}, {0, 0.02}};
    return Stage{{kind}, {0.85, 0.9}};
  }();
  return stage;
}
// Half of the misses are covered well ahead of time, at the price of nearly as much that is never used.
const Stage& selfish_stage() {
  static const Stage stage = [] {
    Kind kind = random_access(1, {1, 3}, {0.8, 1});
    kind.lead = {3, 5};
    kind.l1 = {{0.02, 0.06}, {0.02, 0.06}, {0, 0.01}};
    kind.l2 = {{0.4, 0.6}, {0.6, 1}, {0, 0.02}};
    return Stage{{kind}, {0.86, 0.94}};
  }();
  return stage;
}
// Strides of some lines: the prefetcher of L1 knows them by their instruction, those of L2 see no stream.
const Stage& strided_stage() {
  static const Stage stage{{{AccessPattern::kStrided,
                             1,
                             {0.6, 1.2},
                             {0.6, 1},
                             {3, 6},
                             {0.1, 0.4},
                             {2, 4},
                             {{0.5, 0.7}, {0.02, 0.08}, {0, 0.01}},
                             {{0.03, 0.1}, {0.25, 0.6}, {0.01, 0.05}}}},
                           {0.85, 0.95}};
  return stage;
}

Result<PrefetchCourse> rich(std::uint64_t seed, std::size_t intervals) {
  return hardware("rich", seed, intervals, kSteady, {rich_stage()},
                  [](const PrefetchModel& model, std::size_t) { return is_rich(model); });
}

Result<PrefetchCourse> saturated(std::uint64_t seed, std::size_t intervals) {
  return hardware("saturated", seed, intervals, kSteady, {saturated_stage()},
                  [](const PrefetchModel& model, std::size_t) { return is_saturated(model); });
}

Result<PrefetchCourse> mixed(std::uint64_t seed, std::size_t intervals) {
  return hardware("mixed", seed, intervals, kSteady, {mixed_stage()},
                  [](const PrefetchModel& model, std::size_t) {
                    return best_mix(model) > 1.04 * best_uniform(model) && busiest_under(model, 0) > kFull;
                  });
}

Result<PrefetchCourse> knee(std::uint64_t seed, std::size_t intervals) {
  return hardware("knee", seed, intervals, kSteady, {knee_stage()},
                  [](const PrefetchModel& model, std::size_t) {
                    return within(progress_under(model, 0) / progress_under(model, 2), 1.05, 1.4) &&
                           busiest_under(model, 0) > kFull && busiest_under(model, 2) < 0.57;
                  });
}

Result<PrefetchCourse> alternating(std::uint64_t seed, std::size_t intervals) {
  return hardware("alternating", seed, intervals, {40, 101}, {rich_stage(), saturated_stage()},
                  [](const PrefetchModel& model, std::size_t phase) {
                    return phase % 2 == 0 ? is_rich(model) : is_saturated(model);
                  });
}

Result<PrefetchCourse> indifferent(std::uint64_t seed, std::size_t intervals) {
  const Stage stage{{sequential(0.5, {0, 0.004}, {0, 0.5}), random_access(0.5, {0, 0.02}, {0, 0.5})}, {}};
  return hardware(
      "indifferent", seed, intervals, kSteady, {stage}, [](const PrefetchModel& model, std::size_t) {
        const double usual = progress_under(model, 0);
        return within(progress_under(model, 1) / usual, 0.996, 1.004) &&
               within(progress_under(model, 2) / usual, 0.996, 1.004) && best_mix(model) < 1.004 * usual;
      });
}

// Whether each scope by itself gains by prefetching, whatever the others do.
bool tempts(const PrefetchModel& model) {
  const auto off = uniform_settings(model, 2), on = uniform_settings(model, 0);
  const PrefetchState with_off = model.solve(off, 1), with_on = model.solve(on, 1);
  std::size_t one = 0;
  while (with_off.scopes[one].progress == 0) ++one;
  auto first = off, last = on;
  first[one] = 0, last[one] = 2;
  return model.solve(first, 1).scopes[one].progress > 1.1 * with_off.scopes[one].progress &&
         model.solve(last, 1).scopes[one].progress < 0.95 * with_on.scopes[one].progress;
}

Result<PrefetchCourse> selfish(std::uint64_t seed, std::size_t intervals) {
  return hardware(
      "selfish", seed, intervals, kSteady, {selfish_stage()}, [](const PrefetchModel& model, std::size_t) {
        return within(progress_under(model, 2) / progress_under(model, 0), 1.06, 1.35) && tempts(model);
      });
}

Result<PrefetchCourse> strided(std::uint64_t seed, std::size_t intervals) {
  return hardware(
      "strided", seed, intervals, kSteady, {strided_stage()}, [](const PrefetchModel& model, std::size_t) {
        return progress_under(model, 1) > 1.04 * std::max(progress_under(model, 0), progress_under(model, 2));
      });
}

// Latency and bandwidth of a SATA disk of flash, an NVMe disk, a volume over the network: orders of
// magnitude of data sheets [A].
constexpr double kDevices[][2] = {{150e-6, 0.5e9}, {80e-6, 3e9}, {500e-6, 1e9}};
constexpr std::size_t kDeviceCount = 6;

std::vector<FileReaders> draw_devices(std::mt19937_64& random) {
  std::vector<FileReaders> devices(kDeviceCount);
  for (FileReaders& of : devices) {
    const auto& device = kDevices[draw_below(random, std::size(kDevices))];
    of.latency = device[0] * Range{0.8, 1.25}.draw(random);
    of.bandwidth = device[1] * Range{0.8, 1.25}.draw(random);
  }
  return devices;
}

FileReaders draw_readers(const FileReaders& device, std::mt19937_64& random, bool in_sequence) {
  FileReaders of = device;
  of.pattern = in_sequence ? AccessPattern::kSequential : AccessPattern::kRandom;
  of.readers = std::floor(Range{1, 9}.draw(random));
  of.compute = (in_sequence ? Range{2e-6, 10e-6} : Range{50e-6, 400e-6}).draw(random);
  of.run = (in_sequence ? Range{5e3, 1e5} : Range{1, 2}).draw(random);
  of.missing = (in_sequence ? Range{0.9, 1} : Range{0.3, 0.8}).draw(random);
  return of;
}

Result<PrefetchCourse> readahead(std::uint64_t seed, std::size_t intervals) {
  std::mt19937_64 of_machine(~seed);
  const std::vector<FileReaders> machine = draw_devices(of_machine);
  const DrawModel draw = [&](std::mt19937_64& random, std::size_t, const std::vector<std::uint32_t>& places) {
    std::vector<FileReaders> devices;
    std::vector<std::size_t> kinds;
    for (std::size_t i = 0; i < places.size(); ++i) {
      kinds.push_back(places[i] % 2);
      devices.push_back(draw_readers(machine[i], random, kinds[i] == 0));
      devices[i].weight = draw_uniform(random) < 0.1 ? 0 : 1.0 / kDeviceCount;
    }
    return std::make_shared<ReadaheadModel>(std::move(devices), std::move(kinds));
  };
  return draw_course(
      "readahead", seed, intervals, kDeviceCount, kSteady, draw,
      [](const PrefetchModel& model, std::size_t) { return best_mix(model) > 1.05 * best_uniform(model); });
}

constexpr PrefetchScenario kScenarios[] = {
    {"rich", "streams with bandwidth to spare: prefetching is worth 20 to 40 %", rich},
    {"saturated", "random accesses fill the slow tier: all off is worth 6 to 16 %", saturated},
    {"mixed", "half of the cores streams in the fast tier, half random in the full slow one: a mix is best",
     mixed},
    {"knee", "on is better by 5 to 40 %, yet over 80 % of a tier are in use; off, less than 60 %", knee},
    {"alternating", "rich and saturated in turn, each for 40 to 100 intervals", alternating},
    {"indifferent", "little waits for memory: all settings within 0.5 %", indifferent},
    {"selfish", "each core gains by prefetching whatever the others do; all off is worth 6 to 35 %", selfish},
    {"strided", "the prefetchers of L1 are right, those of L2 wrong: best is the setting between", strided},
    {"readahead", "six block devices, five sizes: sequential readers want much, random ones none", readahead},
};

}  // namespace

std::span<const PrefetchScenario> prefetch_scenarios() { return kScenarios; }

Result<PrefetchScenario> prefetch_scenario_called(const std::string& name) {
  std::string known;
  for (const PrefetchScenario& scenario : kScenarios) {
    if (name == scenario.name) return scenario;
    known += (known.empty() ? "" : ", ") + std::string(scenario.name);
  }
  return fail(ErrorKind::kUsage, "no scenario is called " + name, "one of " + known);
}

}  // namespace tier::sim
