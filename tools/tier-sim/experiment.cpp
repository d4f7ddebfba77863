#include "tools/tier-sim/experiment.h"

#include <fmt/format.h>
#include <time.h>

#include <algorithm>
#include <limits>
#include <map>
#include <mutex>

#include "sim/host/move_audit.h"
#include "sim/host/run.h"
#include "sim/host/tierd_policy.h"
#include "sim/policies/waiting_bound.h"
#include "sim/workloads/generators.h"

namespace tier::sim {
namespace {

using Workloads = std::vector<std::unique_ptr<Workload>>;

Result<Workloads> open_all(const std::vector<WorkloadFactory>& factories) {
  Workloads all;
  for (const auto& factory : factories) {
    all.push_back(TIER_TRY(factory()));
  }
  return all;
}

Result<std::uint64_t> peak_regions(Workload& workload) {
  std::vector<bool> held(workload.info().regions);
  std::uint64_t now = 0, peak = 0;
  while (true) {
    auto next = TIER_TRY(workload.next());
    if (!next) return peak;
    for (const RegionEvent& event : next->events) {
      const bool take = event.change == RegionChange::kAllocate;
      for (std::uint32_t r = event.first; r < event.first + event.count; ++r) {
        if (held[r] == take) continue;
        held[r] = take;
        take ? ++now : --now;
      }
    }
    peak = std::max(peak, now);
  }
}

// Reads the workloads to their ends: machines have addresses of their own.
Result<std::vector<RegionName>> names_of(const Workloads& workloads) {
  std::vector<std::string> targets;
  for (const auto& workload : workloads)
    for (const WorkloadTarget& target : workload->info().targets) targets.push_back(target.name);
  targets = told_apart(std::move(targets));
  std::vector<RegionName> names;
  std::size_t first_target = 0;
  for (const auto& workload : workloads) {
    const WorkloadInfo& info = workload->info();
    const std::size_t offset = names.size();
    names.resize(offset + info.regions);
    while (true) {
      auto next = TIER_TRY(workload->next());
      if (!next) break;
      for (const RegionEvent& event : next->events)
        for (std::uint32_t i = 0; i < event.count && event.change == RegionChange::kAllocate; ++i)
          names[offset + event.first + i] = {targets[first_target + event.target],
                                             event.address + i * info.region_size.value};
    }
    first_target += info.targets.size();
  }
  return names;
}

// Of this thread: other programs on the machine do not count.
double cpu_seconds() {
  timespec now{};
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
  return static_cast<double>(now.tv_sec) + static_cast<double>(now.tv_nsec) * 1e-9;
}

class HeatWatcher {
 public:
  explicit HeatWatcher(HeatGrid& grid) : grid_(grid) {}
  void add(const Machine& machine) {
    if (machine.regions() == 0) return;
    const std::size_t rows = std::min<std::size_t>(grid_.rows, machine.regions());
    std::vector<float> demand(rows), fast(rows), held(rows);
    for (Region region = 0; region < machine.regions(); ++region) {
      const int tier = machine.tier_of(region);
      if (tier == kNowhere) continue;
      const std::size_t row = static_cast<std::size_t>(region) * rows / machine.regions();
      demand[row] += static_cast<float>(machine.demand_rate(region));
      fast[row] += tier == 0 ? 1.0F : 0.0F;
      held[row] += 1;
    }
    for (std::size_t row = 0; row < rows; ++row)
      fast[row] = held[row] > 0 ? fast[row] / held[row] : std::numeric_limits<float>::quiet_NaN();
    grid_.regions = machine.regions();
    grid_.region_size = machine.region_size().value;
    grid_.demand.push_back(std::move(demand));
    grid_.fast.push_back(std::move(fast));
  }

 private:
  HeatGrid& grid_;
};

Outcome outcome_of(const Machine& machine, const MoveAudit& audit) {
  const MachineTotals& totals = machine.totals();
  Outcome outcome;
  outcome.modelled = seconds(machine.now());
  outcome.compute = totals.compute;
  outcome.stall = totals.stall;
  outcome.interference = totals.interference;
  outcome.promoted = totals.promoted;
  outcome.demoted = totals.demoted;
  outcome.useful = audit.useful();
  outcome.moves = totals.moves;
  outcome.refused = totals.refused;
  outcome.tiers = totals.tiers;
  double misses = 0;
  for (const TierTotals& tier : totals.tiers) misses += tier.misses;
  outcome.fast_share = misses > 0 ? totals.tiers[0].misses / misses : 0;
  return outcome;
}

}  // namespace

std::string settings_text(const PolicySettingsMap& settings) {
  std::string text;
  for (const auto& [name, value] : settings)
    text += fmt::format("{}{}={}", text.empty() ? "" : ",", name, value);
  return text.empty() ? "published" : text;
}

std::string too_short(double modelled) {
  // tierd may take 10 s to settle, and looks 16 ticks of a second ahead (docs/design.md, section 7).
  constexpr double kEnough = 30;
  if (modelled >= kEnough) return "";
  return fmt::format("{:.1f} s are too short to judge a policy by: it takes {:.0f} s and more", modelled,
                     kEnough);
}

std::string key_of(const Experiment& e) {
  const std::string ratio = e.ratio < 0 ? "own capacities" : fmt::format("1:{}", e.ratio);
  return fmt::format("{} | {} | {} | {} | {} | seed {}{}{}", e.workload, e.machine, ratio, e.policy,
                     settings_text(e.settings), e.seed,
                     e.sampling_budget > 0 ? fmt::format(" | sampling {:g} CPU", e.sampling_budget) : "",
                     e.sampling_rate > 0 ? fmt::format(" | {:g} samples/s", e.sampling_rate) : "");
}

nlohmann::json to_json(const Experiment& e) {
  nlohmann::json json = {{"workload", e.workload}, {"machine", e.machine},   {"ratio", e.ratio},
                         {"policy", e.policy},     {"settings", e.settings}, {"seed", e.seed}};
  if (e.sampling_budget > 0) json["sampling_budget"] = e.sampling_budget;
  if (e.sampling_rate > 0) json["samples_per_second"] = e.sampling_rate;
  if (!e.base.empty()) json["base_workload"] = e.base;
  return json;
}

nlohmann::json to_json(const Outcome& o) {
  nlohmann::json tiers = nlohmann::json::array();
  for (const TierTotals& tier : o.tiers)
    tiers.push_back({{"misses", tier.misses},
                     {"stall_s", tier.stall},
                     {"traffic_bytes", tier.traffic},
                     {"moved_in_bytes", tier.moved_in.value}});
  return {{"modelled_s", o.modelled},
          {"compute_s", o.compute},
          {"stall_s", o.stall},
          {"interference_s", o.interference},
          {"lost_s", o.lost()},
          {"fast_share", o.fast_share},
          {"promoted_bytes", o.promoted.value},
          {"demoted_bytes", o.demoted.value},
          {"useful_bytes", o.useful.value},
          {"moves", o.moves},
          {"refused", o.refused},
          {"tiers", tiers}};
}

const std::vector<PolicyEntry>& all_policies() {
  static const std::vector<PolicyEntry> all = [] {
    const auto table = policy_table();
    std::vector<PolicyEntry> list(table.begin(), table.end());
    for (PolicyEntry& entry : tierd_entries()) list.push_back(std::move(entry));
    return list;
  }();
  return all;
}

Result<PolicyEntry> policy_called(const std::string& name) {
  std::string known;
  for (const PolicyEntry& entry : all_policies()) {
    if (entry.name == name) return entry;
    known += (known.empty() ? "" : ", ") + std::string(entry.name);
  }
  return fail(ErrorKind::kUsage, fmt::format("no policy is called \"{}\"", name), "use one of: " + known);
}

Result<MachineDescription> machine_called(const std::string& name) {
  return name.ends_with(".toml") ? load_machine(name) : machine_preset(name);
}

Result<Bytes> resident_of(const std::string& workload) {
  static std::mutex mutex;
  static std::map<std::string, Bytes> known;
  {
    const std::lock_guard lock(mutex);
    if (const auto it = known.find(workload); it != known.end()) return it->second;
  }
  auto factories = TIER_TRY(parse_workloads(workload));
  auto opened = TIER_TRY(open_all(factories));
  Bytes sum;
  for (const auto& each : opened) {
    const auto regions = TIER_TRY(peak_regions(*each));
    sum.value += regions * each->info().region_size.value;
  }
  const std::lock_guard lock(mutex);
  return known[workload] = sum;
}

namespace {

// With as much fast memory as the experiment's ratio asks for, or as the machine's description says.
Result<MachineDescription> machine_of(const Experiment& experiment) {
  auto description = TIER_TRY(machine_called(experiment.machine));
  if (experiment.ratio < 0) return description;
  return with_ratio(std::move(description), TIER_TRY(resident_of(experiment.workload)), experiment.ratio);
}

}  // namespace

Result<double> bound_of(const Experiment& experiment) {
  const auto factories = TIER_TRY(parse_workloads(experiment.workload));
  return least_waiting(TIER_TRY(machine_of(experiment)), factories);
}

Result<Outcome> run_experiment(const Experiment& experiment, HeatGrid* heat) {
  auto factories = TIER_TRY(parse_workloads(experiment.workload));
  auto opened = TIER_TRY(open_all(factories));
  auto description = TIER_TRY(machine_of(experiment));
  const auto entry = TIER_TRY(policy_called(experiment.policy));
  auto policy = TIER_TRY(entry.make({factories,
                                     experiment.seed,
                                     experiment.settings,
                                     {experiment.sampling_budget, experiment.sampling_rate}}));

  const double begun = cpu_seconds();
  Machine machine(std::move(description), std::move(opened), *policy, experiment.seed);
  MoveAudit audit;
  machine.attach(audit);
  RunOptions options;
  std::optional<HeatWatcher> watcher;
  if (heat != nullptr) {
    const auto again = TIER_TRY(open_all(factories));
    heat->names = TIER_TRY(names_of(again));
    watcher.emplace(*heat);
    options.every = Nanoseconds{static_cast<std::int64_t>(heat->column * 1e9)};
  }
  options.watch = [&](const Machine& now) {
    audit.sample(now);
    if (watcher && !now.done()) watcher->add(now);
  };
  TIER_TRY(run(machine, *policy, options));
  audit.finish();
  Outcome outcome = outcome_of(machine, audit);
  outcome.cpu = cpu_seconds() - begun;
  return outcome;
}

}  // namespace tier::sim
