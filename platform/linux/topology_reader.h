// NUMA nodes as sysfs shows them.
#pragma once

#include <cstdint>
#include <map>
#include <string>

#include "platform/api/machine.h"

namespace tier {

// Reads /sys/devices/system/node. Node numbers may have gaps; nodes may lack CPUs, memory or HMAT attributes.
// access1 (nearest CPUs), else access0 (nearest initiator of any kind) is believed, the kernel's memory tiers
// are not: 6.1 puts everything into one. A file that is missing or makes no sense, or a figure that cannot
// be, leaves that one fact unknown and is noted in NumaNode::doubts; only a kernel without any node is an
// error. Each call reads which nodes there are and what memory they have; the other facts, which hardly ever
// change, every sixteenth one or when nodes have come or gone.
class LinuxTopologyReader final : public TopologyReader {
 public:
  explicit LinuxTopologyReader(std::string root = "/");
  Result<std::vector<NumaNode>> nodes() const override;

 private:
  const std::vector<NumaNode>& facts(const std::vector<int>& ids) const;
  NumaNode read_facts(NodeId id) const;
  std::string path_of(NodeId id) const;
  std::string root_;
  mutable std::uint32_t calls_ = 0;
  mutable std::vector<NumaNode> facts_;             // of the nodes without their memory
  mutable std::map<int, std::uint64_t> kept_back_;  // base pages by node; see watermarks.h
};

}  // namespace tier
