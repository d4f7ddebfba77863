#include "platform/fake/topologies.h"

#include <algorithm>
#include <cmath>

namespace tier {
namespace {

struct NodeText {
  int id = 0;
  std::string cpus;  // "" for none
  std::uint64_t megabytes = 0;
  std::vector<int> distances;
  std::string latency, bandwidth;  // HMAT's access1, ns and MB/s; "" where it does not tell
  std::vector<int> initiators = {};
};

std::string joined(const std::vector<int>& numbers, const char* between) {
  std::string text;
  for (const int number : numbers) text += (text.empty() ? "" : between) + std::to_string(number);
  return text;
}

TreeDirectory files_of(const NodeText& node) {
  const std::string kb = std::to_string(node.megabytes * 1024);
  const std::string prefix = "Node " + std::to_string(node.id);
  TreeDirectory files = {
      {"cpulist", node.cpus + "\n"},
      {"distance", joined(node.distances, " ") + "\n"},
      {"meminfo", prefix + " MemTotal: " + kb + " kB\n" + prefix + " MemFree: " + kb + " kB\n"}};
  const std::string access = "access1/initiators/";
  if (!node.latency.empty()) files.push_back({access + "read_latency", node.latency + "\n"});
  if (!node.bandwidth.empty()) files.push_back({access + "read_bandwidth", node.bandwidth + "\n"});
  for (const int cpu : node.initiators) {
    const std::string name = "node" + std::to_string(cpu);
    files.push_back({access + name, TreeLink{"../../../" + name}});
  }
  return files;
}

TreeDirectory machine(const std::vector<NodeText>& nodes, const std::string& devices = "") {
  TreeDirectory folder;
  std::vector<int> ids;
  for (const NodeText& node : nodes) {
    ids.push_back(node.id);
    folder.push_back({"node" + std::to_string(node.id), files_of(node)});
  }
  folder.push_back({"online", joined(ids, ",") + "\n"});
  if (!devices.empty()) folder.push_back({"has_generic_initiator", devices + "\n"});
  return {{"sys/devices/system/node", folder}};
}

// Two sockets in four clusters each: node 0 to 7 with CPUs and DDR, 8 to 15 with HBM. Distances as Intel's
// firmware gives them: 12 within the socket, 21 across, and one more for HBM.
std::vector<int> snc4_row(int from) {
  std::vector<int> row;
  for (int to = 0; to < 16; ++to) {
    const int a = from % 8, b = to % 8;
    const int hbm = (from >= 8 ? 1 : 0) + (to >= 8 ? 1 : 0);
    const int base = a == b ? (from == to ? 10 : 13) : a / 4 == b / 4 ? 12 + 2 * (hbm > 0 ? 1 : 0) : 21 + hbm;
    row.push_back(base);
  }
  return row;
}

Topology xeon_max(bool hmat) {
  std::vector<NodeText> nodes;
  Topology topology;
  std::vector<int> hbm, ddr;
  for (int id = 0; id < 16; ++id) {
    const bool fast = id >= 8;
    const std::string first = std::to_string(id * 14), last = std::to_string(id * 14 + 13);
    NodeText node{id, fast ? "" : first + "-" + last, fast ? 16384U : 65536U, snc4_row(id), "", "", {}};
    if (hmat) node.latency = fast ? "130" : "112", node.bandwidth = fast ? "147500" : "61000";
    if (hmat) node.initiators = {id % 8};
    nodes.push_back(node);
    topology.truth[id] = fast ? MemoryTruth{130, 140} : MemoryTruth{112, 58};
    (fast ? hbm : ddr).push_back(id);
  }
  topology.name = hmat ? "xeon-max-snc4" : "xeon-max-snc4-no-hmat";
  topology.tree = machine(nodes);
  topology.tiers = {hbm, ddr};
  topology.needs_probe = !hmat;
  return topology;
}

Topology knl() {
  return {"knl-flat",
          machine({{0, "0-271", 98304, {10, 31}, "", "", {}}, {1, "", 16384, {31, 10}, "", "", {}}}),
          {{0, {130, 85}}, {1, {154, 400}}},
          {{1}, {0}},
          {},
          true};
}

Topology distances_alone() {
  return {"hbm-10-13-21-23-no-hmat",
          machine({{0, "0-55", 131072, {10, 21, 13, 23}, "", "", {}},
                   {1, "56-111", 131072, {21, 10, 23, 13}, "", "", {}},
                   {2, "", 65536, {13, 23, 10, 23}, "", "", {}},
                   {3, "", 65536, {23, 13, 23, 10}, "", "", {}}}),
          {{0, {112, 240}}, {1, {112, 240}}, {2, {130, 580}}, {3, {130, 580}}},
          {{2, 3}, {0, 1}},
          {},
          true};
}

Topology one_ddr_without_hmat() {
  return {"one-ddr-without-hmat",
          machine({{0, "0-55", 131072, {10, 21, 13, 23}, "112", "245000", {0}},
                   {1, "56-111", 131072, {21, 10, 23, 13}, "", "", {}},
                   {2, "", 65536, {13, 23, 10, 23}, "130", "590000", {0}},
                   {3, "", 65536, {23, 13, 23, 10}, "130", "590000", {1}}}),
          {{0, {112, 240}}, {1, {112, 240}}, {2, {130, 580}}, {3, {130, 580}}},
          {{2, 3}, {0, 1}},
          {},
          false};
}

// What firmware says of node 1 cannot be; of node 2 the kernel shows no memory, and of node 3 no text is
// text.
Topology absurd() {
  Topology topology{"absurd-facts",
                    machine({{0, "0-15", 65536, {10, 20, 20, 20}, "4294967295", "4294967295", {}},
                             {1, "", 65536, {20, 10, 20, 20}, "250000", "0", {}},
                             {2, "", 0, {20, 20, 10, 20}, "250", "20000", {}},
                             {3, "", 65536, {20, 20, 20, 10}, "ten", "-5", {}}}),
                    {{0, {100, 200}}, {1, {250, 28}}, {3, {255, 28}}},
                    {{0}, {1, 3}},
                    {},
                    true};
  for (TreeEntry& entry : std::get<TreeDirectory>(topology.tree.front().content)) {
    if (entry.name != "node2") continue;
    auto& files = std::get<TreeDirectory>(entry.content);
    std::erase_if(files,
                  [](const TreeEntry& file) { return file.name == "meminfo" || file.name == "cpulist"; });
  }
  return topology;
}

Topology cxl(bool hmat) {
  return {hmat ? "cxl" : "cxl-no-hmat",
          machine({{0, "0-31", 131072, {10, 20}, hmat ? "100" : "", hmat ? "250000" : "", {}},
                   {1, "", 131072, {20, 10}, hmat ? "250" : "", hmat ? "28000" : "", {}}}),
          {{0, {100, 200}}, {1, {250, 26}}},
          {{0}, {1}},
          {},
          !hmat};
}

// Grace Hopper: the GPU's memory is node 1; its other nodes stand for parts of the GPU (MIG) and are empty.
Topology grace_hopper() {
  std::vector<NodeText> nodes = {{0, "0-71", 491520, {10, 80}, "", "", {}},
                                 {1, "", 98304, {80, 10}, "", "", {}}};
  for (int id = 2; id < 9; ++id) nodes.push_back({id, "", 0, {}, "", "", {}});
  for (NodeText& node : nodes) {
    node.distances.assign(9, 80);
    node.distances[static_cast<std::size_t>(node.id)] = 10;
  }
  return {"gh200", machine(nodes, "1-8"), {{0, {115, 420}}, {1, {330, 300}}}, {{0}, {1}}, {1}, true};
}

Topology sparse() {
  return {"sparse-ids-0-2-8",
          machine({{0, "0-15", 65536, {10, 20, 30}, "100", "200000", {0}},
                   {2, "", 65536, {20, 10, 30}, "130", "600000", {0}},
                   {8, "", 65536, {30, 30, 10}, "300", "25000", {0}}}),
          {{0, {100, 190}}, {2, {130, 500}}, {8, {300, 22}}},
          {{2}, {0}, {8}},
          {},
          false};
}

Topology cpus_and_memory_apart() {
  return {"cpu-only-and-memory-only",
          machine({{0, "0-15", 0, {10, 15, 15, 30}, "", "", {}},
                   {1, "16-31", 0, {15, 10, 15, 30}, "", "", {}},
                   {2, "", 65536, {15, 15, 10, 30}, "130", "600000", {0, 1}},
                   {3, "", 65536, {30, 30, 30, 10}, "300", "25000", {0, 1}}}),
          {{2, {130, 500}}, {3, {300, 22}}},
          {{2}, {3}},
          {},
          false};
}

}  // namespace

std::vector<Topology> known_topologies() {
  return {xeon_max(true), xeon_max(false),        knl(),    distances_alone(),       cxl(true), cxl(false),
          grace_hopper(), one_ddr_without_hmat(), absurd(), cpus_and_memory_apart(), sparse()};
}

Result<MemoryTruth> TruthfulProbe::truth_of(NodeId node) const {
  const auto it = truth_.find(node.value);
  const auto full = refused.find(node.value);
  if (it == truth_.end() || (full != refused.end() && full->second))
    return fail(ErrorKind::kFailed, "node " + std::to_string(node.value) + " is full", "free memory there");
  return it->second;
}

Result<Nanoseconds> TruthfulProbe::measure(NodeId node) {
  return truth_of(node).map([&](const MemoryTruth& truth) {
    const auto it = load.find(node.value);
    return Nanoseconds(std::llround(truth.latency_ns * (it == load.end() ? 1 : it->second)));
  });
}

Result<Nanoseconds> TruthfulProbe::measure_from(std::span<const int> cpus, NodeId node) {
  auto near = measure(node);
  if (!near || cpus.empty()) return near;
  int here = 255, nearest = 255;
  for (const NumaNode& from : nodes_) {
    const auto index = static_cast<std::size_t>(
        std::find_if(nodes_.begin(), nodes_.end(), [&](const NumaNode& n) { return n.id == node; }) -
        nodes_.begin());
    if (!from.has_cpus || index >= from.distances.size()) continue;
    nearest = std::min(nearest, from.distances[index]);
    if (std::find(from.cpus.begin(), from.cpus.end(), cpus.front()) != from.cpus.end())
      here = from.distances[index];
  }
  return here <= nearest ? *near : Nanoseconds(near->count() * here / nearest);
}

Result<Bytes> TruthfulProbe::bandwidth(std::span<const int>, NodeId node) {
  return truth_of(node).map([](const MemoryTruth& truth) {
    return Bytes{static_cast<std::uint64_t>(truth.gigabytes_per_second * 1e9)};
  });
}

}  // namespace tier
