#include "sim/workloads/stretched.h"

#include <cmath>

namespace tier::sim {
namespace {

class Stretched final : public Workload {
 public:
  Stretched(std::unique_ptr<Workload> inner, double times)
      : inner_(std::move(inner)), info_(inner_->info()), times_(times) {
    info_.interval = longer(info_.interval);
  }
  const WorkloadInfo& info() const override { return info_; }

  Result<std::optional<Interval>> next() override {
    auto next = inner_->next();
    if (!next || !*next) return next;
    Interval& interval = **next;
    interval.duration = longer(interval.duration);
    for (double& seconds : interval.compute) seconds *= times_;
    // Intervals that shared their demand share it still.
    if (interval.demand != seen_) {
      seen_ = interval.demand;
      scaled_ = scaled(*seen_);
    }
    interval.demand = scaled_;
    return next;
  }

 private:
  Nanoseconds longer(Nanoseconds time) const {
    return Nanoseconds{std::llround(static_cast<double>(time.count()) * times_)};
  }
  std::shared_ptr<const Demand> scaled(const Demand& demand) const {
    Demand more = demand;
    const auto by = static_cast<float>(times_);
    for (auto& stream : more.streams)
      for (RegionDemand& region : stream) region.loads *= by, region.stores *= by, region.stall *= by;
    return std::make_shared<const Demand>(std::move(more));
  }

  std::unique_ptr<Workload> inner_;
  WorkloadInfo info_;
  double times_;
  std::shared_ptr<const Demand> seen_, scaled_;
};

}  // namespace

std::unique_ptr<Workload> stretch(std::unique_ptr<Workload> workload, double times) {
  return std::make_unique<Stretched>(std::move(workload), times);
}

}  // namespace tier::sim
