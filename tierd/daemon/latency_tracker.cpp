#include "tierd/daemon/latency_tracker.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <utility>

#include "tierd/daemon/latency_facts.h"

namespace tier {
namespace {

// Share of the bandwidth that is used, times the unloaded latency: the simulator's curve of DDR5
// (docs/simulator.md), up to the share from which on it is too steep to be trusted.
constexpr std::array<std::pair<double, double>, 5> kStretch = {
    {{0, 1}, {0.5, 1.1}, {0.7, 1.3}, {0.8, 1.6}, {0.9, 2.3}}};

// Rounds of readings, all nodes by turns, of which the smallest counts.
constexpr int kRounds = 3;
// Paths from CPUs to memory that are measured at most: 8 nodes of CPUs and 32 of memory. Distances tell the
// others.
constexpr std::size_t kMostPaths = 256;

// Bandwidths are measured again where the order of tiers hangs on them and memory is not loaded.
constexpr double kCalm = 1.2;
constexpr std::uint32_t kLongestWait = 4096;  // ticks

// The curve is that of one kind of memory; what another answers in may be so many times as much.
constexpr double kCurveDoubt = 1.5;

bool holds_memory(const NumaNode& node) { return node.online && node.total.value > 0; }

}  // namespace

double latency_stretch(double used_share) {
  for (std::size_t i = 1; i < kStretch.size(); ++i) {
    const auto [from, low] = kStretch[i - 1];
    const auto [to, high] = kStretch[i];
    if (used_share <= to) return low + (high - low) * std::max(used_share - from, 0.0) / (to - from);
  }
  return kStretch.back().second;
}

void LatencyFloor::add(Nanoseconds reading) {
  if (reading.count() <= 0) return;
  if (++readings_ > kWindow) before_ = std::exchange(current_, Nanoseconds{0}), readings_ = 1;
  if (current_.count() == 0 || reading < current_) current_ = reading;
}

Nanoseconds LatencyFloor::value() const {
  if (current_.count() == 0) return before_;
  return before_.count() == 0 ? current_ : std::min(current_, before_);
}

Result<Nanoseconds> LatencyTracker::read(NodeId node, Entry& entry) {
  auto reading = entry.near_cpus.empty() ? probe_.measure(node) : probe_.measure_from(entry.near_cpus, node);
  if (!reading && reading.error().kind != ErrorKind::kFailed && !entry.near_cpus.empty()) {
    entry.near_cpus.clear();  // not from there: from wherever the thread runs
    reading = probe_.measure(node);
  }
  if (reading) entry.floor.add(*reading);
  return reading;
}

void LatencyTracker::measure_nodes(const std::vector<NumaNode>& nodes) {
  for (int round = 0; round < kRounds; ++round) {
    for (const NumaNode& node : nodes) {
      if (!holds_memory(node)) continue;
      const auto reading = read(node.id, entries_[node.id]);
      if (!reading && round + 1 == kRounds && !entries_[node.id].floor.known())
        story_ += fmt::format("node{}: not measured: {}; ", node.id.value, reading.error().text());
    }
  }
}

// From the CPUs of every node, where there are several; each node is read from its nearest ones from then on.
void LatencyTracker::measure_paths(const std::vector<NumaNode>& nodes) {
  const auto cpu_nodes =
      std::count_if(nodes.begin(), nodes.end(), [](const NumaNode& n) { return n.has_cpus; });
  if (cpu_nodes < 2) return;
  std::size_t measured = 0;
  for (const NumaNode& memory : nodes) {
    if (!holds_memory(memory)) continue;
    Entry& entry = entries_[memory.id];
    Nanoseconds shortest{};
    for (const NumaNode& from : nodes) {
      if (from.cpus.empty() || measured >= kMostPaths) continue;
      const auto reading = probe_.measure_from(from.cpus, memory.id);
      if (!reading) continue;
      ++measured;
      LatencyFloor& floor = entry.from[from.id];
      floor.add(*reading);
      if (shortest.count() == 0 || floor.value() < shortest)
        shortest = floor.value(), entry.near_cpus = from.cpus;
    }
  }
}

std::vector<MemoryPath> LatencyTracker::paths() const {
  std::vector<MemoryPath> paths;
  for (const auto& [memory, entry] : entries_)
    for (const auto& [cpus, floor] : entry.from)
      paths.push_back({cpus, memory, floor.value(), {}, FactSource::kProbe});
  return paths;
}

void LatencyTracker::believe(std::vector<NumaNode>& nodes) {
  std::map<NodeId, Nanoseconds> probed;
  for (const auto& [node, entry] : entries_)
    if (entry.floor.known()) probed[node] = entry.floor.value();
  settle_latencies(nodes, settings_, probed);
}

// Where firmware does not tell enough, all nodes are measured, so that like is held against like; the
// administrator's word stays. What was measured once is kept. False: nothing could be.
bool LatencyTracker::measure_bandwidths(std::vector<NumaNode>& nodes) {
  std::vector<NumaNode*> asked;
  for (NumaNode& node : nodes)
    if (holds_memory(node) && node.bandwidth_source != FactSource::kConfig) asked.push_back(&node);
  const bool known = std::all_of(asked.begin(), asked.end(),
                                 [&](const NumaNode* node) { return entries_[node->id].drawn.has_value(); });
  for (int round = 0; !known && round < kRounds; ++round)
    for (const NumaNode* node : asked) draw(node->id, nodes);
  bool any = false;
  for (NumaNode* node : asked) {
    node->read_bandwidth = entries_[node->id].drawn;
    node->bandwidth_source = node->read_bandwidth ? FactSource::kProbe : FactSource::kUnknown;
    any = any || node->read_bandwidth;
  }
  return any;
}

// From the CPUs nearest to the node; the best of all readings counts.
void LatencyTracker::draw(NodeId node, const std::vector<NumaNode>& nodes) {
  Entry& entry = entries_[node];
  std::vector<int> cpus = entry.near_cpus;
  for (const NumaNode& from : nodes)
    if (cpus.empty()) cpus = from.cpus;
  const auto drawn = probe_.bandwidth(cpus, node);
  if (drawn) {
    entry.drawn = std::max(entry.drawn.value_or(Bytes{0}), *drawn);
  } else if (!entry.drawn) {
    story_ += fmt::format("node{}: bandwidth not measured: {}; ", node.value, drawn.error().text());
  }
}

Result<TierTopology> LatencyTracker::calibrate(std::vector<NumaNode> nodes) {
  story_.clear();
  stale_ = false;
  std::erase_if(entries_, [&](const auto& known) {
    return std::none_of(nodes.begin(), nodes.end(),
                        [&](const NumaNode& n) { return n.id == known.first && holds_memory(n); });
  });
  measure_paths(nodes);
  measure_nodes(nodes);
  const bool any = std::any_of(entries_.begin(), entries_.end(),
                               [](const auto& known) { return known.second.floor.known(); });
  if (settings_.mode == LatencyMode::kProbe && !any) {
    return fail(ErrorKind::kUnsupported, "the latency probe cannot measure any node: " + story_,
                "free some memory on the nodes, or set [tiers] latency = \"auto\"");
  }
  believe(nodes);
  auto topology = build_tiers(nodes, settings_.tiers, paths());
  if (topology && topology->undecided > 0 && measure_bandwidths(nodes))
    topology = build_tiers(std::move(nodes), settings_.tiers, paths());
  undecided_ = topology && topology->undecided > 0;
  ticks_ = 0;
  if (topology) remember(*topology);
  return topology;
}

void LatencyTracker::remember(const TierTopology& topology) {
  for (auto& [node, entry] : entries_) entry.compared = topology.tier_of(node).has_value();
  for (const NodeId node : topology.closed) entries_[node].compared = false;
  for (const auto& node : topology.nodes) {
    auto& entry = entries_[node.id];
    entry.unloaded = node.read_latency.value_or(Nanoseconds{0});
    entry.by_probe = node.latency_source == FactSource::kProbe && entry.floor.known();
    entry.has_cpus = node.has_cpus;
    const bool told = node.read_bandwidth && node.bandwidth_source != FactSource::kProbe;
    entry.bandwidth = told ? static_cast<double>(node.read_bandwidth->value) : 0;
    story_ += fmt::format("node{}: {} ns by {}, probe {} ns; ", node.id.value, entry.unloaded.count(),
                          to_string(node.latency_source), entry.floor.value().count());
    for (const std::string& doubt : node.doubts) story_ += fmt::format("node{}: {}; ", node.id.value, doubt);
  }
  for (const std::string& doubt : topology.doubts) story_ += doubt + "; ";
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

// Where flushing a line does not reach the caches that answer (an emulator's, a device's), readings are cache
// hits when idle and misses under load: their ratio says nothing of the memory.
bool LatencyTracker::reads_memory(const Entry& entry) {
  const Nanoseconds idle = entry.floor.value();
  if (idle < kLeastMemory) return false;
  const double ratio = seconds(idle) / seconds(entry.unloaded);
  return entry.unloaded.count() <= 0 || (ratio <= kMostLoad && ratio * kMostLoad >= 1);
}

double LatencyTracker::possible_load(const Entry& entry, std::optional<double> traffic) {
  if (!traffic || entry.bandwidth <= 0) return kMostLoad;
  return std::min(kMostLoad, kCurveDoubt * latency_stretch(*traffic / entry.bandwidth));
}

// Against its own smallest reading. Below that there is no load.
std::optional<double> LatencyTracker::load_of(NodeId node, Entry& entry, std::optional<double> traffic) {
  const bool known = entry.floor.known();
  const auto now = read(node, entry);
  if (now) {
    stale_ = stale_ || !known;
    const double load = std::max(1.0, seconds(*now) / seconds(entry.floor.value()));
    const double most = reads_memory(entry) ? possible_load(entry, traffic) : 1.0;
    entry.read_load += settings_.smoothing * (load - entry.read_load);
    entry.most_load += settings_.smoothing * (most - entry.most_load);
    if (reads_memory(entry)) return std::min(load, most);
  }
  if (!traffic || entry.bandwidth <= 0) return std::nullopt;
  return latency_stretch(*traffic / entry.bandwidth);
}

std::map<NodeId, std::string> LatencyTracker::load_doubts() const {
  std::map<NodeId, std::string> doubts;
  for (const auto& [node, entry] : entries_) {
    if (entry.read_load <= entry.most_load * kCalm) continue;
    const auto idle = entry.floor.value();
    const std::string read =
        fmt::format("the probe reads {:.1f} times its idle figure of {} ns, ", entry.read_load, idle.count());
    doubts[node] =
        read + (reads_memory(entry) ? fmt::format("which cannot be: it counts as {:.1f} times", entry.load)
                                    : fmt::format("and believed are {} ns: it does not read memory, and its "
                                                  "readings do not count as load",
                                                  entry.unloaded.count()));
  }
  return doubts;
}

void LatencyTracker::tick(std::span<const NodeTraffic> traffic) {
  if (entries_.size() < 2) return probe_.rest();
  const bool estimable = told_apart(traffic);
  std::map<NodeId, std::optional<double>> loads;
  bool complete = true;
  for (auto& [node, entry] : entries_) {
    const auto own = std::find_if(traffic.begin(), traffic.end(),
                                  [&, id = node](const NodeTraffic& each) { return each.node == id; });
    const bool counted = estimable && own != traffic.end();
    loads[node] = load_of(node, entry, counted ? std::optional(own->bytes_per_second) : std::nullopt);
    complete = complete && (loads[node] || !entry.compared);
    if (entry.by_probe) entry.unloaded = entry.floor.value();
  }
  bool calm = true;
  for (auto& [node, entry] : entries_) {
    const double load = complete && loads[node] ? *loads[node] : 1.0;
    entry.load += settings_.smoothing * (load - entry.load);
    calm = calm && entry.load < kCalm;
  }
  if (!undecided_ || !calm || ++ticks_ < wait_) return;
  wait_ = std::min(wait_ * 2, kLongestWait);
  stale_ = true;
}

Nanoseconds LatencyTracker::loaded(NodeId node) const {
  const auto it = entries_.find(node);
  if (it == entries_.end()) return Nanoseconds{0};
  return Nanoseconds(std::llround(static_cast<double>(it->second.unloaded.count()) * it->second.load));
}

}  // namespace tier
