#include "platform/linux/topology_reader.h"

#include <unistd.h>

#include <algorithm>
#include <filesystem>

#include "platform/linux/file.h"
#include "platform/linux/proc_text.h"
#include "platform/linux/watermarks.h"

namespace tier {
namespace {

// Calls between two looks at the watermarks: they change when memory is plugged or a sysctl is written, and
// the file lists every CPU of every zone.
constexpr std::uint32_t kWatermarksKept = 64;
constexpr const char* kNodes = "/sys/devices/system/node";
constexpr std::uint64_t kMegabyte = 1000000;  // HMAT bandwidths are decimal MB/s

// Beyond these a firmware table is broken, not fast: 1 s of latency, 1 PB/s.
constexpr std::uint64_t kMostNanoseconds = 1000000000;
constexpr std::uint64_t kMostMegabytesPerSecond = 1000000000;

bool exists(const std::string& path) {
  std::error_code ignored;
  return std::filesystem::exists(path, ignored);
}

tl::unexpected<Error> nonsense(const std::string& path, const std::string& text) {
  return fail(ErrorKind::kFailed, path + " makes no sense: \"" +
                                      std::string(trimmed(std::string_view(text).substr(0, 60))) + "\"");
}

Result<std::vector<int>> read_ids(const std::string& path) {
  const auto text = read_file(path);
  if (!text) return tl::make_unexpected(text.error());
  auto ids = parse_id_list(*text);
  if (!ids) return nonsense(path, *text);
  return *std::move(ids);
}

Result<std::vector<int>> read_distances(const std::string& path) {
  const auto text = read_file(path);
  if (!text) return tl::make_unexpected(text.error());
  std::vector<int> distances;
  std::string_view rest = trimmed(*text);
  while (!rest.empty()) {
    const std::size_t end = std::min(rest.find(' '), rest.size());
    const auto distance = parse_number(rest.substr(0, end));
    if (!distance || *distance > 255) return nonsense(path, *text);  // ACPI: one byte
    distances.push_back(static_cast<int>(*distance));
    rest = trimmed(rest.substr(end));
  }
  return distances;
}

// One HMAT attribute; none where the kernel shows none or 0 (unknown). access1 is the view of the nearest
// CPUs; access0, that of the nearest initiator of any kind, stands in on kernels without it.
Result<std::optional<std::uint64_t>> read_attribute(const std::string& node, const char* name,
                                                    std::uint64_t most) {
  for (const char* access : {"/access1/initiators/", "/access0/initiators/"}) {
    const std::string path = node + access + name;
    if (!exists(path)) continue;
    const auto text = read_file(path, 4096);
    if (!text) return tl::make_unexpected(text.error());
    const auto value = parse_number(trimmed(*text));
    if (!value || *value > most) return nonsense(path, *text);
    if (*value > 0) return value;
  }
  return std::optional<std::uint64_t>{};
}

}  // namespace

LinuxTopologyReader::LinuxTopologyReader(std::string root) : root_(std::move(root)) {}

Result<std::vector<NumaNode>> LinuxTopologyReader::nodes() const {
  const std::string online = under(root_, std::string(kNodes) + "/online");
  if (!exists(online))
    return fail(ErrorKind::kUnsupported, online + " does not exist: the kernel has no NUMA support",
                "boot a kernel with CONFIG_NUMA and mount sysfs");
  const auto ids = read_ids(online);
  if (!ids) return tl::make_unexpected(ids.error());
  if (calls_++ % kWatermarksKept == 0) {
    if (const auto zones = read_file(under(root_, "proc/zoneinfo")))
      kept_back_ = parse_high_watermarks(*zones);
  }
  std::vector<NumaNode> nodes;
  for (const int id : *ids) {
    auto node = read_node({id});
    if (!node) return tl::make_unexpected(node.error());
    const auto kept = kept_back_.find(id);
    const std::uint64_t reserve =
        kept == kept_back_.end() ? 0 : kept->second * static_cast<std::uint64_t>(sysconf(_SC_PAGESIZE));
    node->free.value -= std::min(node->free.value, reserve);
    nodes.push_back(*std::move(node));
  }
  // The kernel lists distances to online nodes in order. A row of another length was read while a node came
  // or went; it is dropped rather than believed.
  for (NumaNode& node : nodes)
    if (node.distances.size() != nodes.size()) node.distances.clear();
  return nodes;
}

Result<NumaNode> LinuxTopologyReader::read_node(NodeId id) const {
  const std::string path = under(root_, std::string(kNodes) + "/node" + std::to_string(id.value));
  NumaNode node;
  node.id = id;
  const auto meminfo = read_file(path + "/meminfo");
  if (!meminfo) return tl::make_unexpected(meminfo.error());
  const auto total = parse_node_meminfo(*meminfo, "MemTotal"), free = parse_node_meminfo(*meminfo, "MemFree");
  if (!total || !free) return nonsense(path + "/meminfo", *meminfo);
  node.total = *total;
  node.free = *free;
  const auto cpus = read_ids(path + "/cpulist");
  if (!cpus) return tl::make_unexpected(cpus.error());
  node.has_cpus = !cpus->empty();
  auto distances = read_distances(path + "/distance");
  if (!distances) return tl::make_unexpected(distances.error());
  node.distances = *std::move(distances);
  const auto latency = read_attribute(path, "read_latency", kMostNanoseconds);
  if (!latency) return tl::make_unexpected(latency.error());
  if (*latency) {
    node.read_latency = Nanoseconds{static_cast<std::int64_t>(**latency)};
    node.latency_source = FactSource::kFirmware;
  }
  const auto bandwidth = read_attribute(path, "read_bandwidth", kMostMegabytesPerSecond);
  if (!bandwidth) return tl::make_unexpected(bandwidth.error());
  if (*bandwidth) node.read_bandwidth = Bytes{**bandwidth * kMegabyte};
  return node;
}

}  // namespace tier
