#include "tierd/daemon/runs_on.h"

#include <unordered_map>

namespace tier {
namespace {

// Weight of a tick's samples in the next one: a program that moved to another socket is seen there after
// three ticks, and one tick of few samples does not throw its regions about.
constexpr double kKept = 0.7;
// Samples, of late, that tell shares; fewer are chance.
constexpr double kEnough = 8;

}  // namespace

void RunsOn::fold(const SampleBatch& batch) {
  for (const AccessSample& sample : batch.samples)
    if (sample.cpu != kNoCpu) ++by_cpu_[sample.target][static_cast<int>(sample.cpu)];
}

void RunsOn::close_tick(const std::vector<NumaNode>& nodes) {
  std::unordered_map<int, NodeId> homes;
  int with_cpus = 0;
  for (const NumaNode& node : nodes) {
    with_cpus += node.cpus.empty() ? 0 : 1;
    for (const int cpu : node.cpus) homes[cpu] = node.id;
  }
  several_ = with_cpus > 1;
  for (auto& [target, shares] : by_node_)
    for (auto& [node, samples] : shares) samples *= kKept;
  for (const auto& [target, cpus] : by_cpu_) {
    for (const auto& [cpu, samples] : cpus)
      if (const auto home = homes.find(cpu); home != homes.end()) by_node_[target][home->second] += samples;
  }
  by_cpu_.clear();
  std::erase_if(by_node_, [](const auto& known) {
    double sum = 0;
    for (const auto& [node, samples] : known.second) sum += samples;
    return sum < 0.5;
  });
}

void RunsOn::tell(std::vector<Target>& targets) const {
  for (Target& target : targets) {
    target.runs_on.clear();
    const auto it = by_node_.find(target.id);
    if (!several_ || it == by_node_.end()) continue;
    double sum = 0;
    for (const auto& [node, samples] : it->second) sum += samples;
    if (sum < kEnough) continue;
    for (const auto& [node, samples] : it->second) target.runs_on.push_back({node, samples / sum});
  }
}

}  // namespace tier
