#include "tierd/daemon/latency_facts.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

namespace tier {
namespace {

std::optional<Nanoseconds> find(const std::map<NodeId, Nanoseconds>& probed, NodeId node) {
  const auto it = probed.find(node);
  return it == probed.end() || it->second.count() <= 0 ? std::nullopt : std::optional(it->second);
}

// Probe over firmware, the middle one of the nodes that have both; 0: none has.
double probe_over_firmware(const std::vector<NumaNode>& nodes, const std::map<NodeId, Nanoseconds>& probed) {
  std::vector<double> ratios;
  for (const NumaNode& node : nodes) {
    const auto reading = find(probed, node.id);
    if (reading && node.read_latency) ratios.push_back(seconds(*reading) / seconds(*node.read_latency));
  }
  if (ratios.empty()) return 0;
  std::sort(ratios.begin(), ratios.end());
  return ratios[ratios.size() / 2];
}

void check(NumaNode& node, Nanoseconds reading, bool firmware_counts) {
  if (!node.read_latency) return;
  const double ratio = seconds(reading) / seconds(*node.read_latency);
  if (ratio <= kMostLoad && ratio * kMostLoad >= 1) return;
  node.doubts.push_back(fmt::format(
      "firmware says {} ns, the probe measured {} ns: {}", node.read_latency->count(), reading.count(),
      firmware_counts ? "firmware is believed, as tiers.latency says" : "firmware's figure is not believed"));
}

Nanoseconds scaled(Nanoseconds latency, double factor) {
  return factor == 1 ? latency : Nanoseconds(std::llround(static_cast<double>(latency.count()) * factor));
}

class Settling {
 public:
  Settling(const std::vector<NumaNode>& nodes, LatencyMode mode, const std::map<NodeId, Nanoseconds>& probed)
      : mode_(mode), probed_(probed), ratio_(probe_over_firmware(nodes, probed)) {}

  void settle(NumaNode& node) const {
    const auto reading = find(probed_, node.id);
    const bool firmware_first = mode_ == LatencyMode::kFirmware;
    if (reading) check(node, *reading, firmware_first);
    if (firmware_first) {
      if (!node.read_latency && reading) set(node, scaled(*reading, ratio_ > 0 ? 1 / ratio_ : 1));
    } else if (reading) {
      set(node, *reading);
    } else if (mode_ == LatencyMode::kProbe) {
      node.read_latency.reset();
      node.latency_source = FactSource::kUnknown;
    } else if (node.read_latency && ratio_ > 0) {
      node.read_latency = scaled(*node.read_latency, ratio_);
    } else if (node.read_latency && !probed_.empty()) {
      // Nothing ties firmware's scale to the probe's: the node counts by its kind or by distance.
      node.doubts.push_back(fmt::format("firmware's {} ns stand alone beside nodes that the probe measured",
                                        node.read_latency->count()));
      node.read_latency.reset();
      node.latency_source = FactSource::kUnknown;
    }
  }

 private:
  static void set(NumaNode& node, Nanoseconds latency) {
    node.read_latency = latency;
    node.latency_source = FactSource::kProbe;
  }
  LatencyMode mode_;
  const std::map<NodeId, Nanoseconds>& probed_;
  double ratio_;
};

}  // namespace

void settle_latencies(std::vector<NumaNode>& nodes, const LatencySettings& settings,
                      const std::map<NodeId, Nanoseconds>& probed) {
  const Settling settling(nodes, settings.mode, probed);
  for (NumaNode& node : nodes) {
    settling.settle(node);
    if (const auto it = settings.overrides.find(node.id.value); it != settings.overrides.end()) {
      node.fact_latency = node.read_latency;
      node.read_latency = it->second;
      node.latency_source = FactSource::kConfig;
    }
    if (const auto it = settings.bandwidths.find(node.id.value); it != settings.bandwidths.end()) {
      node.read_bandwidth = it->second;
      node.bandwidth_source = FactSource::kConfig;
    }
  }
}

}  // namespace tier
