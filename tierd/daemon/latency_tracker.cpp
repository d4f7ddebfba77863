#include "tierd/daemon/latency_tracker.h"

#include <fmt/format.h>

#include <algorithm>

namespace tier {

bool LatencyTracker::measure_all(const std::vector<NumaNode>& nodes) {
  bool all = true;
  for (const auto& node : nodes) {
    if (!node.online || node.total.value == 0) continue;
    auto& entry = entries_[node.id];
    if (const auto measured = probe_.measure(node.id)) {
      entry.probed = *measured;
    } else {
      all = false;
      story_ += fmt::format("node{}: not measured: {}; ", node.id.value, measured.error().text());
    }
  }
  return all;
}

void LatencyTracker::believe(NumaNode& node, bool use_probe) {
  auto& entry = entries_[node.id];
  if (const auto it = settings_.overrides.find(node.id.value); it != settings_.overrides.end()) {
    node.read_latency = it->second;
    node.latency_source = FactSource::kConfig;
  } else if (use_probe && entry.probed.count() > 0) {
    node.read_latency = entry.probed;
    node.latency_source = FactSource::kProbe;
  }
}

Result<TierTopology> LatencyTracker::calibrate(std::vector<NumaNode> nodes) {
  entries_.clear();
  story_.clear();
  const bool measured = measure_all(nodes);
  const bool use_probe = settings_.mode != LatencyMode::kFirmware && measured;
  if (settings_.mode == LatencyMode::kProbe && !measured) {
    return fail(ErrorKind::kUnsupported, "the latency probe cannot measure every node: " + story_,
                "free some memory on the node, or set [tiers] latency = \"auto\"");
  }
  for (auto& node : nodes) {
    if (entries_.contains(node.id)) believe(node, use_probe);
  }
  auto topology = build_tiers(std::move(nodes), settings_.same_tier);
  if (!topology) return topology;
  for (const auto& node : topology->nodes) {
    auto& entry = entries_[node.id];
    entry.unloaded = node.read_latency.value_or(Nanoseconds{0});
    story_ += fmt::format("node{}: {} ns by {}, probe {} ns; ", node.id.value, entry.unloaded.count(),
                          to_string(node.latency_source), entry.probed.count());
  }
  return topology;
}

void LatencyTracker::tick() {
  for (auto& [node, entry] : entries_) {
    const auto now = probe_.measure(node);
    if (!now || entry.probed.count() <= 0) continue;
    const double load = seconds(*now) / seconds(entry.probed);
    // Below the calibrated figure there is no load; the calibration itself may have met some.
    entry.load += settings_.smoothing * (std::max(load, 1.0) - entry.load);
  }
}

Nanoseconds LatencyTracker::loaded(NodeId node) const {
  const auto it = entries_.find(node);
  if (it == entries_.end()) return Nanoseconds{0};
  return Nanoseconds(
      static_cast<std::int64_t>(static_cast<double>(it->second.unloaded.count()) * it->second.load));
}

}  // namespace tier
