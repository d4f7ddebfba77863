#include "tierd/policy/allocation_meter.h"

#include <algorithm>
#include <cmath>

namespace tier {
namespace {

constexpr double kKept = 0.5;
// Kept per second of what was allocated by whom, and of what new memory was worth: 14 seconds. Programs
// allocate in bursts.
constexpr double kLately = 0.93;
// Byte-seconds of new memory that samples must have been taken in before they say what it is worth.
constexpr double kEnough = 16.0 * (2 << 20);

}  // namespace

void AllocationMeter::look(const SystemState& system, std::span<const MigrationReport> reports,
                           double passed) {
  std::map<NodeId, double> came;  // net bytes that our own moves brought
  for (const MigrationReport& report : reports) {
    came[report.to] += static_cast<double>(report.moved.value);
    came[report.from] -= static_cast<double>(report.moved.value);
  }
  allocated_ = 0;
  for (const NodeState& node : system.nodes) {
    const double free = static_cast<double>(node.free.value);
    const auto [it, added] = entries_.try_emplace(node.node, Entry{free, 0});
    Entry& entry = it->second;
    const double allocated = std::max(0.0, entry.free - free - came[node.node]);
    entry.per_second = std::max(allocated / passed, std::pow(kKept, passed) * entry.per_second);
    allocated_ += allocated;
    entry.free = free;
  }
}

std::vector<NodeAllocation> AllocationMeter::rates() const {
  std::vector<NodeAllocation> rates;
  for (const auto& [node, entry] : entries_)
    rates.push_back({node, Bytes{static_cast<std::uint64_t>(entry.per_second)}});
  return rates;
}

void NewMemoryMeter::look(double allocated, std::span<const Target> targets, double passed) {
  std::unordered_map<TargetId, Held> held;
  Bytes grown, beyond;
  for (const Target& target : targets) {
    const auto known = held_.find(target.id);
    const Held before = known == held_.end() ? Held{target.resident, target.resident} : known->second;
    held[target.id] = {target.resident, std::max(before.most, target.resident)};
    if (target.resident > before.resident) grown += target.resident - before.resident;
    if (target.resident > before.most) beyond += target.resident - before.most;
  }
  held_ = std::move(held);
  const double kept = std::pow(kLately, passed);
  lately_.watched = kept * lately_.watched + static_cast<double>(grown.value);
  lately_.lasting = kept * lately_.lasting + static_cast<double>(beyond.value);
  lately_.allocated = kept * lately_.allocated + allocated;
}

void NewMemoryMeter::tick(const RegionSnapshot& snapshot) {
  const double kept = std::pow(kLately, snapshot.seconds());
  fresh_bytes_ = kept * fresh_bytes_ + static_cast<double>(snapshot.fresh.bytes.value) * snapshot.seconds();
  fresh_demand_ = kept * fresh_demand_ + snapshot.fresh.demand.value;
}

NewMemory NewMemoryMeter::worth() const {
  NewMemory worth = lately_;
  if (fresh_bytes_ >= kEnough) worth.demand_per_byte = fresh_demand_ / fresh_bytes_;
  return worth;
}

}  // namespace tier
