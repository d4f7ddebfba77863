#include "predictor/experts/experts.h"

namespace tier {
namespace {

class Average final : public Expert {
 public:
  explicit Average(std::size_t scale) : scale_(scale) {}
  void forecast(const RegionStatistics& statistics, std::size_t, const Rows& rows,
                std::span<float> out) const override {
    const float* const average = statistics.average(scale_).data();
    rows.fill(out, [=](std::size_t row) { return average[row]; });
  }

 private:
  std::size_t scale_;
};

}  // namespace

std::unique_ptr<Expert> make_average_expert(std::size_t scale) { return std::make_unique<Average>(scale); }

}  // namespace tier
