// Which NUMA node's memory a memory controller serves.
#pragma once

#include <cstdint>
#include <optional>
#include <set>
#include <string>
#include <vector>

namespace tier {

// As sysfs shows the nodes at the time of the call.
class MemoryNodes {
 public:
  explicit MemoryNodes(const std::string& root);

  // The node that the CPU belongs to.
  std::optional<std::uint32_t> of_cpu(int cpu) const;
  // That of the socket's first CPU: of a socket with several nodes (sub-NUMA clustering) the controllers are
  // not told apart, and all of it is put down to this one.
  std::optional<std::uint32_t> of_socket(std::uint64_t socket) const;
  // Where high-bandwidth memory beside DRAM is a node of its own (flat mode): the nearest one without CPUs,
  // nearer than the 20 that stands for another socket in ACPI's table of distances.
  std::optional<std::uint32_t> hbm_beside(std::uint32_t node) const;

 private:
  struct Node {
    std::uint32_t id = 0;
    std::set<int> cpus;
    std::vector<std::uint64_t>
        distances;  // to the nodes, in their order; empty where the file makes no sense
  };
  std::string root_;
  std::vector<Node> nodes_;  // ascending
};

}  // namespace tier
