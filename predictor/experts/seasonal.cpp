#include <array>
#include <vector>

#include "predictor/experts/experts.h"
#include "predictor/experts/period.h"

namespace tier {
namespace {

constexpr std::uint64_t kEvery = 16;            // ticks between two looks for periods
constexpr std::uint32_t kSeries = 96;           // looked at per target
constexpr std::uint32_t kTogether = 8;          // at most so many neighbours make one series
constexpr std::size_t kAverage = 1, kMean = 4;  // of kAverageRates: what stands in, what seasons deviate from

class Seasonal final : public Expert {
 public:
  void observe(const RegionSnapshot&, const RegionStatistics& statistics) override {
    match(statistics.groups());
    if (++tick_ % kEvery != 0) return;
    for (std::size_t g = 0; g < periods_.size(); ++g)
      periods_[g].period = look(statistics, statistics.groups()[g]);
  }

  void forecast(const RegionStatistics& statistics, std::size_t horizon, const Rows& rows,
                std::span<float> out) const override {
    const float* const average = statistics.average(kAverage).data();
    const float* const mean = statistics.average(kMean).data();
    const auto groups = statistics.groups();
    // Looked up where a group begins, not for every row: most targets have no period.
    std::size_t group = 0, end = 0;
    const Period* period = nullptr;
    SeasonalWindow window;
    rows.fill(out, [&](std::size_t row) {
      if (row >= end) {
        while (row >= groups[group].first + groups[group].count) ++group;
        end = groups[group].first + groups[group].count;
        period = &periods_[group].period;
        window = period->window(horizon, statistics.past_known());
      }
      if (window.repeats == 0 || mean[row] == 0) return average[row];
      const float season = season_of(statistics, row, *period, window);
      return std::max(0.0F, mean[row] + period->trust[horizon] * (season - mean[row]));
    });
  }

  // A phase that has ended may be part of the season: whether it still holds is looked at with the next tick.
  void forget() override { tick_ = kEvery - 1; }
  std::size_t bytes_used() const override { return periods_.capacity() * sizeof(TargetPeriod); }

 private:
  struct TargetPeriod {
    TargetId target;
    Period period;
  };

  // Brings the periods in line with the targets; both are sorted.
  void match(std::span<const RowGroup> groups) {
    std::vector<TargetPeriod> matched;
    matched.reserve(groups.size());
    auto known = periods_.begin();
    for (const RowGroup& group : groups) {
      while (known != periods_.end() && known->target < group.target) ++known;
      const bool same = known != periods_.end() && known->target == group.target;
      matched.push_back({group.target, same ? known->period : Period{}});
    }
    periods_ = std::move(matched);
  }

  static float season_of(const RegionStatistics& statistics, std::size_t row, const Period& period,
                         const SeasonalWindow& window) {
    // Several sums, for each addition to one would wait for the one before.
    std::array<float, 4> sums{};
    for (std::size_t k = 0; k < window.repeats; ++k) {
      const std::size_t back = window.back + k * period.ticks;
      std::size_t i = 0;
      for (; i + sums.size() <= window.width; i += sums.size())
        for (std::size_t lane = 0; lane < sums.size(); ++lane)
          sums[lane] += statistics.past(row, back - i - lane);
      for (; i < window.width; ++i) sums[0] += statistics.past(row, back - i);
    }
    return (sums[0] + sums[1] + sums[2] + sums[3]) / static_cast<float>(window.repeats * window.width);
  }

  // Neighbours are joined: what lies together is mostly used together, and has more samples together.
  static Period look(const RegionStatistics& statistics, const RowGroup& group) {
    const std::size_t length = statistics.past_known();
    const std::uint32_t together = std::clamp(group.count / kSeries, 1U, kTogether);
    const std::uint32_t step = std::max(group.count / kSeries, together);
    std::vector<float> series;
    for (std::uint32_t first = 0; first + together <= group.count; first += step) {
      const std::size_t begin = series.size();
      series.resize(begin + length);
      for (std::uint32_t row = group.first + first; row < group.first + first + together; ++row)
        for (std::size_t t = 0; t < length; ++t) series[begin + t] += statistics.past(row, length - 1 - t);
    }
    return find_period(series, length);
  }

  std::vector<TargetPeriod> periods_;
  std::uint64_t tick_ = 0;
};

}  // namespace

std::unique_ptr<Expert> make_seasonal_expert() { return std::make_unique<Seasonal>(); }

}  // namespace tier
