#include "tools/tier-lab/oracle.h"

#include <algorithm>
#include <numeric>
#include <set>

namespace tier::lab {
namespace {

constexpr double kRegionMib = 2;
constexpr double kLeastOfPeriod = 0.01;  // a program is never all waiting

// Seconds that one region's misses of one period wait, wherever it lies.
struct Demand {
  std::uint64_t region = 0;
  double served_s = 0, fast_s = 0, slow_s = 0;
  double gain() const { return slow_s - fast_s; }
};

// Where a region lies that is not in the fast tier: the fastest of the other nodes.
std::size_t next_node(const TopologySpec& topology) {
  const std::size_t fast = topology.fast_node();
  std::size_t next = fast;
  for (std::size_t node = 0; node < topology.nodes.size(); ++node)
    if (node != fast &&
        (next == fast || topology.nodes[node].read_latency_ns < topology.nodes[next].read_latency_ns))
      next = node;
  return next;
}

std::vector<Demand> demand_of(const TopologySpec& topology, const std::vector<RegionCounts>& regions) {
  const auto latency = [&](std::size_t node) {
    return static_cast<double>(topology.nodes[node].read_latency_ns);
  };
  const double fast = latency(topology.fast_node()), slow = latency(next_node(topology));
  std::vector<Demand> demand;
  for (const RegionCounts& counts : regions) {
    double misses = 0, weighted = 0;
    for (std::size_t node = 0; node < counts.misses.size(); ++node) {
      misses += static_cast<double>(counts.misses[node]);
      weighted += static_cast<double>(counts.misses[node]) * latency(node);
    }
    if (weighted <= 0) continue;
    const double served = static_cast<double>(counts.wait_ns) * 1e-9;
    const double by_latency = served * misses / weighted;
    demand.push_back({counts.region, served, by_latency * fast, by_latency * slow});
  }
  std::sort(demand.begin(), demand.end(), [](const Demand& a, const Demand& b) {
    return a.gain() != b.gain() ? a.gain() > b.gain() : a.region < b.region;
  });
  return demand;
}

// Brings in what saves more than its swap takes; returns the moves. `demand`: most gain first.
std::uint64_t follow(const std::vector<Demand>& demand, std::size_t capacity, double move_s,
                     std::set<std::uint64_t>& fast) {
  std::vector<std::pair<double, std::uint64_t>> leaving;  // least gain last
  for (const Demand& one : demand)
    if (fast.count(one.region) != 0) leaving.emplace_back(one.gain(), one.region);
  for (const std::uint64_t region : fast)
    if (std::none_of(demand.begin(), demand.end(), [&](const Demand& one) { return one.region == region; }))
      leaving.emplace_back(0, region);
  std::uint64_t moves = 0;
  for (const Demand& one : demand) {
    if (fast.count(one.region) != 0) continue;
    if (fast.size() < capacity) {
      if (one.gain() <= move_s) break;
      moves += 1;
    } else {
      if (leaving.empty() || one.gain() - leaving.back().first <= 2 * move_s) break;
      fast.erase(leaving.back().second);
      leaving.pop_back();
      moves += 2;
    }
    fast.insert(one.region);
  }
  return moves;
}

}  // namespace

double OracleRun::total() const { return std::accumulate(progress.begin(), progress.end(), 0.0); }

OracleRun oracle_run(const Scenario& scenario, const std::vector<std::vector<RegionCounts>>& regions,
                     const std::vector<double>& progress, std::size_t capacity) {
  const TopologySpec& topology = scenario.topology;
  const double move_s =
      kRegionMib / static_cast<double>(topology.nodes[next_node(topology)].read_bandwidth_mib_s);
  OracleRun run;
  std::set<std::uint64_t> fast;
  for (std::size_t i = 0; i < regions.size(); ++i) {
    const std::vector<Demand> demand = demand_of(topology, regions[i]);
    std::uint64_t moves = 0;
    if (i == 0)
      for (std::size_t k = 0; k < std::min(capacity, demand.size()); ++k) fast.insert(demand[k].region);
    else
      moves = follow(demand, capacity, move_s, fast);
    double saved = -static_cast<double>(moves) * move_s;
    for (const Demand& one : demand)
      saved += one.served_s - (fast.count(one.region) != 0 ? one.fast_s : one.slow_s);
    const double left = std::max(kLeastOfPeriod * scenario.period_s, scenario.period_s - saved);
    run.progress.push_back(progress[i] * scenario.period_s / left);
    run.moves += moves;
  }
  return run;
}

}  // namespace tier::lab
