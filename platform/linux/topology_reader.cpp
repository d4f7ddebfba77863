#include "platform/linux/topology_reader.h"

#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <optional>
#include <string_view>

#include "core/printable.h"
#include "platform/linux/file.h"
#include "platform/linux/pages.h"
#include "platform/linux/proc_text.h"
#include "platform/linux/watermarks.h"

namespace tier {
namespace {

// Calls between two looks at the watermarks: they change when memory is plugged or a sysctl is written, and
// the file lists every CPU of every zone.
constexpr std::uint32_t kWatermarksKept = 64;
// Calls between two looks at CPUs, distances and firmware's tables.
constexpr std::uint32_t kFactsKept = 16;
constexpr const char* kNodes = "/sys/devices/system/node";
constexpr std::uint64_t kMegabyte = 1000000;  // HMAT bandwidths are decimal MB/s

// What a firmware table may say of memory that loads reach: outside these it is broken. A table that mixes up
// picoseconds and nanoseconds, or KB and MB, is off by a thousand and falls outside.
struct Bounds {
  std::uint64_t least, most;
  const char* unit;
};
constexpr Bounds kLatency{10, 10'000, "ns"};           // HBM on the package: 60; CXL behind a switch: 600
constexpr Bounds kBandwidth{100, 20'000'000, "MB/s"};  // one lane of CXL: 2,000; a GPU's HBM: 8,000,000
constexpr std::uint64_t kUnreachable = 255;            // ACPI: distances are one byte

bool exists(const std::string& path) {
  std::error_code ignored;
  return std::filesystem::exists(path, ignored);
}

// Notes facts that are not believed, each with the file that tells it.
class Doubts {
 public:
  explicit Doubts(NumaNode& node) : node_(node) {}
  void nonsense(const std::string& path, std::string_view text) {
    add(path, "\"" + escaped(trimmed(text.substr(0, 60))) + "\" makes no sense");
  }
  void add(const std::string& path, const std::string& why) { node_.doubts.push_back(path + ": " + why); }

 private:
  NumaNode& node_;
};

std::optional<std::string> read_or_doubt(const std::string& path, Doubts& doubts) {
  auto text = read_file(path, 1U << 20);
  if (text) return *std::move(text);
  doubts.add(path, exists(path) ? "cannot be read" : "does not exist");
  return std::nullopt;
}

std::vector<int> read_ids(const std::string& path, Doubts& doubts) {
  const auto text = read_or_doubt(path, doubts);
  if (!text) return {};
  auto ids = parse_id_list(*text);
  if (!ids) doubts.nonsense(path, *text);
  return ids.value_or(std::vector<int>{});
}

std::vector<int> read_distances(const std::string& path, Doubts& doubts) {
  const auto text = read_or_doubt(path, doubts);
  if (!text) return {};
  std::vector<int> distances;
  std::string_view rest = trimmed(*text);
  while (!rest.empty()) {
    const std::size_t end = std::min(rest.find(' '), rest.size());
    const auto distance = parse_number(rest.substr(0, end));
    if (!distance || *distance > kUnreachable) {
      doubts.nonsense(path, *text);
      return {};
    }
    distances.push_back(static_cast<int>(*distance));
    rest = trimmed(rest.substr(end));
  }
  return distances;
}

void read_memory(const std::string& path, NumaNode& node, Doubts& doubts) {
  const auto text = read_or_doubt(path, doubts);
  if (!text) return;
  const auto total = parse_node_meminfo(*text, "MemTotal"), free = parse_node_meminfo(*text, "MemFree");
  if (!total) return doubts.nonsense(path, *text);
  node.total = *total;
  if (!free) return doubts.add(path, "tells no free memory: taken as full");
  node.free = std::min(*free, *total);
}

// The initiators' view of a node: access1 is that of the nearest CPUs, access0 that of the nearest initiator
// of any kind, which stands in on kernels without access1.
std::vector<std::string> views_of(const std::string& node) {
  std::vector<std::string> views;
  for (const char* access : {"/access1/initiators/", "/access0/initiators/"})
    if (exists(node + access)) views.push_back(node + access);
  return views;
}

std::optional<std::uint64_t> read_attribute(const std::vector<std::string>& views, const char* name,
                                            const Bounds& bounds, Doubts& doubts) {
  for (const std::string& view : views) {
    const std::string path = view + name;
    if (!exists(path)) continue;
    const auto text = read_or_doubt(path, doubts);
    const auto value = text ? parse_number(trimmed(*text)) : std::nullopt;
    if (value && *value >= bounds.least && *value <= bounds.most) return value;
    if (!text) continue;
    if (value && *value == 0) {
      doubts.add(path, "0, which means not known");
    } else if (value) {
      doubts.add(path, std::to_string(*value) + " " + bounds.unit + " cannot be: memory has from " +
                           std::to_string(bounds.least) + " to " + std::to_string(bounds.most));
    } else {
      doubts.nonsense(path, *text);
    }
  }
  return std::nullopt;
}

// The kernel links the nodes whose CPUs a view is measured from as node0, node1, … beside the figures.
std::vector<NodeId> read_initiators(const std::vector<std::string>& views) {
  std::vector<NodeId> nodes;
  if (views.empty()) return nodes;
  std::error_code ignored;
  for (const auto& entry : std::filesystem::directory_iterator(views.front(), ignored)) {
    const std::string name = entry.path().filename().string();
    const auto id = name.starts_with("node") ? parse_number(std::string_view(name).substr(4)) : std::nullopt;
    if (id && *id < kMostNodes) nodes.push_back({static_cast<int>(*id)});
  }
  std::sort(nodes.begin(), nodes.end());
  return nodes;
}

void read_firmware(const std::string& path, NumaNode& node, Doubts& doubts) {
  const auto views = views_of(path);
  node.initiators = read_initiators(views);
  if (const auto latency = read_attribute(views, "read_latency", kLatency, doubts)) {
    node.read_latency = Nanoseconds{static_cast<std::int64_t>(*latency)};
    node.latency_source = FactSource::kFirmware;
  }
  if (const auto bandwidth = read_attribute(views, "read_bandwidth", kBandwidth, doubts)) {
    node.read_bandwidth = Bytes{*bandwidth * kMegabyte};
    node.bandwidth_source = FactSource::kFirmware;
  }
}

// Nodes by their folders, where the list of those that are online makes no sense.
std::vector<int> listed_nodes(const std::string& folder) {
  std::vector<int> ids;
  std::error_code ignored;
  for (const auto& entry : std::filesystem::directory_iterator(folder, ignored)) {
    const std::string name = entry.path().filename().string();
    const auto id = name.starts_with("node") ? parse_number(std::string_view(name).substr(4)) : std::nullopt;
    if (id && *id < kMostNodes) ids.push_back(static_cast<int>(*id));
  }
  std::sort(ids.begin(), ids.end());
  return ids;
}

// A memory node that the kernel calls a generic initiator (ACPI 6.3) is a device that reads memory by itself
// and has its own: so the firmware of Grace Hopper describes the memory of its GPU. Kernels before 5.10 do
// not tell.
void mark_devices(const std::string& folder, std::vector<NumaNode>& nodes) {
  const auto text = read_file(folder + "/has_generic_initiator", 1U << 16);
  const auto devices = text ? parse_id_list(*text) : std::nullopt;
  if (!devices) return;
  for (NumaNode& node : nodes)
    node.of_device =
        !node.has_cpus && std::find(devices->begin(), devices->end(), node.id.value) != devices->end();
}

}  // namespace

LinuxTopologyReader::LinuxTopologyReader(std::string root) : root_(std::move(root)) {}

Result<std::vector<NumaNode>> LinuxTopologyReader::nodes() const {
  const std::string folder = under(root_, kNodes), online = folder + "/online";
  const auto text = read_file(online, 1U << 16);
  const auto known = text ? parse_id_list(*text) : std::nullopt;
  const std::vector<int> ids = known && !known->empty() ? *known : listed_nodes(folder);
  if (ids.empty())
    return fail(ErrorKind::kUnsupported, online + " names no node: the kernel has no NUMA support",
                "boot a kernel with CONFIG_NUMA and mount sysfs");
  if (calls_ % kWatermarksKept == 0) {
    if (const auto zones = read_file(under(root_, "proc/zoneinfo")))
      kept_back_ = parse_high_watermarks(*zones);
  }
  std::vector<NumaNode> nodes = facts(ids);
  for (NumaNode& node : nodes) {
    Doubts doubts(node);
    read_memory(path_of(node.id) + "/meminfo", node, doubts);
    node.of_device = node.of_device && node.total.value > 0;
    if (!known) doubts.add(online, "makes no sense: nodes were taken from their folders");
    const auto kept = kept_back_.find(node.id.value);
    const std::uint64_t reserve =
        kept == kept_back_.end() ? 0 : kept->second * static_cast<std::uint64_t>(sysconf(_SC_PAGESIZE));
    node.free.value -= std::min(node.free.value, reserve);
  }
  ++calls_;
  return nodes;
}

const std::vector<NumaNode>& LinuxTopologyReader::facts(const std::vector<int>& ids) const {
  const auto is = [](const NumaNode& node, int id) { return node.id.value == id; };
  const bool same = std::equal(facts_.begin(), facts_.end(), ids.begin(), ids.end(), is);
  if (same && calls_ % kFactsKept != 0) return facts_;
  facts_.clear();
  for (const int id : ids) facts_.push_back(read_facts({id}));
  mark_devices(under(root_, kNodes), facts_);
  // The kernel lists distances to online nodes in order. A row of another length was read while a node came
  // or went; it is dropped rather than believed.
  for (NumaNode& node : facts_)
    if (node.distances.size() != facts_.size()) node.distances.clear();
  return facts_;
}

std::string LinuxTopologyReader::path_of(NodeId id) const {
  std::string folder = kNodes;  // GCC 12 warns of an overflow where these are added
  folder += "/node" + std::to_string(id.value);
  return under(root_, folder);
}

NumaNode LinuxTopologyReader::read_facts(NodeId id) const {
  const std::string path = path_of(id);
  NumaNode node;
  node.id = id;
  Doubts doubts(node);
  node.cpus = read_ids(path + "/cpulist", doubts);
  node.has_cpus = !node.cpus.empty();
  node.distances = read_distances(path + "/distance", doubts);
  read_firmware(path, node, doubts);
  return node;
}

}  // namespace tier
