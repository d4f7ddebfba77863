#include "tools/readahead-bench/tuned.h"

#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <map>
#include <nlohmann/json.hpp>

#include "platform/linux/linux_knobs.h"
#include "platform/linux/meters/file_demand.h"
#include "platform/linux/meters/file_meters.h"
#include "platform/linux/prefetch_machine.h"
#include "prefetch/loop/prefetch_loop.h"

namespace tier {
namespace {

constexpr std::uint64_t kDefaultKib = 128;  // VM_READAHEAD_PAGES of mm.h
constexpr const char* kTuned = "tuned";
constexpr unsigned kFixedTurns = 2;  // a fixed setting learns nothing

// Bytes and seconds of one pattern, over a whole run and over its second half.
struct Got {
  double bytes = 0, seconds = 0, late_bytes = 0, late_seconds = 0;
  double rate() const { return seconds > 0 ? bytes / seconds : 0; }
  double late_rate() const { return late_seconds > 0 ? late_bytes / late_seconds : 0; }
};
using Table = std::map<std::string, std::vector<Got>>;  // kind of run -> by pattern

RunPlan plan_of(const TunedOptions& options, unsigned turns) {
  RunPlan plan;
  plan.interval = Nanoseconds(static_cast<std::int64_t>(options.interval_s * 1e9));
  for (unsigned turn = 0; turn < turns; ++turn)
    for (const ReadPattern& pattern : options.patterns)
      plan.phases.push_back({pattern, Nanoseconds(static_cast<std::int64_t>(options.phase_s * 1e9))});
  return plan;
}

void add(const TunedOptions& options, unsigned turns, const std::vector<IntervalResult>& intervals,
         std::vector<Got>& into) {
  into.resize(options.patterns.size());
  const std::size_t phases = turns * options.patterns.size();
  for (const IntervalResult& each : intervals) {
    Got& got = into[each.phase % options.patterns.size()];
    const double length = seconds(each.length);
    got.bytes += static_cast<double>(each.asked), got.seconds += length;
    if (each.phase < phases / 2) continue;
    got.late_bytes += static_cast<double>(each.asked), got.late_seconds += length;
  }
}

// What the daemon would wire, for this one device.
Result<std::unique_ptr<PrefetchLoop>> make_loop(const RigDevice& device, const TunedOptions& options,
                                                Knobs& knobs, const Clock& clock,
                                                const std::filesystem::path& journal) {
  PrefetchLoopParts parts{knobs, clock};
  auto demand = TIER_TRY(FileDemandMeter::start(clock));
  auto block = TIER_TRY(make_block_meter(clock));
  auto meters = std::make_shared<std::vector<std::unique_ptr<Meter>>>();
  meters->push_back(std::move(demand)), meters->push_back(std::move(block));
  parts.read_meters = [meters] { return read_all(*meters); };
  parts.read_machine = [&device]() -> Result<PrefetchMachine> {
    PrefetchMachine machine;
    machine.devices = {{"disk", device.number >> 20, device.number & 0xFFFFF}};
    return machine;
  };
  parts.read_state = [] { return read_machine_state(); };
  parts.open_journal = [journal]() -> Result<KnobJournal> {
    return KnobJournal::open(journal, TIER_TRY(read_boot_id()));
  };
  parts.log = [](const std::string& line) { fmt::print(stderr, "  {}\n", line); };
  PrefetchLoopSettings settings;
  settings.actuators = {"readahead"};
  settings.interval = Nanoseconds(static_cast<std::int64_t>(options.interval_s * 1e9));
  settings.tuner.transitions_per_minute = 60;
  return std::make_unique<PrefetchLoop>(std::move(parts), settings);
}

Result<std::vector<IntervalResult>> run_tuned(const RigDevice& device, const TunedOptions& options,
                                              const Clock& clock) {
  const auto journal =
      std::filesystem::temp_directory_path() / fmt::format("readahead-bench.{}", device.number & 0xFFFFF);
  LinuxKnobs knobs;
  auto loop = TIER_TRY(make_loop(device, options, knobs, clock, journal));
  TIER_TRY(loop->arm());
  RunPlan plan = plan_of(options, options.turns);
  plan.each_interval = [&](Nanoseconds) { loop->tick({}); };
  auto intervals = run_plan(device, plan, clock);
  fmt::print(stderr, "  decided {} times, {} times not: {}\n", loop->decided(), loop->undecided(),
             loop->note());
  loop.reset();
  std::filesystem::remove(journal);
  return intervals;
}

Result<void> set(const RigDevice& device, std::uint64_t kib) {
  return LinuxKnobs().write({kTierKnobReadahead, device.number, 0}, kib);
}

struct Judged {
  double against_default = 0, against_best = 0;  // of one pattern, whole run
  double late_default = 0, late_best = 0;        // of its second half
};

Judged judge(const Table& table, std::size_t pattern) {
  const Got& usual = table.at(std::to_string(kDefaultKib))[pattern];
  const Got& ours = table.at(kTuned)[pattern];
  double best = 0, late_best = 0;
  for (const auto& [name, got] : table) {
    if (name == kTuned) continue;
    best = std::max(best, got[pattern].rate()), late_best = std::max(late_best, got[pattern].late_rate());
  }
  return {ours.rate() / usual.rate(), ours.rate() / best, ours.late_rate() / usual.late_rate(),
          ours.late_rate() / late_best};
}

void print_table(const TunedOptions& options, const Table& table) {
  fmt::print("{:<18}{:>8}{:>14}{:>12}\n", "pattern", "KiB", "MiB/s asked", "2nd half");
  for (std::size_t i = 0; i < options.patterns.size(); ++i) {
    for (const auto& [name, got] : table)
      fmt::print("{:<18}{:>8}{:>14.2f}{:>12.2f}\n", to_string(options.patterns[i]), name,
                 got[i].rate() / (1 << 20), got[i].late_rate() / (1 << 20));
    const Judged judged = judge(table, i);
    fmt::print("{:<18}{:>8} {:.3f} of the default's, {:.3f} of the best's; second half {:.3f}, {:.3f}\n",
               to_string(options.patterns[i]), "tuned", judged.against_default, judged.against_best,
               judged.late_default, judged.late_best);
  }
}

void print_json(const TunedOptions& options, const Table& table) {
  nlohmann::json rows = nlohmann::json::array();
  for (std::size_t i = 0; i < options.patterns.size(); ++i) {
    const Judged judged = judge(table, i);
    nlohmann::json rates;
    for (const auto& [name, got] : table)
      rates[name] = {{"whole", got[i].rate()}, {"late", got[i].late_rate()}};
    rows.push_back({{"pattern", to_string(options.patterns[i])},
                    {"bytes_per_second", rates},
                    {"against_default", judged.against_default},
                    {"against_best", judged.against_best},
                    {"late_against_default", judged.late_default},
                    {"late_against_best", judged.late_best}});
  }
  fmt::print("{}\n", nlohmann::json{{"schema", "readahead-bench.tuned/1"}, {"rows", rows}}.dump(
                         2, ' ', false, nlohmann::json::error_handler_t::replace));
}

}  // namespace

Result<void> compare_tuned(const RigDevice& device, const TunedOptions& options, const Clock& clock) {
  Table table;
  for (unsigned round = 0; round < options.rounds; ++round) {
    for (const std::uint64_t kib : options.settings) {
      TIER_TRY(set(device, kib));
      const auto intervals = TIER_TRY(run_plan(device, plan_of(options, kFixedTurns), clock));
      add(options, kFixedTurns, intervals, table[std::to_string(kib)]);
      fmt::print(stderr, "round {} of {}: {} KiB done\n", round + 1, options.rounds, kib);
    }
    TIER_TRY(set(device, kDefaultKib));
    const auto intervals = TIER_TRY(run_tuned(device, options, clock));
    add(options, options.turns, intervals, table[kTuned]);
    fmt::print(stderr, "round {} of {}: tuned done\n", round + 1, options.rounds);
  }
  options.json ? print_json(options, table) : print_table(options, table);
  return {};
}

}  // namespace tier
