#include "tools/tier-lab/machine.h"

#include <algorithm>
#include <bit>

namespace tier::lab {
namespace {

constexpr std::uint64_t kMib = 1 << 20;
constexpr std::uint64_t kPsPerNs = 1000;
constexpr std::uint64_t kPsPerSecond = 1'000'000'000'000;
constexpr std::uint64_t kAbove = 4ULL << 30;
// q35 (hw/i386/pc_q35.c): 2 GiB below the hole when memory reaches 0xb0000000, else all of it.
constexpr std::uint64_t kHoleStarts = 0xb0000000;
constexpr std::uint64_t kBelowWithHole = 0x80000000;

std::string number(std::uint64_t value) { return std::to_string(value); }

}  // namespace

std::vector<PhysicalRange> physical_map(const TopologySpec& topology) {
  std::uint64_t total = 0;
  for (const NodeSpec& node : topology.nodes) total += node.size_mib * kMib;
  const std::uint64_t below = total >= kHoleStarts ? kBelowWithHole : total;
  std::vector<PhysicalRange> ranges;
  std::uint64_t offset = 0;
  for (std::size_t node = 0; node < topology.nodes.size(); ++node) {
    const std::uint64_t end = offset + topology.nodes[node].size_mib * kMib;
    if (offset < below) ranges.push_back({offset, std::min(end, below), node});
    if (end > below) ranges.push_back({kAbove + std::max(offset, below) - below, kAbove + end - below, node});
    offset = end;
  }
  return ranges;
}

std::size_t nearest_initiator(const TopologySpec& topology, std::size_t target) {
  if (!topology.nodes[target].cpus.empty()) return target;
  std::size_t best = 0;
  int distance = 1 << 30;
  for (std::size_t node = 0; node < topology.nodes.size(); ++node) {
    if (topology.nodes[node].cpus.empty() || topology.distances[node][target] >= distance) continue;
    best = node;
    distance = topology.distances[node][target];
  }
  return best;
}

std::uint64_t latency_between(const TopologySpec& topology, std::size_t initiator, std::size_t target,
                              std::uint64_t nearest_ns) {
  const std::size_t nearest = nearest_initiator(topology, target);
  const auto from = static_cast<std::uint64_t>(topology.distances[initiator][target]);
  const auto base = static_cast<std::uint64_t>(topology.distances[nearest][target]);
  return std::max<std::uint64_t>(1, nearest_ns * from / base);
}

std::size_t node_of_vcpu(const TopologySpec& topology, int vcpu) {
  for (std::size_t node = 0; node < topology.nodes.size(); ++node)
    for (const int cpu : topology.nodes[node].cpus)
      if (cpu == vcpu) return node;
  return 0;
}

TopologySpec with_room_for_image(TopologySpec topology, std::uint64_t bytes) {
  constexpr std::uint64_t kStep = 2 * kMib;  // a huge page
  topology.nodes[node_of_vcpu(topology, 0)].size_mib += (bytes + kStep - 1) / kStep * kStep / kMib;
  return topology;
}

PluginOptions plugin_options(const Scenario& scenario, const std::string& out) {
  PluginOptions options;
  options.out = out;
  options.count = scenario.mode == Mode::kMeasure;
  options.charge = scenario.clock == ClockKind::kWaiting;
  options.own_clocks = options.charge && scenario.own_clocks;
  options.shift = static_cast<std::uint64_t>(std::countr_zero(scenario.ns_per_instruction()));
  options.llc = scenario.llc;
  options.ranges = physical_map(scenario.topology);
  options.core = scenario.core;
  const std::uint64_t line = scenario.llc.line_bytes;
  const auto line_ps = [&](std::uint64_t mib_s) { return line * kPsPerSecond / (mib_s * kMib); };
  for (const NodeSpec& node : scenario.topology.nodes)
    options.tiers.push_back(
        {line_ps(node.read_bandwidth_mib_s), line_ps(node.write_bandwidth_mib_s), node.bank_ns * kPsPerNs});
  for (int vcpu = 0; vcpu < scenario.topology.vcpus; ++vcpu) {
    const std::size_t from = node_of_vcpu(scenario.topology, vcpu);
    std::vector<Latency> row;
    for (std::size_t node = 0; node < scenario.topology.nodes.size(); ++node) {
      const NodeSpec& spec = scenario.topology.nodes[node];
      row.push_back({latency_between(scenario.topology, from, node, spec.read_latency_ns) * kPsPerNs,
                     latency_between(scenario.topology, from, node, spec.write_latency_ns) * kPsPerNs});
    }
    options.latencies.push_back(std::move(row));
  }
  return options;
}

std::vector<std::string> topology_arguments(const TopologySpec& topology) {
  std::uint64_t total = 0;
  std::vector<std::string> arguments;
  const auto add = [&](const char* flag, std::string value) {
    arguments.emplace_back(flag);
    arguments.push_back(std::move(value));
  };
  for (std::size_t node = 0; node < topology.nodes.size(); ++node) {
    const NodeSpec& spec = topology.nodes[node];
    total += spec.size_mib;
    const std::string id = "m" + number(node);
    add("-object", "memory-backend-ram,id=" + id + ",size=" + number(spec.size_mib) + "M");
    std::string text = "node,nodeid=" + number(node) + ",memdev=" + id;
    for (int cpu : spec.cpus) text += ",cpus=" + std::to_string(cpu);
    if (spec.cpus.empty() && topology.hmat) text += ",initiator=" + number(nearest_initiator(topology, node));
    add("-numa", text);
  }
  for (std::size_t from = 0; from < topology.nodes.size(); ++from)
    for (std::size_t to = 0; to < topology.nodes.size(); ++to)
      if (from != to)
        add("-numa", "dist,src=" + number(from) + ",dst=" + number(to) +
                         ",val=" + std::to_string(topology.distances[from][to]));
  for (std::size_t initiator = 0; initiator < topology.nodes.size(); ++initiator) {
    if (topology.nodes[initiator].cpus.empty() || !topology.hmat) continue;
    for (std::size_t target = 0; target < topology.nodes.size(); ++target) {
      const NodeSpec& spec = topology.nodes[target];
      const std::string pair = "hmat-lb,initiator=" + number(initiator) + ",target=" + number(target) +
                               ",hierarchy=memory,data-type=";
      add("-numa", pair + "read-latency,latency=" +
                       number(latency_between(topology, initiator, target, spec.read_latency_ns)));
      add("-numa", pair + "write-latency,latency=" +
                       number(latency_between(topology, initiator, target, spec.write_latency_ns)));
      add("-numa", pair + "read-bandwidth,bandwidth=" + number(spec.read_bandwidth_mib_s) + "M");
      add("-numa", pair + "write-bandwidth,bandwidth=" + number(spec.write_bandwidth_mib_s) + "M");
    }
  }
  add("-machine", topology.hmat ? "q35,hmat=on" : "q35");
  add("-smp", std::to_string(topology.vcpus));
  add("-m", number(total) + "M");
  return arguments;
}

}  // namespace tier::lab
