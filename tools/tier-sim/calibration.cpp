#include "tools/tier-sim/calibration.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <fstream>
#include <map>
#include <nlohmann/json.hpp>
#include <numeric>

#include "sim/host/run.h"
#include "sim/host/tierd_policy.h"
#include "sim/trace/trace.h"

namespace tier::sim {
namespace {

// A recording of the lab without the tool's own CPU time, which takes none in the simulator. Keeps the
// address of each region as they come.
class Program final : public Workload {
 public:
  Program(std::unique_ptr<Workload> inner, double tool_cpu, std::map<Region, Address>& addresses)
      : inner_(std::move(inner)), tool_cpu_(tool_cpu), addresses_(addresses) {}
  const WorkloadInfo& info() const override { return inner_->info(); }
  Result<std::optional<Interval>> next() override {
    auto next = inner_->next();
    if (!next || !*next) return next;
    for (double& compute : (*next)->compute)
      compute = std::max(0.0, compute - tool_cpu_ * seconds((*next)->duration));
    for (const RegionEvent& event : (*next)->events)
      for (std::uint32_t i = 0; i < event.count; ++i)
        addresses_[event.first + i] = event.address + i * info().region_size.value;
    return next;
  }

 private:
  std::unique_ptr<Workload> inner_;
  double tool_cpu_;  // seconds a second
  std::map<Region, Address>& addresses_;
};

// Starts where the lab's run stood when the count began, then leaves things to another policy.
class Continued final : public TieringPolicy {
 public:
  Continued(std::unique_ptr<TieringPolicy> then, std::map<Address, int> tiers,
            const std::map<Region, Address>& addresses)
      : then_(std::move(then)), tiers_(std::move(tiers)), addresses_(addresses) {}
  int place(const Machine& machine, Region region) override {
    const auto address = addresses_.find(region);
    const auto tier = address == addresses_.end() ? tiers_.end() : tiers_.find(address->second);
    return tier == tiers_.end() ? machine.tiers() - 1 : tier->second;
  }
  void start(Machine& machine) override {
    if (then_) then_->start(machine);
  }
  Nanoseconds step(Machine& machine) override {
    return then_ ? then_->step(machine) : machine.now() + std::chrono::seconds(1);
  }

 private:
  std::unique_ptr<TieringPolicy> then_;  // null: nobody moves anything
  std::map<Address, int> tiers_;
  const std::map<Region, Address>& addresses_;
};

// What a run in the lab tells of itself, and the simulator takes as given.
struct LabRun {
  std::string scenario, tool;
  MachineDescription machine;
  std::map<Address, int> tiers;   // that served each region first
  double length = 0;              // seconds counted
  double progress_per_s = 0;      // the program's operations, the tool's CPU time given back
  double tool_cpu = 0;            // share of the clock that the tool took
  double waits = 0;               // share of the program's time
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

void read_tierd(const nlohmann::json& status, LabRun& run) {
  const auto& migrator = status.at("migrator");
  const double bytes =
      migrator.at("promoted_bytes").get<double>() + migrator.at("demoted_bytes").get<double>();
  const double moves = std::max(1.0, bytes / static_cast<double>(kDefaultRegionSize.value));
  const double spent = migrator.at("seconds").get<double>();
  run.machine.migration.fixed = Nanoseconds{static_cast<std::int64_t>(spent / moves * 1e9)};
  run.samples_per_second =
      status.at("sources").at(0).at("delivered").get<double>() / status.at("uptime_seconds").get<double>();
}

// The simulator's tiers are in the order of latency; the lab's nodes need not be: that of the CPUs may be the
// slow one.
struct Order {
  std::vector<std::size_t> node_of;  // by tier
  std::vector<int> tier_of;          // by node
};

Order order_of(const nlohmann::json& nodes) {
  Order order;
  order.node_of.resize(nodes.size());
  order.tier_of.resize(nodes.size());
  std::iota(order.node_of.begin(), order.node_of.end(), 0);
  const auto latency = [&](std::size_t n) { return nodes.at(n).at("read_latency_ns").get<std::int64_t>(); };
  std::stable_sort(order.node_of.begin(), order.node_of.end(),
                   [&](std::size_t a, std::size_t b) { return latency(a) < latency(b); });
  for (std::size_t tier = 0; tier < nodes.size(); ++tier)
    order.tier_of[order.node_of[tier]] = static_cast<int>(tier);
  return order;
}

void read_first_tiers(const nlohmann::json& heat, const Order& order, LabRun& run) {
  for (const auto& region : heat) {
    for (const auto& node : region.at("node")) {
      if (node.get<int>() < 0) continue;  // no misses in that period
      run.tiers[region.at("address").get<Address>()] = order.tier_of.at(node.get<std::size_t>());
      break;
    }
  }
}

Result<LabRun> read_run(const std::string& folder) {
  const std::string path = folder + "/result.json";
  auto result = TIER_TRY(read_json(path));
  LabRun run;
  try {
    const auto& summary = result.at("summary");
    run.scenario = result.at("scenario");
    run.tool = result.at("tool");
    run.progress_per_s = summary.at("progress_per_s_tool_cpu_given_back");
    run.tool_cpu = summary.at("tool_clock_share");
    run.length = result.at("length_s");
    run.waits = summary.at("waited_s").get<double>() / (run.length * (1 - run.tool_cpu));
    MachineDescription& machine = run.machine;
    machine.name = run.scenario;
    machine.cpus = 2;
    machine.migration = {Nanoseconds{0}, Nanoseconds{0}, 1e15, Nanoseconds{0}};
    const auto& nodes = result.at("nodes");
    const Order order = order_of(nodes);
    read_first_tiers(result.at("heat"), order, run);
    for (const std::size_t n : order.node_of) {
      const bool fastest = n == order.node_of.front();
      const std::uint64_t regions = fastest ? summary.at("capacity_regions").get<std::uint64_t>() : 1 << 16;
      machine.tiers.push_back({fmt::format("node{}", n),
                               {regions * kDefaultRegionSize.value},
                               Nanoseconds{nodes.at(n).at("read_latency_ns").get<std::int64_t>()},
                               1e15,
                               {},
                               0});
    }
    if (const nlohmann::json status = status_of(result); status.is_object()) read_tierd(status, run);
  } catch (const std::exception& problem) {  // a number that names no node, too
    return fail(ErrorKind::kUsage, fmt::format("{} is no result of tier-lab: {}", path, problem.what()),
                "give folders of measured runs, made by this version");
  }
  if (run.progress_per_s <= 0)
    return fail(ErrorKind::kUsage, path + " counts no operations of the program",
                "give runs of a workload that prints `ops N`, with the waiting clock");
  return run;
}

// Of `from`, the tier of the region whose rank by address is `address`'s in `to`: addresses differ from boot
// to boot, their order does not.
std::map<Address, int> by_rank(const std::map<Address, int>& from, const std::map<Address, int>& to) {
  std::vector<int> tiers;
  tiers.reserve(from.size());
  for (const auto& [address, tier] : from) tiers.push_back(tier);
  std::map<Address, int> placed;
  for (std::size_t rank = 0; const auto& [address, tier] : to)
    placed[address] = tiers[std::min(tiers.size() - 1, rank++ * tiers.size() / to.size())];
  return placed;
}

TierdSettings lab_tierd(const LabRun& run) {
  TierdSettings settings = default_tierd();
  settings.sampling = {run.samples_per_second, 1, 0, Nanoseconds{0}};
  return settings;
}

struct Simulated {
  double seconds = 0, stall = 0;
};

// What tierd's run recorded, on a machine like the lab's, from that run's first placement under tierd, or
// from the placement of the run without a tool and left alone.
Result<Simulated> simulate(const std::string& folder, const LabRun& none, const LabRun& tierd, bool acting,
                           std::uint64_t seed) {
  auto reader = TIER_TRY(open_trace(folder + "/lab.trace"));
  std::map<Region, Address> addresses;
  std::vector<std::unique_ptr<Workload>> workloads;
  workloads.push_back(std::make_unique<Program>(std::move(reader), tierd.tool_cpu, addresses));
  std::unique_ptr<TieringPolicy> then;
  if (acting) then = std::make_unique<TierdPolicy>(lab_tierd(tierd), seed);
  Continued policy(std::move(then), acting ? tierd.tiers : by_rank(none.tiers, tierd.tiers), addresses);
  Machine machine(tierd.machine, std::move(workloads), policy, seed);
  TIER_TRY(run(machine, policy));
  return Simulated{seconds(machine.now()), machine.totals().stall};
}

}  // namespace

Result<GainComparison> compare_gain(const std::string& none_folder, const std::string& tierd_folder,
                                    std::uint64_t seeds) {
  const LabRun none = TIER_TRY(read_run(none_folder)), tierd = TIER_TRY(read_run(tierd_folder));
  if (none.tool != "none" || tierd.tool != "tierd" || none.scenario != tierd.scenario)
    return fail(ErrorKind::kUsage,
                fmt::format("{} and {} are {} with {} and {} with {}", none_folder, tierd_folder,
                            none.scenario, none.tool, tierd.scenario, tierd.tool),
                "give pairs of one scenario: the run with none, then the one with tierd");
  if (none.tiers.empty() || tierd.tiers.empty())
    return fail(ErrorKind::kUsage, none.scenario + " counted no misses of the program",
                "give runs whose program waits for memory");
  GainComparison comparison{none.scenario, tierd.progress_per_s / none.progress_per_s};
  comparison.waits_lab = tierd.waits;
  const Simulated still = TIER_TRY(simulate(tierd_folder, none, tierd, false, 1));
  comparison.clock = still.seconds / (tierd.length * (1 - tierd.tool_cpu));
  for (std::uint64_t seed = 1; seed <= seeds; ++seed) {
    const Simulated moved = TIER_TRY(simulate(tierd_folder, none, tierd, true, seed));
    const double gain = still.seconds / moved.seconds;
    comparison.simulated += gain / static_cast<double>(seeds);
    comparison.waits_simulated += moved.stall / moved.seconds / static_cast<double>(seeds);
    comparison.least = std::min(comparison.least, gain);
    comparison.most = std::max(comparison.most, gain);
  }
  return comparison;
}

}  // namespace tier::sim
