#include "core/memory_paths.h"

#include <algorithm>
#include <cmath>

namespace tier {
namespace {

bool has_memory(const NumaNode& node) { return node.online && node.total.value > 0 && node.read_latency; }

const MemoryPath* find_path(const std::vector<MemoryPath>& paths, NodeId cpus, NodeId memory) {
  const auto it = std::find_if(paths.begin(), paths.end(), [&](const MemoryPath& path) {
    return path.cpus == cpus && path.memory == memory && path.latency.count() > 0;
  });
  return it == paths.end() ? nullptr : &*it;
}

// Latency relative to the shortest of the same memory, with where it was learnt.
struct Reach {
  double ratio = 1;
  FactSource source = FactSource::kUnknown;
};

class PathsTo {
 public:
  PathsTo(const std::vector<NumaNode>& nodes, const std::vector<MemoryPath>& measured, std::size_t memory)
      : nodes_(nodes), measured_(measured), memory_(memory), shortest_(shortest_measured()), base_(base()) {}

  Reach from(std::size_t cpus) const {
    if (const MemoryPath* known = find_path(measured_, nodes_[cpus].id, nodes_[memory_].id))
      return {ratio(known->latency, shortest_->latency), FactSource::kProbe};
    const bool alike = shortest_ == nullptr && is_base(cpus);  // firmware's figure holds for these CPUs too
    if (cpus == base_ || alike) return {1, nodes_[memory_].latency_source};
    const int here = slit_distance(nodes_, cpus, memory_), there = slit_distance(nodes_, base_, memory_);
    if (here == kUnreachable || there == kUnreachable || here <= there) return {1, FactSource::kDistance};
    return {static_cast<double>(here) / there, FactSource::kDistance};
  }

 private:
  static double ratio(Nanoseconds of, Nanoseconds to) {
    return of == to ? 1 : static_cast<double>(of.count()) / static_cast<double>(to.count());
  }

  const MemoryPath* shortest_measured() const {
    const MemoryPath* shortest = nullptr;
    for (const MemoryPath& path : measured_) {
      const bool known = path.memory == nodes_[memory_].id && path.latency.count() > 0;
      if (known && (shortest == nullptr || path.latency < shortest->latency)) shortest = &path;
    }
    return shortest;
  }

  bool is_base(std::size_t i) const {
    const NumaNode& memory = nodes_[memory_];
    if (shortest_ != nullptr) return nodes_[i].id == shortest_->cpus;
    return std::find(memory.initiators.begin(), memory.initiators.end(), nodes_[i].id) !=
           memory.initiators.end();
  }

  // The CPUs that read_latency holds for: those of the shortest measured path, those that firmware names,
  // else the nearest ones.
  std::size_t base() const {
    std::size_t best = nodes_.size();
    for (std::size_t i = 0; i < nodes_.size(); ++i) {
      if (!nodes_[i].has_cpus) continue;
      if (is_base(i)) return i;
      if (best == nodes_.size() || slit_distance(nodes_, i, memory_) < slit_distance(nodes_, best, memory_))
        best = i;
    }
    return best;
  }

  const std::vector<NumaNode>& nodes_;
  const std::vector<MemoryPath>& measured_;
  std::size_t memory_;
  const MemoryPath* shortest_;
  std::size_t base_;
};

}  // namespace

int slit_distance(const std::vector<NumaNode>& nodes, std::size_t from, std::size_t to) {
  const std::vector<int>& row = nodes[from].distances;
  if (to < row.size()) return row[to];
  return from == to ? kLocalDistance : kUnreachable;
}

int nearest_cpu_distance(const std::vector<NumaNode>& nodes, std::size_t memory) {
  int best = kUnreachable;
  for (std::size_t i = 0; i < nodes.size(); ++i) {
    if (nodes[i].has_cpus) best = std::min(best, slit_distance(nodes, i, memory));
  }
  return best;
}

std::vector<MemoryPath> memory_paths(const std::vector<NumaNode>& nodes,
                                     const std::vector<MemoryPath>& measured) {
  std::vector<MemoryPath> paths;
  for (std::size_t memory = 0; memory < nodes.size(); ++memory) {
    if (!has_memory(nodes[memory])) continue;
    const PathsTo to(nodes, measured, memory);
    for (std::size_t cpus = 0; cpus < nodes.size(); ++cpus) {
      if (!nodes[cpus].has_cpus) continue;
      const Reach reach = to.from(cpus);
      const double latency = static_cast<double>(nodes[memory].read_latency->count()) * reach.ratio;
      MemoryPath path{nodes[cpus].id, nodes[memory].id, Nanoseconds(std::llround(latency)), {}, reach.source};
      if (reach.ratio == 1) path.bandwidth = nodes[memory].read_bandwidth;
      paths.push_back(path);
    }
  }
  return paths;
}

}  // namespace tier
