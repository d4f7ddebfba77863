#include "tierd/daemon/latency_tracker.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <utility>

namespace tier {
namespace {

// Share of the bandwidth that is used, times the unloaded latency: the simulator's curve of DDR5
// (docs/simulator.md), up to the share from which on it is too steep to be trusted.
constexpr std::array<std::pair<double, double>, 5> kStretch = {
    {{0, 1}, {0.5, 1.1}, {0.7, 1.3}, {0.8, 1.6}, {0.9, 2.3}}};

}  // namespace

double latency_stretch(double used_share) {
  for (std::size_t i = 1; i < kStretch.size(); ++i) {
    const auto [from, low] = kStretch[i - 1];
    const auto [to, high] = kStretch[i];
    if (used_share <= to) return low + (high - low) * std::max(used_share - from, 0.0) / (to - from);
  }
  return kStretch.back().second;
}

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
    entry.has_cpus = node.has_cpus;
    entry.bandwidth = node.read_bandwidth ? static_cast<double>(node.read_bandwidth->value) : 0;
    story_ += fmt::format("node{}: {} ns by {}, probe {} ns; ", node.id.value, entry.unloaded.count(),
                          to_string(node.latency_source), entry.probed.count());
  }
  return topology;
}

// Where the CPUs of one socket form several nodes, its memory controllers are counted as one node's: what
// they carry then stands against a part of their bandwidth alone, and nothing is estimated.
bool LatencyTracker::told_apart(std::span<const NodeTraffic> traffic) const {
  return std::all_of(entries_.begin(), entries_.end(), [&](const auto& known) {
    return !known.second.has_cpus ||
           std::any_of(traffic.begin(), traffic.end(),
                       [&](const NodeTraffic& each) { return each.node == known.first; });
  });
}

void LatencyTracker::tick(std::span<const NodeTraffic> traffic) {
  const bool estimable = told_apart(traffic);
  for (auto& [node, entry] : entries_) {
    std::optional<double> load;
    const auto now = probe_.measure(node);
    if (now && entry.probed.count() > 0) {
      load = seconds(*now) / seconds(entry.probed);
    } else if (estimable && entry.bandwidth > 0) {
      for (const NodeTraffic& each : traffic)
        if (each.node == node) load = latency_stretch(each.bytes_per_second / entry.bandwidth);
    }
    // Below the calibrated figure there is no load; the calibration itself may have met some.
    if (load) entry.load += settings_.smoothing * (std::max(*load, 1.0) - entry.load);
  }
}

Nanoseconds LatencyTracker::loaded(NodeId node) const {
  const auto it = entries_.find(node);
  if (it == entries_.end()) return Nanoseconds{0};
  return Nanoseconds(
      static_cast<std::int64_t>(static_cast<double>(it->second.unloaded.count()) * it->second.load));
}

}  // namespace tier
