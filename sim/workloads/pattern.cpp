#include "sim/workloads/pattern.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

namespace tier::sim {
namespace {

// Where the first region lies; far from 0, as a program's memory does.
constexpr Address kBase = 0x1000'0000'0000;
// Rounding of sums, as a share of an interval.
constexpr double kRounding = 1e-6;

class GeneratedWorkload final : public Workload {
 public:
  GeneratedWorkload(std::string name, const Common& common, std::unique_ptr<Pattern> pattern)
      : common_(common), pattern_(std::move(pattern)) {
    const std::string target = name.substr(0, name.find(':'));
    info_ = {std::move(name), common.region_size,         common.interval,
             common.regions,  {{target, common.threads}}, pattern_->streams()};
  }

  const WorkloadInfo& info() const override { return info_; }

  Result<std::optional<Interval>> next() override {
    if (index_ == common_.intervals) return std::nullopt;
    Interval interval;
    interval.duration = common_.interval;
    const bool changed = pattern_->advance(index_, interval.events);
    if (changed || !demand_) TIER_TRY(paint());
    interval.compute = {compute_};
    interval.demand = demand_;
    ++index_;
    return interval;
  }

 private:
  Result<void> paint() {
    Painter painter(info_.streams);
    pattern_->paint(painter);
    const double all = common_.thread_seconds();
    if (painter.waits() > all * (1 + kRounding))
      return fail(ErrorKind::kUsage,
                  fmt::format("{}: interval {} asks for {:.3g} s of waiting and has {:.3g} s", info_.name,
                              index_, painter.waits(), all),
                  "lower the intensity or the rate, or raise the threads");
    compute_ = std::max(0.0, all - painter.waits());
    demand_ = std::make_shared<const Demand>(painter.take());
    return {};
  }

  Common common_;
  std::unique_ptr<Pattern> pattern_;
  WorkloadInfo info_;
  std::uint64_t index_ = 0;
  double compute_ = 0;
  std::shared_ptr<const Demand> demand_;
};

}  // namespace

std::uint32_t Common::part(double share) const {
  return std::clamp<std::uint32_t>(static_cast<std::uint32_t>(std::lround(share * regions)), 1, regions);
}

RegionEvent Common::event(RegionChange change, std::uint32_t first, std::uint32_t count) const {
  return {change, 0, first, count, kBase + region_size.value * first, pages};
}

double reference_wait(const Stream& stream, double writes) {
  const double waited = 1 - writes + writes * kReferenceStoreWait;
  return (1 - stream.prefetchable) * waited * kReferenceLatency / stream.parallelism;
}

Result<void> check_traffic(const Common& common, double bytes_per_second) {
  const double misses = bytes_per_second / kLineSize;
  const double share = misses * reference_wait(sequential_stream(""), 0) / common.threads;
  if (share <= common.intensity) return {};
  return fail(
      ErrorKind::kUsage,
      fmt::format("the sequential traffic waits for {:.3g} of the time, more than the intensity {:.3g}",
                  share, common.intensity),
      "lower the rate, or raise intensity or threads");
}

void Painter::cell(std::uint32_t region, double weight) {
  if (weight <= 0) return;
  total_ += weight;
  // A sweep that wraps round ends in the region in which it began.
  if (!cells_.empty() && cells_.back().region == region)
    cells_.back().loads += static_cast<float>(weight);
  else
    cells_.push_back({region, static_cast<float>(weight), 0, 0});
}

void Painter::span(std::uint32_t first, std::uint32_t count, double weight) {
  if (weight <= 0) return;
  for (std::uint32_t i = 0; i < count; ++i) cells_.push_back({first + i, static_cast<float>(weight), 0, 0});
  total_ += weight * count;
}

void Painter::by_misses(std::size_t stream, double misses, double writes) {
  if (total_ > 0 && misses > 0) {
    const auto loads = static_cast<float>(misses * (1 - writes) / total_);
    const auto stores = static_cast<float>(misses * writes / total_);
    for (RegionDemand& cell : cells_) cell.stores = cell.loads * stores, cell.loads *= loads;
    waits_ += misses * reference_wait(streams_[stream], writes);
    demand_.streams[stream] = std::move(cells_);
  }
  cells_ = {};
  total_ = 0;
}

void Painter::by_waiting(std::size_t stream, double thread_seconds, double writes) {
  by_misses(stream, thread_seconds / reference_wait(streams_[stream], writes), writes);
}

std::unique_ptr<Workload> make_generated(std::string name, const Common& common,
                                         std::unique_ptr<Pattern> pattern) {
  return std::make_unique<GeneratedWorkload>(std::move(name), common, std::move(pattern));
}

}  // namespace tier::sim
