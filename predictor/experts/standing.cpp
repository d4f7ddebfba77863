#include "predictor/experts/experts.h"
#include "predictor/exponential_average.h"

namespace tier {
namespace {

// A whole forecaster among the experts; its quantiles are not asked for.
class Standing final : public Expert {
 public:
  explicit Standing(std::unique_ptr<Forecaster> forecaster) : forecaster_(std::move(forecaster)) {}
  void observe(const RegionSnapshot& snapshot, const RegionStatistics&) override {
    set_ = forecaster_->forecast(snapshot);
  }
  void forecast(const RegionStatistics&, std::size_t horizon, const Rows& rows,
                std::span<float> out) const override {
    rows.fill(out, [&](std::size_t row) { return set_.forecasts[row].horizons[horizon].mean; });
  }
  std::size_t bytes_used() const override {
    return forecaster_->bytes_used() + set_.forecasts.capacity() * sizeof(DemandForecast);
  }

 private:
  std::unique_ptr<Forecaster> forecaster_;
  ForecastSet set_;
};

}  // namespace

std::unique_ptr<Expert> make_exponential_average_expert() {
  return std::make_unique<Standing>(make_exponential_average());
}

}  // namespace tier
