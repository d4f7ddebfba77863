// For tests: workloads written out by hand, and a machine whose arithmetic fits on a slip of paper.
#pragma once

#include <gtest/gtest.h>

#include <memory>
#include <utility>
#include <vector>

#include "sim/machine/machine.h"

namespace tier::sim {

class WrittenWorkload final : public Workload {
 public:
  WrittenWorkload(WorkloadInfo info, std::vector<Interval> intervals)
      : info_(std::move(info)), intervals_(std::move(intervals)) {}
  const WorkloadInfo& info() const override { return info_; }
  Result<std::optional<Interval>> next() override {
    if (at_ == intervals_.size()) return std::nullopt;
    return intervals_[at_++];
  }

 private:
  WorkloadInfo info_;
  std::vector<Interval> intervals_;
  std::size_t at_ = 0;
};

// One target with one stream; `loads[r]` of region r in each of `repeat` intervals.
struct PlainWorkload {
  std::vector<float> loads;
  double compute = 0, threads = 1, parallelism = 1, prefetchable = 0;
  std::size_t repeat = 1;
  PageKind pages = PageKind::kHuge;

  std::unique_ptr<Workload> make() const {
    WorkloadInfo info;
    info.name = "plain";
    info.regions = static_cast<std::uint32_t>(loads.size());
    info.targets = {{"program", threads}};
    info.streams = {{"all", 0, parallelism, prefetchable}};
    Demand demand;
    demand.streams.resize(1);
    for (std::uint32_t r = 0; r < loads.size(); ++r)
      if (loads[r] > 0) demand.streams[0].push_back({r, loads[r], 0, 0});
    Interval interval;
    interval.duration = std::chrono::seconds(1);
    interval.compute = {compute};
    interval.demand = std::make_shared<const Demand>(std::move(demand));
    std::vector<Interval> all(repeat, interval);
    if (!all.empty()) all[0].events = {{RegionChange::kAllocate, 0, 0, info.regions, 0x40000000, pages}};
    return std::make_unique<WrittenWorkload>(info, std::move(all));
  }
};

// 100 ns and 300 ns; room for `fast` and 64 regions; no queueing, moves of 1 ms, no store or prefetch tricks.
inline MachineDescription plain_machine(std::uint64_t fast) {
  MachineDescription m;
  m.name = "plain";
  m.tiers = {{"fast", {fast * kDefaultRegionSize.value}, Nanoseconds{100}, 1e12, {}, 0},
             {"slow", {64 * kDefaultRegionSize.value}, Nanoseconds{300}, 1e12, {}, 0}};
  m.migration = {std::chrono::microseconds(500), Nanoseconds{0},
                 static_cast<double>(kDefaultRegionSize.value) / 500e-6, Nanoseconds{0}};
  return m;
}

class FirstTouch : public Placer {
 public:
  int place(const Machine&, Region) override { return 0; }
};

template <typename... Workloads>
std::vector<std::unique_ptr<Workload>> workloads(const Workloads&... each) {
  std::vector<std::unique_ptr<Workload>> all;
  (all.push_back(each.make()), ...);
  return all;
}

// To the end, or `most`.
inline void run(Machine& machine, Nanoseconds most = std::chrono::hours(1)) { machine.advance(most); }

}  // namespace tier::sim
