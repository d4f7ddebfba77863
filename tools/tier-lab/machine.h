// From a topology to QEMU's arguments and to the map of physical memory that the counting plugin needs.
#pragma once

#include <string>
#include <vector>

#include "tools/tier-lab/plugin/tier_options.h"
#include "tools/tier-lab/scenario.h"

namespace tier::lab {

// Where QEMU's q35 machine puts the nodes: in order from 0, with a hole below 4 GiB once memory does not fit
// under it.
std::vector<PhysicalRange> physical_map(const TopologySpec& topology);

// Latency in nanoseconds from an initiator node to a target: the target's own figure from its nearest
// initiator, more by the ratio of distances from the others.
std::uint64_t latency_between(const TopologySpec& topology, std::size_t initiator, std::size_t target,
                              std::uint64_t nearest_ns);

// The first node with CPUs that is nearest to `target` (itself, when it has CPUs).
std::size_t nearest_initiator(const TopologySpec& topology, std::size_t target);

// The node whose CPUs hold `vcpu`; 0 when none does.
std::size_t node_of_vcpu(const TopologySpec& topology, int vcpu);

// The topology with room for the guest's root file system, of `bytes`, on the node it is unpacked on, that of
// CPU 0: programs and tools find the memory that the scenario names, however large the image is.
TopologySpec with_room_for_image(TopologySpec topology, std::uint64_t bytes);

// What the plugin needs to know about the machine; events go to `out`. Latencies are those of the HMAT.
PluginOptions plugin_options(const Scenario& scenario, const std::string& out);

// -machine, -smp, -m, memory backends, nodes, distances and HMAT.
std::vector<std::string> topology_arguments(const TopologySpec& topology);

}  // namespace tier::lab
