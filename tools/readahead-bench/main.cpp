// readahead-bench: how far readers of files get under each setting of their device's read-ahead. Needs root.
#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <cstdio>
#include <map>
#include <nlohmann/json.hpp>

#include "platform/linux/linux_knobs.h"
#include "platform/linux/meters/file_demand.h"
#include "tools/readahead-bench/cost.h"
#include "tools/readahead-bench/readers.h"
#include "tools/readahead-bench/tuned.h"

namespace tier {
namespace {

class SteadyClock final : public Clock {
 public:
  Nanoseconds now() const override { return std::chrono::steady_clock::now().time_since_epoch(); }
};

struct Options {
  std::vector<std::uint64_t> settings = {0, 16, 128, 512, 2048};  // those of prefetch/controls
  std::vector<std::string> patterns;                              // none: all
  double phase_s = 2;
  unsigned rounds = 1, readers = 1;
  double latency_us = 500, mib_per_s = 190;
  std::string where;
  bool json = false, no_meter = false, cost = false;
  unsigned tuned = 0;  // turns; 0: no control
  unsigned files = RigSettings{}.files;
  double file_mib = 16, pass_mib = 0;
  double interval_s = 0.1;
};

// Of one pattern under one setting.
struct Sum {
  double seconds = 0;
  IntervalResult total;
  double rate() const { return seconds > 0 ? static_cast<double>(total.asked) / seconds : 0; }
  double share(std::uint64_t part) const {
    return total.metered == 0 ? 0 : static_cast<double>(part) / static_cast<double>(total.metered);
  }
};
using Sums = std::vector<std::map<std::uint64_t, Sum>>;  // by pattern, then by setting

constexpr std::uint64_t kReference = 128;  // KiB, the kernel's default (VM_READAHEAD_PAGES)

Result<std::vector<ReadPattern>> patterns_of(const Options& options) {
  if (options.patterns.empty()) return all_patterns();
  std::vector<ReadPattern> patterns;
  for (const std::string& text : options.patterns) {
    const auto pattern = TIER_TRY(parse_pattern(text));
    patterns.push_back(pattern);
    patterns.back().pass_bytes = static_cast<std::size_t>(options.pass_mib * (1 << 20));
  }
  return patterns;
}

void add(Sum& sum, const IntervalResult& interval) {
  sum.seconds += std::chrono::duration<double>(interval.length).count();
  sum.total.asked += interval.asked;
  sum.total.metered += interval.metered;
  sum.total.metered_sequential += interval.metered_sequential;
  sum.total.metered_strided += interval.metered_strided;
}

Result<Sums> sweep(const Options& options, const std::vector<ReadPattern>& patterns, const RigDevice& device,
                   Meter* meter) {
  const SteadyClock clock;
  LinuxKnobs knobs;
  RunPlan plan;
  plan.readers = options.readers;
  plan.meter = meter;
  for (const ReadPattern& pattern : patterns)
    plan.phases.push_back({pattern, Nanoseconds(static_cast<std::int64_t>(options.phase_s * 1e9))});
  Sums sums(patterns.size());
  for (unsigned round = 0; round < options.rounds; ++round)
    for (const std::uint64_t setting : options.settings) {
      TIER_TRY(knobs.write({kTierKnobReadahead, device.number, 0}, setting));
      const auto intervals = TIER_TRY(run_plan(device, plan, clock));
      for (const IntervalResult& each : intervals) add(sums[each.phase][setting], each);
      fmt::print(stderr, "round {} of {}: {} KiB done\n", round + 1, options.rounds, setting);
    }
  return sums;
}

void print_table(const std::vector<ReadPattern>& patterns, const Sums& sums) {
  fmt::print("{:<18}{:>6}{:>12}{:>10}{:>10}{:>12}{:>9}\n", "pattern", "KiB", "MiB/s asked", "of 128's",
             "metered", "sequential", "strided");
  for (std::size_t i = 0; i < patterns.size(); ++i)
    for (const auto& [setting, sum] : sums[i]) {
      const auto reference = sums[i].find(kReference);
      const double base = reference == sums[i].end() ? 0 : reference->second.rate();
      fmt::print("{:<18}{:>6}{:>12.2f}{:>10}{:>9.1f}%{:>12.2f}{:>9.2f}\n", to_string(patterns[i]), setting,
                 sum.rate() / (1 << 20), base > 0 ? fmt::format("{:.2f}", sum.rate() / base) : "-",
                 sum.total.asked == 0
                     ? 0
                     : 100 * static_cast<double>(sum.total.metered) / static_cast<double>(sum.total.asked),
                 sum.share(sum.total.metered_sequential), sum.share(sum.total.metered_strided));
    }
}

void print_json(const Options& options, const std::vector<ReadPattern>& patterns, const Sums& sums) {
  nlohmann::json rows = nlohmann::json::array();
  for (std::size_t i = 0; i < patterns.size(); ++i)
    for (const auto& [setting, sum] : sums[i])
      rows.push_back({{"pattern", to_string(patterns[i])},
                      {"read_ahead_kib", setting},
                      {"seconds", sum.seconds},
                      {"asked_bytes", sum.total.asked},
                      {"bytes_per_second", sum.rate()},
                      {"metered_bytes", sum.total.metered},
                      {"metered_sequential_bytes", sum.total.metered_sequential},
                      {"metered_strided_bytes", sum.total.metered_strided}});
  const nlohmann::json all = {{"schema", "readahead-bench.result/1"},
                              {"readers", options.readers},
                              {"latency_us", options.latency_us},
                              {"mib_per_s", options.mib_per_s},
                              {"rows", rows}};
  fmt::print("{}\n", all.dump(2, ' ', false, nlohmann::json::error_handler_t::replace));
}

Result<void> run(const Options& options) {
  const SteadyClock clock;
  if (options.cost) return print_cost(options.where, clock);
  const auto patterns = TIER_TRY(patterns_of(options));
  RigSettings settings;
  settings.disk.latency = Nanoseconds(static_cast<std::int64_t>(options.latency_us * 1e3));
  settings.disk.bytes_per_second = options.mib_per_s * (1 << 20);
  settings.where = options.where;
  settings.files = options.files;
  settings.file_bytes = static_cast<std::size_t>(options.file_mib * (1 << 20));
  const auto rig = TIER_TRY(Rig::make(settings));
  if (options.tuned > 0)
    return compare_tuned(rig->device(),
                         {options.settings, patterns, options.phase_s, options.tuned, options.rounds,
                          options.interval_s, options.json},
                         clock);
  std::unique_ptr<FileDemandMeter> meter;
  if (!options.no_meter) {
    auto started = FileDemandMeter::start(clock);
    if (started)
      meter = std::move(*started);
    else
      fmt::print(stderr, "without a meter: {}\n", started.error().text());
  }
  const auto sums = TIER_TRY(sweep(options, patterns, rig->device(), meter.get()));
  if (options.json)
    print_json(options, patterns, sums);
  else
    print_table(patterns, sums);
  return {};
}

}  // namespace
}  // namespace tier

int main(int argc, char** argv) {
  tier::Options options;
  CLI::App app("How far readers of files get under each setting of their device's read-ahead. Needs root.",
               "readahead-bench");
  app.add_option("--static", options.settings, "read-ahead, KiB; each runs the phases")->delimiter(',');
  app.add_option("--phases", options.patterns, "sequential-, strided- or random-, then read or mmap")
      ->delimiter(',');
  app.add_option("--phase-seconds", options.phase_s, "length of a phase")->check(CLI::Range(0.1, 3600.0));
  app.add_option("--rounds", options.rounds, "how often everything is run")->check(CLI::Range(1U, 1000U));
  app.add_option("--readers", options.readers, "threads")->check(CLI::Range(1U, 64U));
  app.add_option("--latency-us", options.latency_us, "of a request to the disk")->check(CLI::Range(0.0, 1e6));
  app.add_option("--mib-per-s", options.mib_per_s, "of the disk")->check(CLI::Range(0.1, 1e5));
  app.add_option("--folder", options.where, "for the disk's image (430 MiB, twice that while it is made)");
  app.add_option("--files", options.files, "how many")->check(CLI::Range(1U, 4096U));
  app.add_option("--file-mib", options.file_mib, "size of each")->check(CLI::Range(0.25, 64.0));
  app.add_option("--pass-mib", options.pass_mib,
                 "what --phases sequential- reads of a file before it opens the next; 0: all")
      ->check(CLI::Range(0.0, 64.0));
  app.add_flag("--json", options.json, "results as JSON");
  app.add_flag("--no-meter", options.no_meter, "do not count file demand beside it");
  app.add_option("--tuned", options.tuned,
                 "compare with prefetch control: so often all phases, under it and under each setting")
      ->check(CLI::Range(1U, 10000U));
  app.add_option("--interval", options.interval_s, "between two decisions, seconds")
      ->check(CLI::Range(0.05, 60.0));
  app.add_flag("--cost", options.cost, "what the meter takes of a read and of a fault, and nothing else");
  CLI11_PARSE(app, argc, argv);
  if (const auto done = tier::run(options); !done) {
    fmt::print(stderr, "readahead-bench: {}\n", done.error().text());
    return static_cast<int>(done.error().kind);
  }
  return 0;
}
