// Feeds the readers of nodes, CPUs and their counters with a small tree of procfs and sysfs whose files say
// anything. In an input a line "@NAME" begins the file of that name, see kFiles; other names are passed over.
#include <algorithm>
#include <array>
#include <filesystem>
#include <map>
#include <set>

#include "core/topology.h"
#include "platform/linux/prefetch_machine.h"
#include "platform/linux/sampling/hardware_events.h"
#include "platform/linux/topology_reader.h"
#include "tests/fuzz/fuzz.h"

namespace {

using tier::fuzz::require;

struct File {
  const char *name, *path;
};
#define TIER_NODE(file) \
  { file, "sys/devices/system/node/" file }
#define TIER_CPU(file) \
  { file, "sys/devices/system/cpu/" file }
#define TIER_PMU(file) \
  { "pmu/" file, "sys/bus/event_source/devices/cpu/" file }
constexpr std::array<File, 31> kFiles = {{
    {"online", "sys/devices/system/node/online"},
    TIER_NODE("has_generic_initiator"),
    TIER_NODE("node0/meminfo"),
    TIER_NODE("node0/cpulist"),
    TIER_NODE("node0/distance"),
    TIER_NODE("node0/access0/initiators/read_latency"),
    TIER_NODE("node0/access0/initiators/read_bandwidth"),
    TIER_NODE("node1/meminfo"),
    TIER_NODE("node1/cpulist"),
    TIER_NODE("node1/distance"),
    TIER_NODE("node1/access1/initiators/read_latency"),
    TIER_NODE("node1/access1/initiators/read_bandwidth"),
    {"zoneinfo", "proc/zoneinfo"},
    {"cpuinfo", "proc/cpuinfo"},
    {"swaps", "proc/swaps"},
    {"cpus", "sys/devices/system/cpu/online"},
    TIER_CPU("cpu0/topology/core_cpus_list"),
    TIER_CPU("cpu1/topology/core_cpus_list"),
    TIER_CPU("cpu2/topology/core_cpus_list"),
    TIER_CPU("cpu0/topology/cluster_cpus_list"),
    TIER_CPU("cpu2/topology/cluster_cpus_list"),
    {"cpu_core", "sys/devices/cpu_core/cpus"},
    {"cpu_atom", "sys/devices/cpu_atom/cpus"},
    {"sda/dev", "sys/block/sda/dev"},
    {"sda/size", "sys/block/sda/size"},
    {"boot_id", "proc/sys/kernel/random/boot_id"},
    TIER_PMU("type"),
    TIER_PMU("format/event"),
    TIER_PMU("format/ldlat"),
    TIER_PMU("events/mem-loads"),
    TIER_PMU("events/mem-stores"),
}};

// The tree is made once; for each input only the files that differ are written.
class Tree {
 public:
  Tree() {
    for (const File& file : kFiles) std::filesystem::create_directories(path_of(file).parent_path());
  }
  std::string root() const { return folder_.file("").string(); }

  void fill(std::string_view input) {
    std::map<std::string, std::string> wanted;
    while (!input.empty()) {
      const std::size_t next = input.find("\n@");
      add(input.substr(0, next), wanted);
      input.remove_prefix(next == std::string_view::npos ? input.size() : next + 1);
    }
    for (const File& file : kFiles) {
      const auto now = held_.find(file.name), later = wanted.find(file.name);
      if (later == wanted.end()) {
        if (now != held_.end()) std::filesystem::remove(path_of(file));
      } else if (now == held_.end() || now->second != later->second) {
        std::ofstream(path_of(file), std::ios::binary) << later->second;
      }
    }
    held_ = std::move(wanted);
  }

 private:
  std::filesystem::path path_of(const File& file) const { return folder_.file(file.path); }
  // "@NAME", and after the first line end the file's text.
  static void add(std::string_view section, std::map<std::string, std::string>& files) {
    if (!section.starts_with('@')) return;
    const std::size_t end = std::min(section.find('\n'), section.size());
    const std::string_view name = section.substr(1, end - 1);
    if (std::any_of(kFiles.begin(), kFiles.end(), [&](const File& file) { return file.name == name; }))
      files[std::string(name)] = section.substr(std::min(end + 1, section.size()));
  }

  tier::fuzz::Folder folder_;
  std::map<std::string, std::string> held_;  // by name
};

void check(const tier::NumaNode& node, std::size_t nodes) {
  require(node.free <= node.total, "no more is free than there is");
  require(node.has_cpus == !node.cpus.empty(), "a node with CPUs has CPUs");
  require(!node.of_device || !node.has_cpus, "a device has no CPUs");
  require(node.distances.empty() || node.distances.size() == nodes, "there is a distance to each node");
  for (const int distance : node.distances)
    require(distance >= 0 && distance <= 255, "distances are of one byte");
  require(node.read_latency.has_value() == (node.latency_source == tier::FactSource::kFirmware),
          "a latency has a source");
  if (node.read_latency)
    require(node.read_latency->count() >= 10 && node.read_latency->count() <= 10'000, "a latency can be");
  if (node.read_bandwidth) require(node.read_bandwidth->value >= 100'000'000, "a bandwidth can be");
  for (const std::string& doubt : node.doubts)
    require(!doubt.empty() && tier::escaped(doubt) == doubt, "a doubt is printable", doubt);
}

void check(const tier::TierTopology& topology) {
  std::size_t placed = 0;
  for (const tier::Tier& each : topology.tiers) {
    require(!each.nodes.empty(), "a tier has a node");
    placed += each.nodes.size();
  }
  require(placed <= topology.nodes.size(), "a node is in one tier at most");
  for (const std::string& doubt : topology.doubts)
    require(!doubt.empty() && tier::escaped(doubt) == doubt, "a doubt is printable", doubt);
}

void check(const std::vector<tier::CpuGroup>& groups) {
  std::set<std::uint32_t> seen;
  for (const tier::CpuGroup& group : groups) {
    require(!group.cpus.empty() && group.cpus.front() == group.id, "a group is named by its first CPU");
    require(std::is_sorted(group.cpus.begin(), group.cpus.end()), "CPUs ascend");
    for (const std::uint32_t cpu : group.cpus) require(seen.insert(cpu).second, "a CPU is in one group");
  }
}

void check_nodes(const std::string& root) {
  const auto nodes = tier::LinuxTopologyReader(root).nodes();
  if (!nodes) return tier::fuzz::require_told(nodes.error());
  require(!nodes->empty(), "there is a node");
  for (const tier::NumaNode& node : *nodes) check(node, nodes->size());
  const auto topology = tier::build_tiers(*nodes);
  if (!topology) return tier::fuzz::require_told(topology.error());
  check(*topology);
}

void check_cpus(const std::string& root) {
  const auto machine = tier::read_prefetch_machine(root);
  if (!machine) return tier::fuzz::require_told(machine.error());
  check(machine->cores);
  check(machine->modules);
  for (const tier::BlockDevice& device : machine->devices)
    require(device.major < 1U << 12 && device.minor < 1U << 20, "a device number is within bounds");
}

void check_counters(const std::string& root) {
  const auto event = tier::find_hardware_event(root);
  if (!event) return tier::fuzz::require_told(event.error());
  require(!event->encodings.empty() && event->encodings.size() <= 2,
          "an event has an encoding for each access");
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static Tree tree;
  tree.fill(tier::fuzz::text_of(data, size));
  check_nodes(tree.root());
  check_cpus(tree.root());
  check_counters(tree.root());
  return 0;
}
