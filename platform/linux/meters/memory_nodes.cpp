#include "platform/linux/meters/memory_nodes.h"

#include <fmt/format.h>

#include <sstream>

#include "platform/linux/file.h"
#include "platform/linux/proc_text.h"

namespace tier {
namespace {

constexpr const char* kNodes = "/sys/devices/system/node";
constexpr std::uint64_t kOtherSocket = 20;

std::vector<int> read_ids(const std::string& path) {
  const auto text = read_file(path, 1 << 16);
  const auto ids = text ? parse_id_list(trimmed(*text)) : std::nullopt;
  return ids.value_or(std::vector<int>{});
}

std::vector<std::uint64_t> read_distances(const std::string& path) {
  std::vector<std::uint64_t> all;
  std::istringstream words(read_file(path, 1 << 16).value_or(""));
  for (std::string word; words >> word;) {
    const auto distance = parse_number(word);
    if (!distance) return {};
    all.push_back(*distance);
  }
  return all;
}

}  // namespace

MemoryNodes::MemoryNodes(const std::string& root) : root_(root) {
  const std::string folder = under(root, kNodes);
  for (const int id : read_ids(folder + "/online")) {
    const std::string node = fmt::format("{}/node{}", folder, id);
    const auto cpus = read_ids(node + "/cpulist");
    nodes_.push_back(
        {static_cast<std::uint32_t>(id), {cpus.begin(), cpus.end()}, read_distances(node + "/distance")});
  }
}

std::optional<std::uint32_t> MemoryNodes::of_cpu(int cpu) const {
  for (const Node& node : nodes_)
    if (node.cpus.contains(cpu)) return node.id;
  return std::nullopt;
}

std::optional<std::uint32_t> MemoryNodes::of_socket(std::uint64_t socket) const {
  std::optional<int> first;
  for (const Node& node : nodes_) {
    for (const int cpu : node.cpus) {
      if (first && *first < cpu) break;
      if (read_number(under(root_, fmt::format("/sys/devices/system/cpu/cpu{}/topology/physical_package_id",
                                               cpu))) != socket)
        continue;
      first = cpu;
      break;
    }
  }
  return first ? of_cpu(*first) : std::nullopt;
}

std::optional<std::uint32_t> MemoryNodes::hbm_beside(std::uint32_t of) const {
  std::optional<std::uint32_t> nearest;
  std::uint64_t least = kOtherSocket;
  for (const Node& from : nodes_) {
    if (from.id != of || from.distances.size() != nodes_.size()) continue;
    for (std::size_t i = 0; i < nodes_.size(); ++i)
      if (nodes_[i].cpus.empty() && from.distances[i] < least)
        nearest = nodes_[i].id, least = from.distances[i];
  }
  return nearest;
}

}  // namespace tier
