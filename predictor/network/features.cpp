#include "predictor/network/features.h"

#include <algorithm>
#include <bit>
#include <cmath>

#include "predictor/experts/experts.h"

namespace tier {
namespace {

enum Feature : std::size_t {
  kDemand,
  kAverage,  // five of them
  kAround = kAverage + kAverageRates.size(),
  kSeason,  // one per horizon
  kTouched = kSeason + kHorizons.size(),
  kIdle,
  kAge,
  kLeft,
  kRight,
  kLeftNear,
  kRightNear,
  kLeftFar,
  kRightFar,
  kGroupLevel,
  kWrites,
  kGroupTouched,
  kGroupChange,
  kGroupTrend,
  kCounsel,  // one per horizon
  kLeftBeyond = kCounsel + kHorizons.size(),
  kRightBeyond,
  kLeftIdle,
  kRightIdle,
  kDue,
  kCount
};
static_assert(kCount == kFeatures);

constexpr std::size_t kTogether = 64;  // regions, of 256 bytes of past each
constexpr float kLongest = 64;         // ticks of idleness and age beyond which more of it tells no more

// log(1 + x) / 2 for x >= 0 within 1e-6: exponent and a polynomial of the mantissa. The library's logarithm
// does not become vector code.
float half_log1p(float x) {
  const auto bits = std::bit_cast<std::uint32_t>(1 + x);
  const auto exponent = static_cast<float>(static_cast<std::int32_t>(bits >> 23) - 127);
  const float m = std::bit_cast<float>((bits & 0x7FFFFFU) | 0x3F800000U) - 1;
  // Minimax fit of log2(1 + m) on [0, 1], exact at both ends.
  const float q = 0.44254494F + m * (-0.2756003F + m * (0.18194885F + m * (-0.09595641F + m * 0.025841426F)));
  return (exponent + m + m * (1 - m) * q) * 0.34657359F;
}

// Mean of `from` at rows row + first to row + last, as far as they lie within the row's run; others are 0.
// first and last have the same sign.
void around(std::span<const float> from, std::span<const std::uint32_t> run_first,
            std::span<const std::uint32_t> run_last, int first, int last, std::span<float> out) {
  const auto rows = static_cast<int>(from.size());
  const float scale = 1.0F / static_cast<float>(last - first + 1);
  std::fill(out.begin(), out.end(), 0.0F);
  for (int by = first; by <= last; ++by) {
    const int begin = std::max(0, -by), end = std::min(rows, rows - by);
    for (int row = begin; row < end; ++row) {
      const int other = row + by;
      const bool together = by < 0 ? other >= static_cast<int>(run_first[static_cast<std::size_t>(row)])
                                   : other <= static_cast<int>(run_last[static_cast<std::size_t>(row)]);
      out[static_cast<std::size_t>(row)] += together ? scale * from[static_cast<std::size_t>(other)] : 0;
    }
  }
}

}  // namespace

const std::array<FeatureEntry, kFeatures>& feature_table() {
  static const std::array<FeatureEntry, kFeatures> table = {{
      {"demand", "this tick's samples"},
      {"average-0.4", "average over 2 ticks"},
      {"average-0.12", "average over 8 ticks"},
      {"average-0.05", "average over 20 ticks"},
      {"average-0.02", "average over 50 ticks"},
      {"average-0.005", "average over 200 ticks"},
      {"around", "average over 8 ticks and two neighbours on either side"},
      {"season-1", "what it did whole periods ago, next tick"},
      {"season-4", "alike, next 4 ticks"},
      {"season-16", "alike, next 16 ticks"},
      {"touched", "share of the ticks in which it was sampled"},
      {"idle", "log of the ticks since the last sample"},
      {"age", "log of the ticks since it was first seen"},
      {"left", "this tick's samples of the region below"},
      {"right", "of the region above"},
      {"left-near", "average over 2 ticks of the second and third region below"},
      {"right-near", "alike above"},
      {"left-far", "of the fourth to seventh below"},
      {"right-far", "alike above"},
      {"group-level", "mean of its target's regions over 8 ticks"},
      {"writes", "share of the samples that were stores"},
      {"group-touched", "share of its target's regions sampled in this tick"},
      {"group-change", "how far the target's regions depart from their averages over 8 ticks"},
      {"group-trend", "the target's demand over 2 ticks against 20"},
      {"switch-1", "what the switch foretells without the network, next tick"},
      {"switch-4", "alike, next 4 ticks"},
      {"switch-16", "alike, next 16 ticks"},
      {"left-beyond", "average over 2 ticks of the eighth to fifteenth region below"},
      {"right-beyond", "alike above"},
      {"left-idle", "log of the ticks since the region below was sampled"},
      {"right-idle", "of the region above"},
      {"due", "idle ticks over those that mostly lie between two samples, as a log"},
  }};
  return table;
}

std::uint64_t feature_schema() {
  std::uint64_t hash = 0xCBF29CE484222325ULL;
  for (const FeatureEntry& entry : feature_table())
    for (const char* c = entry.name;; ++c) {
      hash = (hash ^ static_cast<unsigned char>(*c)) * 0x100000001B3ULL;
      if (*c == 0) break;
    }
  return hash;
}

FeatureExtractor::FeatureExtractor()
    : seasonal_(make_seasonal_expert()), neighbours_(make_neighbours_expert()) {}

void FeatureExtractor::observe(const RegionSnapshot& snapshot, const RegionStatistics& statistics,
                               const Counsel& counsel) {
  rows_ = statistics.size();
  unit_ = static_cast<float>(std::max(statistics.sample_weight(), 1.0));
  seasonal_->observe(snapshot, statistics);
  neighbours_->observe(snapshot, statistics);
  columns_.resize(kFeatures * rows_);
  features_.resize(kFeatures * rows_);
  find_baselines(statistics, counsel);
  gather_columns(snapshot, statistics, counsel);
  gather_neighbours(statistics);
  for (const RowGroup& group : statistics.groups()) gather_group(snapshot, statistics, group);
  // By row, for networks take a region at a time. Blocks of rows, so that both sides stay in the cache.
  for (std::size_t row = 0; row < rows_; ++row)
    for (std::size_t f = 0; f < kFeatures; ++f) features_[row * kFeatures + f] = columns_[f * rows_ + row];
}

void FeatureExtractor::gather_columns(const RegionSnapshot& snapshot, const RegionStatistics& statistics,
                                      const Counsel& counsel) {
  const float scale = 1 / unit_;
  const auto log_of = [&](std::span<const float> from, std::size_t feature) {
    float* const out = column(feature).data();
    for (std::size_t row = 0; row < from.size(); ++row) out[row] = half_log1p(from[row] * scale);
  };
  log_of(statistics.demand(), kDemand);
  for (std::size_t k = 0; k < kAverageRates.size(); ++k) log_of(statistics.average(k), kAverage + k);
  log_of(around_, kAround);
  for (std::size_t h = 0; h < kHorizons.size(); ++h) log_of(season_[h], kSeason + h);
  for (std::size_t h = 0; h < kHorizons.size(); ++h) log_of(counsel[h], kCounsel + h);
  std::copy(statistics.touched().begin(), statistics.touched().end(), column(kTouched).begin());
  const auto idle = column(kIdle), age = column(kAge), writes = column(kWrites), due = column(kDue);
  const auto touched = statistics.touched();
  for (std::size_t row = 0; row < rows_; ++row) {
    const Region& region = snapshot.regions[row];
    idle[row] = 0.5F * half_log1p(std::min(static_cast<float>(region.idle), kLongest));
    age[row] = 0.5F * half_log1p(std::min(static_cast<float>(region.age), kLongest));
    due[row] = half_log1p(touched[row] * std::min(static_cast<float>(region.idle), kLongest));
    writes[row] = static_cast<float>(region.write_share);
  }
}

void FeatureExtractor::gather_neighbours(const RegionStatistics& statistics) {
  const auto adjacent = statistics.adjacent();
  run_first_.resize(rows_), run_last_.resize(rows_);
  for (std::uint32_t row = 0; row < rows_; ++row)
    run_first_[row] = row > 0 && adjacent[row - 1] > 0 ? run_first_[row - 1] : row;
  for (auto row = static_cast<std::uint32_t>(rows_); row-- > 0;)
    run_last_[row] = row + 1 < rows_ && adjacent[row] > 0 ? run_last_[row + 1] : row;
  const auto demand = column(kDemand), quick = column(kAverage);
  around(demand, run_first_, run_last_, -1, -1, column(kLeft));
  around(demand, run_first_, run_last_, 1, 1, column(kRight));
  around(quick, run_first_, run_last_, -3, -2, column(kLeftNear));
  around(quick, run_first_, run_last_, 2, 3, column(kRightNear));
  around(quick, run_first_, run_last_, -7, -4, column(kLeftFar));
  around(quick, run_first_, run_last_, 4, 7, column(kRightFar));
  around(quick, run_first_, run_last_, -15, -8, column(kLeftBeyond));
  around(quick, run_first_, run_last_, 8, 15, column(kRightBeyond));
  around(column(kIdle), run_first_, run_last_, -1, -1, column(kLeftIdle));
  around(column(kIdle), run_first_, run_last_, 1, 1, column(kRightIdle));
}

void FeatureExtractor::gather_group(const RegionSnapshot& snapshot, const RegionStatistics& statistics,
                                    const RowGroup& group) {
  const auto demand = statistics.demand(), quick = statistics.average(0), middle = statistics.average(1),
             slow = statistics.average(2);
  float sum_quick = 0, sum_middle = 0, sum_slow = 0, departed = 0, touched = 0;
  const std::uint32_t end = group.first + group.count;
  for (std::uint32_t row = group.first; row < end; ++row) {
    sum_quick += quick[row], sum_middle += middle[row], sum_slow += slow[row];
    departed += std::abs(demand[row] - middle[row]);
    touched += snapshot.regions[row].samples > 0 ? 1.0F : 0.0F;
  }
  const auto count = static_cast<float>(group.count);
  const float tiny = 1e-3F * unit_;
  const auto fill = [&](std::size_t feature, float value) {
    std::fill_n(column(feature).begin() + group.first, group.count, value);
  };
  fill(kGroupLevel, half_log1p(sum_middle / count / unit_));
  fill(kGroupTouched, touched / count);
  fill(kGroupChange, departed / (departed + sum_middle + tiny));
  fill(kGroupTrend, std::clamp(0.5F * std::log((sum_quick + tiny) / (sum_slow + tiny)), -2.0F, 2.0F));
}

void FeatureExtractor::find_baselines(const RegionStatistics& statistics, const Counsel& counsel) {
  const Rows all = Rows::all(rows_);
  around_.resize(rows_);
  neighbours_->forecast(statistics, 0, all, around_);
  for (auto& season : season_) season.resize(rows_);
  // All horizons of some regions, whose past then lies in the cache.
  for (std::size_t first = 0; first < rows_; first += kTogether) {
    const std::size_t count = std::min(kTogether, rows_ - first);
    for (std::size_t h = 0; h < kHorizons.size(); ++h)
      seasonal_->forecast(statistics, h, Rows::run(first, count),
                          std::span(season_[h]).subspan(first, count));
  }
  for (std::size_t h = 0; h < kHorizons.size(); ++h) {
    const std::array<const float*, kBaselines> of = {statistics.demand().data(),
                                                     statistics.average(0).data(),
                                                     statistics.average(1).data(),
                                                     statistics.average(3).data(),
                                                     statistics.average(4).data(),
                                                     around_.data(),
                                                     season_[h].data(),
                                                     counsel[h].data()};
    std::copy(of.begin(), of.end(), baselines_.column.begin() + static_cast<std::ptrdiff_t>(h * kBaselines));
  }
}

std::size_t FeatureExtractor::bytes_used() const {
  std::size_t floats = columns_.capacity() + features_.capacity() + around_.capacity() +
                       run_first_.capacity() + run_last_.capacity();
  for (const auto& season : season_) floats += season.capacity();
  return floats * sizeof(float) + seasonal_->bytes_used() + neighbours_->bytes_used();
}

}  // namespace tier
