#include "predictor/experts/experts.h"

namespace tier {
namespace {

constexpr std::size_t kScale = 1;  // of kAverageRates

class Neighbours final : public Expert {
 public:
  void observe(const RegionSnapshot&, const RegionStatistics& statistics) override {
    smooth(statistics.average(kScale), statistics.adjacent(), once_);
    smooth(once_, statistics.adjacent(), twice_);
  }

  void forecast(const RegionStatistics&, std::size_t, const Rows& rows, std::span<float> out) const override {
    const float* const smoothed = twice_.data();
    rows.fill(out, [=](std::size_t row) { return smoothed[row]; });
  }

  std::size_t bytes_used() const override { return (once_.capacity() + twice_.capacity()) * sizeof(float); }

 private:
  // Means over a region and the next on either side. One that is not in the snapshot was silent and has 0; so
  // has what lies beyond the end or belongs to another target.
  static void smooth(std::span<const float> from, std::span<const float> adjacent, std::vector<float>& to) {
    const std::size_t rows = from.size();
    to.assign(from.begin(), from.end());
    for (std::size_t row = 0; row + 1 < rows; ++row) to[row] += adjacent[row] * from[row + 1];
    for (std::size_t row = 1; row < rows; ++row) to[row] += adjacent[row - 1] * from[row - 1];
    for (float& sum : to) sum *= 1.0F / 3;
  }

  std::vector<float> once_, twice_;
};

}  // namespace

std::unique_ptr<Expert> make_neighbours_expert() { return std::make_unique<Neighbours>(); }

}  // namespace tier
