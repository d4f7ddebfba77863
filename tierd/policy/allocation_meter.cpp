#include "tierd/policy/allocation_meter.h"

#include <algorithm>

namespace tier {
namespace {

constexpr double kKept = 0.5;

}  // namespace

void AllocationMeter::tick(const SystemState& system, std::span<const MigrationReport> reports) {
  std::map<NodeId, double> came;  // net bytes that our own moves brought
  for (const MigrationReport& report : reports) {
    came[report.to] += static_cast<double>(report.moved.value);
    came[report.from] -= static_cast<double>(report.moved.value);
  }
  for (const NodeState& node : system.nodes) {
    const double free = static_cast<double>(node.free.value);
    const auto [it, added] = entries_.try_emplace(node.node, Entry{free, 0});
    Entry& entry = it->second;
    const double allocated = std::max(0.0, entry.free - free - came[node.node]);
    entry.per_tick = std::max(allocated, kKept * entry.per_tick);
    entry.free = free;
  }
}

std::vector<NodeAllocation> AllocationMeter::rates() const {
  std::vector<NodeAllocation> rates;
  for (const auto& [node, entry] : entries_)
    rates.push_back({node, Bytes{static_cast<std::uint64_t>(entry.per_tick)}});
  return rates;
}

}  // namespace tier
