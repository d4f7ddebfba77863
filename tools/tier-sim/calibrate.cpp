#include "tools/tier-sim/calibrate.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <fstream>
#include <iostream>
#include <map>
#include <nlohmann/json.hpp>

#include "sim/host/run.h"
#include "sim/host/tierd_policy.h"
#include "sim/trace/trace.h"

namespace tier::sim {
namespace {

// The lab's emulator charges every node the same time for an access: what waits there takes no time, and
// each period is one of the guest's.
class FlatTime final : public Workload {
 public:
  FlatTime(std::unique_ptr<Workload> inner, std::map<Region, Address>& addresses)
      : inner_(std::move(inner)), info_(inner_->info()), addresses_(addresses) {
    for (Stream& stream : info_.streams) stream.parallelism = 1e12;
  }
  const WorkloadInfo& info() const override { return info_; }
  Result<std::optional<Interval>> next() override {
    auto next = inner_->next();
    if (!next || !*next) return next;
    for (std::size_t k = 0; k < info_.targets.size(); ++k)
      (*next)->compute[k] = seconds((*next)->duration) * info_.targets[k].threads;
    for (const RegionEvent& event : (*next)->events)
      for (std::uint32_t i = 0; i < event.count; ++i)
        addresses_[event.first + i] = event.address + i * info_.region_size.value;
    return next;
  }

 private:
  std::unique_ptr<Workload> inner_;
  WorkloadInfo info_;
  std::map<Region, Address>& addresses_;  // filled as regions come
};

// Starts where the lab's run stood when the count began, then leaves things to another policy.
class Continued final : public TieringPolicy {
 public:
  Continued(std::unique_ptr<TieringPolicy> then, std::map<Address, int> nodes,
            const std::map<Region, Address>& addresses)
      : then_(std::move(then)), nodes_(std::move(nodes)), addresses_(addresses) {}
  int place(const Machine& machine, Region region) override {
    const auto address = addresses_.find(region);
    const auto node = address == addresses_.end() ? nodes_.end() : nodes_.find(address->second);
    return node == nodes_.end() ? machine.tiers() - 1 : node->second;
  }
  void start(Machine& machine) override {
    if (then_) then_->start(machine);
  }
  Nanoseconds step(Machine& machine) override {
    return then_ ? then_->step(machine) : machine.now() + std::chrono::seconds(1);
  }

 private:
  std::unique_ptr<TieringPolicy> then_;  // null: nobody moves anything
  std::map<Address, int> nodes_;
  const std::map<Region, Address>& addresses_;
};

// What the lab's run tells of itself, and the simulator takes as given.
struct LabFacts {
  std::string scenario, tool;
  MachineDescription machine;
  std::map<Address, int> nodes;   // that served each region first
  double fast_share = 0;          // counted
  double cached = 0;              // share of tierd's samples that fell on accesses that hit a cache
  double samples_per_second = 0;  // with tierd: delivered
};

Result<nlohmann::json> read_json(const std::string& path) {
  std::ifstream in(path);
  auto json = nlohmann::json::parse(in, nullptr, false);
  if (!in || json.is_discarded())
    return fail(ErrorKind::kUsage, path + " is missing or no JSON", "run the scenario with tier-lab first");
  return json;
}

// `tierctl status --json` as the lab collected it at the end of the run; null without tierd.
nlohmann::json status_of(const nlohmann::json& result) {
  for (const auto& item : result.value("collected", nlohmann::json::array())) {
    const std::string text = item.value("text", "");
    if (text.find("io.tierd.status/1") == std::string::npos) continue;
    return nlohmann::json::parse(text, nullptr, false);
  }
  return nullptr;
}

void read_moves(const nlohmann::json& status, LabFacts& facts) {
  const auto& migrator = status.at("migrator");
  const double bytes =
      migrator.at("promoted_bytes").get<double>() + migrator.at("demoted_bytes").get<double>();
  const double spent = migrator.at("seconds").get<double>();
  const double moves = std::max(1.0, bytes / static_cast<double>(kDefaultRegionSize.value));
  facts.machine.migration.fixed = Nanoseconds{static_cast<std::int64_t>(spent / moves * 1e9)};
  // In the emulator samples fall on every access, and most hit a cache: those lie where tierd sees fast
  // demand that no miss explains.
  const double seen = status.at("hit_share_total"), served = facts.fast_share;
  facts.cached = std::clamp((seen - served) / (1 - served), 0.0, 0.99);
  facts.samples_per_second =
      status.at("sources").at(0).at("delivered").get<double>() / status.at("uptime_seconds").get<double>();
}

void read_first_nodes(const nlohmann::json& heat, LabFacts& facts) {
  for (const auto& region : heat) {
    for (const auto& node : region.at("node")) {
      if (node.get<int>() < 0) continue;  // no misses in that period
      facts.nodes[region.at("address").get<Address>()] = node.get<int>();
      break;
    }
  }
}

Result<LabFacts> read_facts(const std::string& path) {
  auto result = TIER_TRY(read_json(path));
  LabFacts facts;
  try {
    const auto& summary = result.at("summary");
    facts.scenario = result.at("scenario");
    facts.tool = result.at("tool");
    read_first_nodes(result.at("heat"), facts);
    facts.fast_share = summary.at("fast_share");
    MachineDescription& machine = facts.machine;
    machine.name = facts.scenario;
    machine.cpus = 2;
    machine.migration = {Nanoseconds{0}, Nanoseconds{0}, 1e15, Nanoseconds{0}};
    const auto& nodes = result.at("nodes");
    for (std::size_t n = 0; n < nodes.size(); ++n) {
      const std::uint64_t regions = n == 0 ? summary.at("capacity_regions").get<std::uint64_t>() : 1 << 16;
      machine.tiers.push_back({fmt::format("node{}", n),
                               {regions * kDefaultRegionSize.value},
                               Nanoseconds{nodes[n].at("read_latency_ns").get<std::int64_t>()},
                               1e15,
                               {},
                               0});
    }
    if (const nlohmann::json status = status_of(result); status.is_object()) read_moves(status, facts);
  } catch (const nlohmann::json::exception& problem) {
    return fail(ErrorKind::kUsage, fmt::format("{} is no result of tier-lab: {}", path, problem.what()),
                "give result.json of a measured run");
  }
  return facts;
}

TierdSettings lab_tierd(const LabFacts& facts) {
  TierdSettings settings = default_tierd();
  settings.meaning = WeightMeaning::kAccesses;
  settings.sampling = {facts.samples_per_second, 1, 1 - facts.cached, 0, Nanoseconds{0}};
  return settings;
}

Result<double> simulated_share(const std::string& trace, const LabFacts& facts, std::uint64_t seed) {
  auto reader = TIER_TRY(open_trace(trace));
  std::map<Region, Address> addresses;
  std::vector<std::unique_ptr<Workload>> workloads;
  workloads.push_back(std::make_unique<FlatTime>(std::move(reader), addresses));
  std::unique_ptr<TieringPolicy> acting;
  if (facts.tool == "tierd") acting = std::make_unique<TierdPolicy>(lab_tierd(facts), seed);
  Continued policy(std::move(acting), facts.nodes, addresses);
  Machine machine(facts.machine, std::move(workloads), policy, seed);
  TIER_TRY(run(machine, policy));
  double misses = 0;
  for (const TierTotals& tier : machine.totals().tiers) misses += tier.misses;
  return misses > 0 ? machine.totals().tiers[0].misses / misses : 0;
}

struct Comparison {
  std::string scenario, tool;
  double lab = 0;
  double simulated = 0, least = 1, most = 0;  // mean over the seeds, and their range
  double off() const { return std::abs(lab - simulated); }
};

Result<Comparison> compare_run(const std::string& folder, std::uint64_t seeds) {
  const auto facts = TIER_TRY(read_facts(folder + "/result.json"));
  if (facts.tool != "none" && facts.tool != "tierd")
    return fail(ErrorKind::kUsage, folder + " is a run with " + facts.tool, "give runs with none or tierd");
  Comparison comparison{facts.scenario, facts.tool, facts.fast_share};
  for (std::uint64_t seed = 1; seed <= seeds; ++seed) {
    const auto share = TIER_TRY(simulated_share(folder + "/lab.trace", facts, seed));
    comparison.simulated += share / static_cast<double>(seeds);
    comparison.least = std::min(comparison.least, share);
    comparison.most = std::max(comparison.most, share);
  }
  return comparison;
}

}  // namespace

CLI::App* add_calibrate(CLI::App& app, CalibrateArguments& arguments) {
  auto* command = app.add_subcommand(
      "calibrate", "the lab's runs in lab and simulator: where do fast-tier shares differ?");
  command
      ->add_option("folders", arguments.folders,
                   "of tier-lab runs with none or tierd, each with a lab.trace beside (tier-record lab)")
      ->required();
  command
      ->add_option("--tolerance", arguments.tolerance,
                   "greatest difference that counts as agreement, as a share")
      ->capture_default_str();
  command->add_option("--seeds", arguments.seeds, "simulations a run; the lab's own is one draw of many")
      ->capture_default_str()
      ->check(CLI::Range(1, 1000));
  command->add_flag("--json", arguments.json, "the result as JSON");
  return command;
}

int calibrate(const CalibrateArguments& arguments) {
  double worst = 0;
  nlohmann::json rows = nlohmann::json::array();
  for (const std::string& folder : arguments.folders) {
    const auto compared = compare_run(folder, arguments.seeds);
    if (!compared) {
      std::cerr << "tier-sim: " << compared.error().text() << "\n";
      return static_cast<int>(compared.error().kind);
    }
    worst = std::max(worst, compared->off());
    rows.push_back({{"scenario", compared->scenario},
                    {"tool", compared->tool},
                    {"lab", compared->lab},
                    {"simulated", compared->simulated},
                    {"simulated_range", {compared->least, compared->most}}});
    if (!arguments.json)
      fmt::print(
          "{:<16} {:<6} fast-tier share: lab {:5.1f} %, simulated {:5.1f} % ({:.1f} to {:.1f}), off by "
          "{:4.1f} points\n",
          compared->scenario, compared->tool, 100 * compared->lab, 100 * compared->simulated,
          100 * compared->least, 100 * compared->most, 100 * compared->off());
  }
  if (arguments.json)
    std::cout << nlohmann::json{{"worst", worst}, {"rows", rows}}.dump(
                     2, ' ', false, nlohmann::json::error_handler_t::replace)
              << "\n";
  return worst <= arguments.tolerance ? 0 : 1;
}

}  // namespace tier::sim
