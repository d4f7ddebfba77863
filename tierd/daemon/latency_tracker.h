// Latency of every node, unloaded and loaded, tick by tick, and where each figure comes from.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "core/topology.h"
#include "platform/api/machine.h"

namespace tier {

enum class LatencyMode {
  kAuto,      // the probe where it measures a node, else firmware scaled to it, else distance
  kProbe,     // the probe; a node that it cannot measure yet counts by distance, firmware by nothing
  kFirmware,  // HMAT for the unloaded latency, the probe only for how load stretches it; for emulators, whose
              // memory is equally fast everywhere
};

struct LatencySettings {
  LatencyMode mode = LatencyMode::kAuto;
  std::map<int, Nanoseconds> overrides;  // per node: the administrator's word, unloaded
  std::map<int, Bytes> bandwidths;       // per node and second, likewise
  double smoothing = 0.3;  // weight of the newest measurement: three ticks forget two thirds of a spike
  TierRules tiers;
};

// How many times its unloaded latency memory takes to answer when this share of its bandwidth is used.
// Rises with the share, from 1; shares above nine tenths count as that, since firmware's figure of the
// bandwidth is not exact and the curve is steep there.
double latency_stretch(double used_share);

// The smallest reading of late: what memory answers in without load. It is forgotten within two windows, so
// that a machine that became slower (a guest that moved to another host) is not called loaded for ever.
class LatencyFloor {
 public:
  void add(Nanoseconds reading);
  bool known() const { return value().count() > 0; }
  Nanoseconds value() const;  // 0: none yet

 private:
  static constexpr std::uint32_t kWindow = 4096;  // readings; an hour at one a second
  Nanoseconds current_{}, before_{};              // 0: none
  std::uint32_t readings_ = 0;
};

// Not thread-safe.
class LatencyTracker {
 public:
  LatencyTracker(LatencyProbe& probe, LatencySettings settings)
      : probe_(probe), settings_(std::move(settings)) {}

  // Measures every node, decides which facts to believe and builds the tiers. Nodes are read by turns, so
  // that a load in between stretches all readings alike. Readings of earlier calls are kept.
  Result<TierTopology> calibrate(std::vector<NumaNode> nodes);

  // Measures again and folds in. A node that cannot be measured (full, or outside the daemon's own cpuset),
  // or whose idle figure is none of memory, gets an estimate from its traffic where both that and its
  // bandwidth are known. While one node has neither, no node counts as loaded: a loaded reading of one is
  // never held against a calm figure of another. A reading counts for no more than memory can be stretched
  // by: kMostLoad, and less where its own traffic says that it is not loaded.
  // With memory on one node alone nothing hangs on it: nothing is read, and the probe rests.
  void tick(std::span<const NodeTraffic> traffic = {});
  // calibrate() should be called again: a node was measured for the first time, or the order of tiers is not
  // decided and memory is calm enough to measure bandwidths once more (ever more seldom).
  bool stale() const { return stale_; }
  // Unknown nodes answer 0.
  Nanoseconds loaded(NodeId) const;
  // Nodes whose readings under load are not believed now, each with a sentence that has the figures.
  std::map<NodeId, std::string> load_doubts() const;

  const std::string& story() const { return story_; }  // for the log: what is believed and why

 private:
  struct Entry {
    std::vector<int> near_cpus;           // CPUs that it is read from; empty: wherever the thread runs
    LatencyFloor floor;                   // by the probe
    std::optional<Bytes> drawn;           // bandwidth that the probe measured
    std::map<NodeId, LatencyFloor> from;  // by node of CPUs, where there are several
    Nanoseconds unloaded{};               // believed
    bool by_probe = false;                // unloaded is the floor
    double load = 1;                      // smoothed: latency now / unloaded, by the probe or estimated
    double read_load = 1, most_load = 1;  // smoothed: as read, and what is possible
    bool compared = false;                // in a tier, and pages may move there
    bool has_cpus = false;
    double bandwidth = 0;  // bytes per second, as firmware or the administrator says; 0: not known
  };
  Result<Nanoseconds> read(NodeId node, Entry& entry);
  void measure_nodes(const std::vector<NumaNode>& nodes);
  void measure_paths(const std::vector<NumaNode>& nodes);
  std::vector<MemoryPath> paths() const;
  void believe(std::vector<NumaNode>& nodes);
  bool measure_bandwidths(std::vector<NumaNode>& nodes);
  void draw(NodeId node, const std::vector<NumaNode>& nodes);
  void remember(const TierTopology& topology);
  // `traffic`: bytes per second of the node; none where they are not counted for it alone.
  std::optional<double> load_of(NodeId node, Entry& entry, std::optional<double> traffic);
  static bool reads_memory(const Entry& entry);
  static double possible_load(const Entry& entry, std::optional<double> traffic);
  bool told_apart(std::span<const NodeTraffic> traffic) const;

  LatencyProbe& probe_;
  LatencySettings settings_;
  std::map<NodeId, Entry> entries_;
  std::string story_;
  bool stale_ = false;
  bool undecided_ = false;
  std::uint32_t ticks_ = 0, wait_ = 64;  // since the last calibrate, and until the next while undecided
};

}  // namespace tier
