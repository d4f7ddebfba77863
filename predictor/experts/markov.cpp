#include <array>
#include <bit>

#include "predictor/experts/experts.h"

namespace tier {
namespace {

// Classes of the average over two ticks, relative to the mean of all: none, then steps of two.
constexpr std::size_t kStates = 12;
constexpr int kLowest = -6;  // class 1: up to 2^-6 of the mean
constexpr std::uint8_t kUnknown = 255;
constexpr double kKept = 0.97;     // of the counted transitions: 33 ticks
constexpr double kPrior = 2;       // transitions to itself that each state starts with
constexpr std::size_t kScale = 0;  // of kAverageRates

class Markov final : public Expert {
 public:
  void observe(const RegionSnapshot&, const RegionStatistics& statistics) override {
    state_.align(statistics.roster(), kUnknown, spare_);
    mean_ += (mean_ > 0 ? 1 - kKept : 1) * (statistics.mean_demand() - mean_);
    for (auto& row : moves_)
      for (double& count : row) count *= kKept;
    for (std::size_t s = 0; s < kStates; ++s) demand_[s] *= kKept, visits_[s] *= kKept;
    const auto average = statistics.average(kScale);
    const auto demand = statistics.demand();
    const float scale = mean_ > 0 ? static_cast<float>(1 / mean_) : 0;
    for (std::size_t row = 0; row < statistics.size(); ++row) {
      const std::uint8_t was = state_.data()[row], now = state_of(average[row] * scale);
      state_.data()[row] = now;
      if (was == kUnknown) continue;
      ++moves_[was][now];
      visits_[now] += 1, demand_[now] += demand[row];
    }
    look_ahead();
  }

  void forecast(const RegionStatistics&, std::size_t horizon, const Rows& rows,
                std::span<float> out) const override {
    const std::uint8_t* const state = state_.data();
    const auto& expected = expected_[horizon];
    rows.fill(out, [&](std::size_t row) { return expected[state[row]]; });
  }

  void forget() override {
    moves_ = {};
    visits_ = demand_ = {};
  }
  std::size_t bytes_used() const override { return state_.bytes_used() + spare_.capacity(); }

 private:
  using Values = std::array<double, kStates>;

  static std::uint8_t state_of(float relative) {
    if (!(relative > 0)) return 0;
    const int exponent = static_cast<int>(std::bit_cast<std::uint32_t>(relative) >> 23) - 127;
    return static_cast<std::uint8_t>(std::clamp(exponent - kLowest + 2, 1, static_cast<int>(kStates) - 1));
  }

  // Mean demand over the horizons from each state: the chain applied to the states' mean demands.
  void look_ahead() {
    Values values, sum{};
    for (std::size_t s = 0; s < kStates; ++s) values[s] = visits_[s] > 0 ? demand_[s] / visits_[s] : 0;
    std::size_t horizon = 0;
    for (int k = 1; k <= kHorizons.back(); ++k) {
      values = step(values);
      for (std::size_t s = 0; s < kStates; ++s) sum[s] += values[s];
      if (k != kHorizons[horizon]) continue;
      for (std::size_t s = 0; s < kStates; ++s) expected_[horizon][s] = static_cast<float>(sum[s] / k);
      ++horizon;
    }
  }

  Values step(const Values& values) const {
    Values next{};
    for (std::size_t s = 0; s < kStates; ++s) {
      double total = kPrior, sum = kPrior * values[s];
      for (std::size_t t = 0; t < kStates; ++t) total += moves_[s][t], sum += moves_[s][t] * values[t];
      next[s] = sum / total;
    }
    return next;
  }

  Column<std::uint8_t> state_;
  std::vector<std::uint8_t> spare_;
  std::array<Values, kStates> moves_{};
  Values visits_{}, demand_{};
  std::array<std::array<float, kStates>, kHorizons.size()> expected_{};
  double mean_ = 0;
};

}  // namespace

std::unique_ptr<Expert> make_markov_expert() { return std::make_unique<Markov>(); }

}  // namespace tier
