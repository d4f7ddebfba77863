#include "predictor/experts/experts.h"

namespace tier {
namespace {

class Frequency final : public Expert {
 public:
  void forecast(const RegionStatistics& statistics, std::size_t, const Rows& rows,
                std::span<float> out) const override {
    const float* const touched = statistics.touched().data();
    const auto each = static_cast<float>(statistics.touched_demand());
    rows.fill(out, [=](std::size_t row) { return each * touched[row]; });
  }
};

}  // namespace

std::unique_ptr<Expert> make_frequency_expert() { return std::make_unique<Frequency>(); }

}  // namespace tier
