// A forecaster that knows the workloads: what tierd's own engine would do with perfect forecasts. Between it
// and the oracles lies what the policy leaves, between it and tierd what the forecaster leaves.
#pragma once

#include <memory>
#include <vector>

#include "predictor/forecaster.h"
#include "sim/policies/need.h"

namespace tier::sim {

class Foresight final : public Forecaster {
 public:
  // `machine` runs `workloads` and must outlive this.
  Foresight(const Machine& machine, const std::vector<WorkloadFactory>& workloads);

  std::string name() const override { return "foresight"; }
  ForecastSet forecast(const RegionSnapshot& snapshot) override;
  std::size_t bytes_used() const override;

 private:
  // Intervals pass as fast as in the last ticks.
  struct Job {
    LookAhead ahead;
    double pace = 1;                  // seconds per interval
    std::uint64_t done = 0;           // intervals
    double since = 0;                 // seconds, when these were looked at
    double passed = 0, finished = 0;  // discounted sums: seconds, intervals
  };
  void look(Job& job, std::size_t number);

  const Machine& machine_;
  double tick_ = 1;  // seconds, the running one
  std::vector<Job> jobs_;
  std::array<std::vector<Need>, kHorizons.size()> needs_;  // per second, by region of the machine
};

}  // namespace tier::sim
