// Loaded latency of every node, tick by tick, and where each figure comes from.
#pragma once

#include <map>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "core/topology.h"
#include "platform/api/machine.h"

namespace tier {

enum class LatencyMode {
  kAuto,      // the probe where it can measure every node, else firmware, else distance
  kProbe,     // the probe or nothing
  kFirmware,  // HMAT for the unloaded latency, the probe only for how load stretches it; for emulators, whose
              // memory is equally fast everywhere
};

struct LatencySettings {
  LatencyMode mode = LatencyMode::kAuto;
  std::map<int, Nanoseconds> overrides;  // per node: the administrator's word, unloaded
  double smoothing = 0.3;   // weight of the newest measurement: three ticks forget two thirds of a spike
  double same_tier = 1.15;  // ratio below which two nodes share a tier
};

// How many times its unloaded latency memory takes to answer when this share of its bandwidth is used.
// Rises with the share, from 1; shares above nine tenths count as that, since firmware's figure of the
// bandwidth is not exact and the curve is steep there.
double latency_stretch(double used_share);

// Not thread-safe.
class LatencyTracker {
 public:
  LatencyTracker(LatencyProbe& probe, LatencySettings settings)
      : probe_(probe), settings_(std::move(settings)) {}

  // Measures every node once, decides which facts to believe and builds the tiers.
  Result<TierTopology> calibrate(std::vector<NumaNode> nodes);

  // Measures again and folds in. A node that cannot be measured (full, or outside the daemon's own cpuset)
  // gets an estimate from its traffic where both that and its bandwidth are known, and keeps its last figure
  // otherwise. Unknown nodes answer 0.
  void tick(std::span<const NodeTraffic> traffic = {});
  Nanoseconds loaded(NodeId) const;

  const std::string& story() const { return story_; }  // for `tierctl doctor`: what is believed and why

 private:
  struct Entry {
    Nanoseconds unloaded{};  // believed
    Nanoseconds probed{};    // by the probe at calibration; 0 when it could not
    double load = 1;         // smoothed: latency now / unloaded, by the probe or estimated
    bool has_cpus = false;
    double bandwidth = 0;  // bytes per second, as firmware says; 0: not known
  };
  bool measure_all(const std::vector<NumaNode>& nodes);
  void believe(NumaNode& node, bool use_probe);
  bool told_apart(std::span<const NodeTraffic> traffic) const;

  LatencyProbe& probe_;
  LatencySettings settings_;
  std::map<NodeId, Entry> entries_;
  std::string story_;
};

}  // namespace tier
