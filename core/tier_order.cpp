#include "core/tier_order.h"

#include <fmt/format.h>

#include <algorithm>
#include <optional>

#include "core/memory_paths.h"

namespace tier {
namespace {

// SLIT says 10 for local; scales it where no latency at all is known.
constexpr Nanoseconds kLocalGuess{100};
// Sizes of nodes of one kind differ by what firmware reserves, never by more than this.
constexpr std::uint64_t kSizeRatio = 2;
// HBM in flat mode answers a load at most a quarter later than the DDR beside it (Xeon Max, Knights Landing),
// CXL and persistent memory at least 1.7 times later. Between these two lies what latency alone can tell.
constexpr double kSurelySlower = 1.5;
// Few CPUs, or busy ones, cannot draw what a node could deliver: bandwidths that the probe measured tell two
// nodes apart from this ratio on.
constexpr double kProbedApart = 1.3;

bool within(double a, double b, double ratio) { return a <= b * ratio && b <= a * ratio; }

double bandwidth_of(const NumaNode& node) {
  return node.read_bandwidth ? static_cast<double>(node.read_bandwidth->value) : 0;
}

// Bandwidth orders by what was found; the administrator's word on a latency alone does not reorder it.
double ranking_latency(const NumaNode& node) {
  return seconds(node.fact_latency.value_or(*node.read_latency));
}

bool same_kind(const std::vector<NumaNode>& nodes, std::size_t a, std::size_t b) {
  const NumaNode &one = nodes[a], &other = nodes[b];
  const int near = nearest_cpu_distance(nodes, a);
  const bool sizes =
      one.total.value <= other.total.value * kSizeRatio && other.total.value <= one.total.value * kSizeRatio;
  return a != b && has_usable_memory(other) && one.has_cpus == other.has_cpus &&
         one.of_device == other.of_device && sizes && near != kUnreachable &&
         near == nearest_cpu_distance(nodes, b);
}

// A node of the same kind that has the fact, if all that have it agree.
template <typename Get>
std::optional<std::size_t> peer_with(const std::vector<NumaNode>& nodes, std::size_t index, Get get) {
  std::optional<std::size_t> peer;
  for (std::size_t i = 0; i < nodes.size(); ++i) {
    if (!same_kind(nodes, index, i) || get(nodes[i]) <= 0) continue;
    if (peer && !within(get(nodes[i]), get(nodes[*peer]), TierRules{}.same_tier)) return std::nullopt;
    if (!peer) peer = i;
  }
  return peer;
}

double latency_or_none(const NumaNode& node) { return node.read_latency ? seconds(*node.read_latency) : 0; }

void borrow(std::vector<NumaNode>& nodes, const std::vector<NumaNode>& found) {
  for (std::size_t i = 0; i < nodes.size(); ++i) {
    NumaNode& node = nodes[i];
    if (!has_usable_memory(node)) continue;
    if (const auto peer = node.read_latency ? std::nullopt : peer_with(found, i, latency_or_none)) {
      node.read_latency = found[*peer].read_latency;
      node.latency_source = found[*peer].latency_source;
      node.doubts.push_back(fmt::format("its latency is not told: taken from node {}, of the same kind",
                                        found[*peer].id.value));
    }
    if (const auto peer = node.read_bandwidth ? std::nullopt : peer_with(found, i, bandwidth_of)) {
      node.read_bandwidth = found[*peer].read_bandwidth;
      node.bandwidth_source = found[*peer].bandwidth_source;
      node.doubts.push_back(fmt::format("its bandwidth is not told: taken from node {}, of the same kind",
                                        found[*peer].id.value));
    }
  }
}

// The node whose latency stands for a distance: one with CPUs rather than one without.
std::optional<std::size_t> measure_of_distance(const std::vector<NumaNode>& nodes) {
  std::optional<std::size_t> best;
  for (std::size_t i = 0; i < nodes.size(); ++i) {
    if (!nodes[i].read_latency || nearest_cpu_distance(nodes, i) == kUnreachable) continue;
    if (!best || (nodes[i].has_cpus && !nodes[*best].has_cpus)) best = i;
  }
  return best;
}

// Memory that X is compared with: that of the nearest CPUs, else of the node that answers soonest.
std::size_t reference_of(const std::vector<NumaNode>& nodes, std::size_t x) {
  std::optional<std::size_t> best;
  const auto better = [&](std::size_t i, std::size_t than) {
    if (nodes[i].has_cpus != nodes[than].has_cpus) return nodes[i].has_cpus;
    if (nodes[i].has_cpus) return slit_distance(nodes, i, x) < slit_distance(nodes, than, x);
    return *nodes[i].read_latency < *nodes[than].read_latency;
  };
  for (std::size_t i = 0; i < nodes.size(); ++i) {
    if (has_usable_memory(nodes[i]) && (!best || better(i, *best))) best = i;
  }
  return best.value_or(x);
}

bool bandwidths_decide(const NumaNode& a, const NumaNode& b) {
  const double one = bandwidth_of(a), other = bandwidth_of(b);
  if (one <= 0 || other <= 0) return false;
  const bool probed = a.bandwidth_source == FactSource::kProbe || b.bandwidth_source == FactSource::kProbe;
  return !probed || !within(one, other, kProbedApart);
}

bool latencies_decide(const NumaNode& x, const NumaNode& reference, double same_tier) {
  if (x.latency_source == FactSource::kDistance || reference.latency_source == FactSource::kDistance)
    return false;
  const double ratio = seconds(*x.read_latency) / seconds(*reference.read_latency);
  return ratio >= kSurelySlower || ratio * same_tier <= 1;
}

std::string undecided(const NumaNode& x, const NumaNode& reference) {
  const auto bandwidth = [](const NumaNode& node) {
    return node.read_bandwidth
               ? fmt::format("{:.3g} GB/s by {}", bandwidth_of(node) / 1e9, to_string(node.bandwidth_source))
               : std::string("bandwidth not known");
  };
  const auto facts = [&](const NumaNode& node) {
    return fmt::format("node {}: {} ns by {}, {}", node.id.value, node.read_latency->count(),
                       to_string(node.latency_source), bandwidth(node));
  };
  return fmt::format(
      "nothing tells which is faster, node {} or node {} ({}; {}): they share a tier, so nothing moves "
      "between them; say it in tiers.order, or give tiers.bandwidths",
      x.id.value, reference.id.value, facts(x), facts(reference));
}

}  // namespace

bool has_usable_memory(const NumaNode& node) { return node.online && node.total.value > 0; }

void fill_missing_facts(std::vector<NumaNode>& nodes) {
  const std::vector<NumaNode> found = nodes;
  borrow(nodes, found);
  const auto measure = measure_of_distance(found);
  const Nanoseconds known = measure ? *found[*measure].read_latency : kLocalGuess;
  const int known_distance = measure ? nearest_cpu_distance(found, *measure) : kLocalDistance;
  for (std::size_t i = 0; i < nodes.size(); ++i) {
    if (nodes[i].read_latency) continue;
    const int distance = nearest_cpu_distance(found, i);
    nodes[i].read_latency = distance == kUnreachable ? known : known * distance / known_distance;
    nodes[i].latency_source = FactSource::kDistance;
  }
}

std::vector<TierMerit> tier_merits(const std::vector<NumaNode>& nodes, double same_tier) {
  // Latency alone, where memory of CPUs has no bandwidth: what is compared with it has to be comparable.
  const bool by_bandwidth = std::all_of(nodes.begin(), nodes.end(), [](const NumaNode& node) {
    return !has_usable_memory(node) || !node.has_cpus || bandwidth_of(node) > 0;
  });
  std::vector<TierMerit> merits(nodes.size());
  const auto merit = [&](std::size_t i, const NumaNode& reference) {
    if (!by_bandwidth) return seconds(*nodes[i].read_latency);
    const double own = bandwidth_of(nodes[i]), other = bandwidth_of(reference);
    const bool alike = own <= 0 || (other > 0 && !bandwidths_decide(nodes[i], reference));
    const double bandwidth = alike ? other : own;
    return bandwidth > 0 ? ranking_latency(nodes[i]) / bandwidth : seconds(*nodes[i].read_latency);
  };
  for (std::size_t i = 0; i < nodes.size(); ++i) {
    if (!has_usable_memory(nodes[i])) continue;
    const std::size_t other = reference_of(nodes, i);
    const NumaNode& reference = nodes[other];
    merits[i].distance = merit(i, reference);
    if (nodes[i].has_cpus || other == i) continue;
    const bool decided =
        bandwidths_decide(nodes[i], reference) || latencies_decide(nodes[i], reference, same_tier);
    if (decided) continue;
    merits[i].doubt = undecided(nodes[i], reference);
    merits[i].distance = merit(other, reference);
  }
  return merits;
}

}  // namespace tier
