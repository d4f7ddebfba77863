// Regions that have been silent for long cost a forecaster nothing: it does not see them, and their forecast
// is no demand.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "predictor/forecaster.h"

namespace tier {

// Ticks without a sample from which on a region counts as idle: the slowest average has then lost most of
// what it held, and so have the statistics (RegionStatistics forgets what is gone for as long).
inline constexpr std::uint32_t kIdleTicks = 256;

class SkipIdle final : public Forecaster {
 public:
  explicit SkipIdle(std::unique_ptr<Forecaster> forecaster) : forecaster_(std::move(forecaster)) {}

  std::string name() const override { return forecaster_->name(); }
  void observe(const NodeContext& node) override { forecaster_->observe(node); }
  ForecastSet forecast(const RegionSnapshot& snapshot) override;
  bool idle_work() override { return forecaster_->idle_work(); }
  std::size_t bytes_used() const override;
  std::vector<std::string> leaders() const override { return forecaster_->leaders(); }
  std::vector<Attention> attention() const override { return forecaster_->attention(); }

  std::size_t skipped() const { return skipped_; }  // in the last tick

 private:
  std::unique_ptr<Forecaster> forecaster_;
  RegionSnapshot active_;
  std::size_t skipped_ = 0;
};

}  // namespace tier
