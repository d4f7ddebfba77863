#include "tierd/daemon/settings.h"

#include <algorithm>

#include "tierd/daemon/latency_facts.h"

namespace tier {
namespace {

TargetSettings target_settings(const TargetsConfig& config) {
  TargetSettings settings;
  for (const auto pid : config.pids) settings.pids.push_back(Pid{static_cast<std::int32_t>(pid)});
  settings.cgroups = config.cgroups;
  settings.executables = config.executables;
  settings.exclude = config.exclude;
  settings.limit = static_cast<std::size_t>(config.limit);
  return settings;
}

LatencySettings latency_settings(const TiersConfig& config) {
  LatencySettings settings;
  switch (config.latency) {
    case LatencyChoice::kAuto:
      settings.mode = LatencyMode::kAuto;
      break;
    case LatencyChoice::kProbe:
      settings.mode = LatencyMode::kProbe;
      break;
    case LatencyChoice::kFirmware:
      settings.mode = LatencyMode::kFirmware;
      break;
  }
  settings.overrides = config.latencies;
  settings.bandwidths = config.bandwidths;
  settings.tiers.same_tier = config.same_tier;
  for (const auto& nodes : config.order) {
    auto& tier = settings.tiers.order.emplace_back();
    for (const int node : nodes) tier.push_back(NodeId{node});
  }
  return settings;
}

PolicySettings policy_settings(const Config& config) {
  PolicySettings settings;
  settings.horizon = config.policy.horizon;
  settings.rate = config.migration.rate_per_second;
  settings.headroom_share = config.policy.headroom;
  settings.fast_limits = config.policy.fast_limits;
  settings.cooldown = config.policy.cooldown;
  for (const auto node : config.tiers.exclude_nodes)
    settings.excluded_nodes.push_back(NodeId{static_cast<int>(node)});
  return settings;
}

}  // namespace

EngineSettings engine_settings(const Config& config) {
  EngineSettings settings;
  settings.act = config.mode == Mode::kAct;
  settings.interval = config.interval;
  settings.look_every = std::max<Nanoseconds>(config.interval, std::chrono::seconds(1));
  settings.targets = target_settings(config.targets);
  settings.latency = latency_settings(config.tiers);
  settings.policy = policy_settings(config);
  settings.tracker.region_size = config.region_size;
  settings.ledger.margin.start = config.policy.margin;
  settings.forecaster = config.policy.forecaster;
  settings.event_path = config.policy.event_path;
  settings.control_share = config.policy.control_share;
  settings.governor.cpu_limit = config.daemon.cpu_limit;
  return settings;
}

MigratorSettings migrator_settings(const Config& config, Bytes page_size) {
  MigratorSettings settings;
  settings.rate = config.migration.rate_per_second;
  settings.batch = Bytes{static_cast<std::uint64_t>(config.migration.batch_pages) * page_size.value};
  return settings;
}

std::optional<NodeId> spare_node(const Config& config, std::vector<NumaNode> nodes) {
  const LatencySettings latency = latency_settings(config.tiers);
  settle_latencies(nodes, latency, {});
  const auto topology = build_tiers(std::move(nodes), latency.tiers);
  if (!topology || !topology->tiered()) return std::nullopt;
  const NumaNode* best = nullptr;
  for (const NodeId id : topology->tiers.back().nodes) {
    const NumaNode* node = topology->find(id);
    if (best == nullptr || node->free > best->free) best = node;
  }
  return best->id;
}

SamplingSettings sampling_settings(const Config& config, std::vector<NumaNode> nodes) {
  SamplingSettings settings;
  settings.target_samples_per_second = config.sampling.target_samples_per_second;
  settings.cpu_budget = std::min(config.sampling.cpu_budget, config.sampling.max_cpu);
  settings.calibration_delay = std::chrono::seconds(5);  // samples must not wait for it
  settings.spare_node = tier::spare_node(config, std::move(nodes));
  const SourceChoice choice = config.sampling.source;
  const bool any = choice == SourceChoice::kAuto;
  settings.allow_stall = any || choice == SourceChoice::kStall;
  settings.allow_hardware = any || choice == SourceChoice::kHardware;
  settings.allow_damon = any || choice == SourceChoice::kDamon;
  settings.allow_faults = any || choice == SourceChoice::kFaults;
  settings.allow_damon = settings.allow_damon || config.sampling.accessed_bits;
  settings.damon_beside = config.sampling.accessed_bits;
  return settings;
}

}  // namespace tier
