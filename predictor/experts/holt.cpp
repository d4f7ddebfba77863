#include "predictor/experts/experts.h"

namespace tier {
namespace {

// Slow enough for sampled counts; a trend that goes on undamped is the worst of all forecasts at 16 ticks.
constexpr float kLevelRate = 0.3F, kTrendRate = 0.1F, kDamping = 0.85F;
constexpr float kUnknown = -1;

// Mean over the next `ticks` of the damped sums kDamping + … + kDamping^k.
float reach(int ticks) {
  float power = 1, sum = 0, total = 0;
  for (int k = 0; k < ticks; ++k) power *= kDamping, sum += power, total += sum;
  return total / static_cast<float>(ticks);
}

class Holt final : public Expert {
 public:
  void observe(const RegionSnapshot&, const RegionStatistics& statistics) override {
    level_.align(statistics.roster(), kUnknown, spare_);
    trend_.align(statistics.roster(), 0, spare_);
    const float* const demand = statistics.demand().data();
    float* const level = level_.data();
    float* const trend = trend_.data();
    for (std::size_t row = 0; row < statistics.size(); ++row) {
      const float was = level[row] < 0 ? demand[row] : level[row];
      const float expected = was + kDamping * trend[row];
      const float now = std::max(0.0F, expected + kLevelRate * (demand[row] - expected));
      trend[row] = kTrendRate * (now - was) + (1 - kTrendRate) * kDamping * trend[row];
      level[row] = now;
    }
  }

  void forecast(const RegionStatistics&, std::size_t horizon, const Rows& rows,
                std::span<float> out) const override {
    const float ahead = reach(kHorizons[horizon]);
    const float* const level = level_.data();
    const float* const trend = trend_.data();
    rows.fill(out, [=](std::size_t row) { return std::max(0.0F, level[row] + ahead * trend[row]); });
  }

  std::size_t bytes_used() const override {
    return level_.bytes_used() + trend_.bytes_used() + spare_.capacity() * sizeof(float);
  }

 private:
  Column<float> level_, trend_;
  std::vector<float> spare_;
};

}  // namespace

std::unique_ptr<Expert> make_holt_expert() { return std::make_unique<Holt>(); }

}  // namespace tier
