// What a scenario may not be, and what to write instead.
#include <bit>
#include <set>

#include "tools/tier-lab/plugin/region_table.h"
#include "tools/tier-lab/scenario.h"

namespace tier::lab {
namespace {

// Debian's kernels need about 70 MiB of their own on the node they boot from.
constexpr std::uint64_t kBootNodeMib = 192;
// Linux ignores memory blocks smaller than its section size (128 MiB on x86-64) on other nodes.
constexpr std::uint64_t kOtherNodeMib = 128;

std::string node_key(std::size_t node) { return "topology.node[" + std::to_string(node) + "]"; }

tl::unexpected<Error> refuse(std::string what, std::string fix) {
  return fail(ErrorKind::kUsage, std::move(what), std::move(fix));
}

Result<> check_cpus(const TopologySpec& topology) {
  std::set<int> placed;
  for (std::size_t node = 0; node < topology.nodes.size(); ++node) {
    for (int cpu : topology.nodes[node].cpus) {
      if (cpu >= topology.vcpus)
        return refuse(
            node_key(node) + ".cpus names CPU " + std::to_string(cpu) + ", but topology.vcpus is " +
                std::to_string(topology.vcpus),
            "use CPUs from 0 to " + std::to_string(topology.vcpus - 1) + " or raise topology.vcpus");
      if (!placed.insert(cpu).second)
        return refuse(
            node_key(node) + ".cpus names CPU " + std::to_string(cpu) + ", which is already in another node",
            "put each CPU into exactly one node");
    }
  }
  if (placed.size() != static_cast<std::size_t>(topology.vcpus))
    return refuse("topology.node[*].cpus place " + std::to_string(placed.size()) + " of " +
                      std::to_string(topology.vcpus) + " CPUs",
                  "list every CPU from 0 to " + std::to_string(topology.vcpus - 1) + " in some node's cpus");
  if (topology.nodes[0].cpus.empty())
    return refuse("topology.node[0].cpus is empty: Linux cannot boot on a first node without CPUs",
                  "give node 0 at least CPU 0");
  return {};
}

Result<> check_distances(const TopologySpec& topology) {
  const std::size_t count = topology.nodes.size();
  if (topology.distances.size() != count)
    return refuse("topology.distances has " + std::to_string(topology.distances.size()) + " rows for " +
                      std::to_string(count) + " nodes",
                  "write one row of " + std::to_string(count) + " numbers for each node");
  for (std::size_t from = 0; from < count; ++from) {
    const std::string row = "topology.distances[" + std::to_string(from) + "]";
    if (topology.distances[from].size() != count)
      return refuse(row + " has " + std::to_string(topology.distances[from].size()) + " numbers for " +
                        std::to_string(count) + " nodes",
                    "write " + std::to_string(count) + " numbers");
    for (std::size_t to = 0; to < count; ++to) {
      const int distance = topology.distances[from][to];
      if (from == to && distance != 10)
        return refuse(row + " gives the node a distance of " + std::to_string(distance) + " to itself",
                      "a node's distance to itself is 10");
      if (from != to && (distance <= 10 || distance > 254))
        return refuse(row + " holds the distance " + std::to_string(distance),
                      "distances between nodes are 11 to 254");
    }
  }
  return {};
}

}  // namespace

Result<> check_topology(const TopologySpec& topology) {
  if (topology.nodes.empty() || topology.nodes.size() > kMaxNodes)
    return refuse("topology.node has " + std::to_string(topology.nodes.size()) + " entries",
                  "write 1 to " + std::to_string(kMaxNodes) + " [[topology.node]] tables");
  for (std::size_t node = 0; node < topology.nodes.size(); ++node) {
    const std::uint64_t least = node == 0 ? kBootNodeMib : kOtherNodeMib;
    if (topology.nodes[node].size_mib < least)
      return refuse(
          node_key(node) + ".size_mib is " + std::to_string(topology.nodes[node].size_mib),
          "use at least " + std::to_string(least) +
              (node == 0 ? ": the kernel itself lives there" : ": smaller nodes are ignored by Linux"));
    if (topology.nodes[node].size_mib % 2 != 0)
      return refuse(node_key(node) + ".size_mib is odd", "use a multiple of 2, the size of a huge page");
    if (topology.nodes[node].read_latency_ns == 0)
      return refuse(node_key(node) + ".read_latency_ns is missing",
                    "give the node's read latency in nanoseconds, for example 80");
    if (topology.nodes[node].read_bandwidth_mib_s == 0)
      return refuse(node_key(node) + ".read_bandwidth_mib_s is missing",
                    "give the node's read bandwidth in MiB/s, for example 100000");
  }
  if (topology.fast_node() >= topology.nodes.size())
    return refuse("topology.fast_node is " + std::to_string(topology.fast_node()) + ", but there are " +
                      std::to_string(topology.nodes.size()) + " nodes",
                  "name one of them, counted from 0");
  TIER_TRY(check_cpus(topology));
  return check_distances(topology);
}

Result<> check_scenario(const Scenario& scenario) {
  if (scenario.name.empty()) return refuse("name is missing", "write name = \"…\"");
  TIER_TRY(check_topology(scenario.topology));
  if (scenario.mode == Mode::kMeasure && scenario.command.empty())
    return refuse("workload.command is missing", "write command = [\"program\", \"argument\", …]");
  if (scenario.mode == Mode::kExec && scenario.commands.empty())
    return refuse("workload.commands is missing in exec mode",
                  "write commands = [[\"program\", \"argument\"], …]");
  if (!scenario.llc.valid())
    return refuse("llc.size_kib, ways and line give no power-of-two number of sets",
                  "choose size_kib = sets * ways * line / 1024 with sets and line powers of two, for example "
                  "4096, 16, 64");
  if (scenario.tool != "none" && scenario.tool != "tierd" && scenario.topology.nodes.size() < 2)
    return refuse("rival.tool is " + scenario.tool + " on a machine with one node",
                  "add a second [[topology.node]]");
  if (scenario.length_s < scenario.period_s)
    return refuse("run.length_s is shorter than run.period_s", "measure at least one period");
  if (scenario.own_clocks && scenario.clock == ClockKind::kInstructions)
    return refuse("run.vcpu_clocks is own with the clock of instructions",
                  "add --clock waiting: only that clock is ours to set");
  const std::uint64_t instruction_ps = scenario.machine_ps_per_instruction();
  if (instruction_ps % 125 != 0 || !std::has_single_bit(instruction_ps / 125))
    return refuse(
        "run.instruction_ps is " + std::to_string(scenario.instruction_ps),
        "use 125, 250, 500, 1000, 2000, 4000 or 8000: the emulator's clock knows powers of two alone");
  for (int cpu : scenario.cpus)
    if (cpu >= scenario.topology.vcpus)
      return refuse("workload.cpus names CPU " + std::to_string(cpu) + ", which does not exist",
                    "see topology.vcpus");
  return {};
}

}  // namespace tier::lab
