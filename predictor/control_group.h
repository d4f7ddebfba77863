// Two forecasters, each for its part of the regions: the control group follows the one, the rest the other.
#pragma once

#include <memory>

#include "core/control_group.h"
#include "predictor/forecaster.h"

namespace tier {

// Leading, the chosen forecaster is asked for all regions but the control group, and the reactive one for the
// control group; standing back, the other way round. Who has the control group sees its regions, and where
// these are few so many more buckets that there are about 4000 regions: what all regions together do is part
// of a forecast. So the second forecaster costs what it costs for a few thousand regions, however many there
// are: 2000 to 8000 of them at 0.2 to 0.34 µs each (docs/benchmarks.md), 0.4 to 2.7 ms a tick.
class ControlledForecaster final : public Forecaster {
 public:
  // Without `reactive` or without a control group everything follows `chosen`.
  ControlledForecaster(std::unique_ptr<Forecaster> chosen, std::unique_ptr<Forecaster> reactive,
                       ControlGroup group);

  std::string name() const override { return chosen_->name(); }
  void observe(const NodeContext& node) override;
  ForecastSet forecast(const RegionSnapshot& snapshot) override;
  bool idle_work() override { return chosen_->idle_work(); }
  std::size_t bytes_used() const override;
  std::vector<std::string> leaders() const override { return chosen_->leaders(); }
  std::vector<Attention> attention() const override { return chosen_->attention(); }

  bool controlled() const { return reactive_ != nullptr && group_.buckets > 0; }
  const ControlGroup& group() const { return group_; }
  // The reactive forecaster leads, the chosen one has the control group as a trial.
  void stand_back(bool back) { back_ = back; }
  bool standing_back() const { return back_; }

 private:
  RegionSnapshot part_of(const RegionSnapshot& snapshot);

  std::unique_ptr<Forecaster> chosen_, reactive_;
  ControlGroup group_;
  int shown_;  // buckets, to the second forecaster
  bool back_ = false;
};

}  // namespace tier
