#include "predictor/network/head.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <random>
#include <vector>

#include "predictor/network/vector_math.h"

namespace tier {
namespace {

constexpr std::size_t kRows = 37, kCount = kHorizons.size();

struct Case {
  std::vector<float> outputs, baselines, low, mean, high, d_low, d_mean, d_high;
  float unit = 20;

  Case() {
    std::mt19937 random(1);
    const auto fill = [&](std::vector<float>& list, std::size_t size, double mean_of, double scale) {
      list.resize(size);
      for (float& value : list) value = static_cast<float>(std::normal_distribution(mean_of, scale)(random));
    };
    fill(outputs, kRows * kHeadOutputs, 0, 2);
    fill(baselines, kRows * kCount * kBaselines, 0, 300);
    for (float& baseline : baselines) baseline = std::max(baseline, 0.0F);
    for (auto* gradient : {&d_low, &d_mean, &d_high}) fill(*gradient, kRows * kCount, 0, 0.01);
    for (auto* forecast : {&low, &mean, &high}) forecast->resize(kRows * kCount);
  }
  void apply(VectorCode code = best_vector_code()) {
    apply_head({outputs, BaselineColumns::of_rows(baselines), unit}, {low, mean, high}, code);
  }
};

// The header's formulas in double.
struct Expected {
  double low, mean, high;
};
Expected expected(const Case& c, std::size_t row, std::size_t h) {
  const float* out = c.outputs.data() + row * kHeadOutputs + h * kHeadPerHorizon;
  const float* baseline = c.baselines.data() + (row * kCount + h) * kBaselines;
  double sum = 0, mixture = 0;
  for (std::size_t k = 0; k < kBaselines; ++k)
    sum += std::exp(double{out[k]}), mixture += std::exp(double{out[k]}) * baseline[k];
  const double mean =
      mixture / sum * std::exp(kMostResidual * std::tanh(out[kBaselines] / double{kMostResidual}));
  const double spread = std::exp(kMostSpread * std::tanh(out[kBaselines + 2] / double{kMostSpread}));
  return {mean / (1 + std::exp(-double{out[kBaselines + 1]})), mean, mean * (1 + spread) + spread * c.unit};
}

class Codes : public ::testing::TestWithParam<VectorCode> {};
INSTANTIATE_TEST_SUITE_P(Head, Codes, ::testing::Values(VectorCode::kPortable, best_vector_code()));

TEST_P(Codes, ForecastsAreThoseOfTheFormulas) {
  Case c;
  c.apply(GetParam());
  for (std::size_t row = 0; row < kRows; ++row)
    for (std::size_t h = 0; h < kCount; ++h) {
      const Expected e = expected(c, row, h);
      const std::size_t at = row * kCount + h;
      EXPECT_NEAR(c.mean[at], e.mean, 1e-5 * e.mean) << row << " " << h;
      EXPECT_NEAR(c.low[at], e.low, 1e-5 * e.low) << row << " " << h;
      EXPECT_NEAR(c.high[at], e.high, 1e-5 * e.high) << row << " " << h;
      EXPECT_TRUE(c.low[at] <= c.mean[at] && c.mean[at] < c.high[at]);
    }
}

TEST_P(Codes, TheMeanAloneOutOfColumnsIsTheSame) {
  Case c;
  c.apply(GetParam());
  std::vector<float> columns(c.baselines.size()), mean(c.mean.size());
  BaselineColumns baselines;
  for (std::size_t i = 0; i < kBaselineFloats; ++i) {
    baselines.column[i] = columns.data() + i * kRows;
    for (std::size_t row = 0; row < kRows; ++row)
      columns[i * kRows + row] = c.baselines[row * kBaselineFloats + i];
  }
  apply_head({c.outputs, baselines, c.unit}, {{}, mean, {}}, GetParam());
  EXPECT_EQ(mean, c.mean);
}

TEST(Head, ExtremeOutputsAreHeldAndWhatIsNoNumberShows) {
  Case c;
  for (std::size_t i = 0; i < kHeadPerHorizon; ++i) c.outputs[i] = 1e6F;  // row 0, first horizon
  c.outputs[kHeadOutputs + 3] = std::numeric_limits<float>::quiet_NaN();  // row 1
  c.outputs[2 * kHeadOutputs + kBaselines] = std::numeric_limits<float>::quiet_NaN();
  c.apply();
  double sum = 0;
  for (std::size_t k = 0; k < kBaselines; ++k) sum += c.baselines[k];
  EXPECT_NEAR(c.mean[0], sum / kBaselines * std::exp(2.0), 1e-3 * c.mean[0]);
  EXPECT_NEAR(c.high[0], (c.mean[0] + c.unit) * std::exp(6.0) + c.mean[0], 1e-3 * c.high[0]);
  EXPECT_TRUE(std::isnan(c.mean[kCount]) && std::isnan(c.low[kCount]) && std::isnan(c.high[kCount]));
  EXPECT_TRUE(std::isnan(c.mean[2 * kCount]));
  EXPECT_TRUE(std::isfinite(c.mean[kCount + 1]));
}

// Central differences, in double through the formulas, of every output.
void check_gradient(bool stop, VectorCode code) {
  Case c;
  std::vector<float> gradient(c.outputs.size());
  apply_head_backward({c.outputs, BaselineColumns::of_rows(c.baselines), c.unit},
                      {c.d_low, c.d_mean, c.d_high, stop, gradient}, code);
  for (std::size_t row = 0; row < kRows; ++row)
    for (std::size_t h = 0; h < kCount; ++h)
      for (std::size_t i = 0; i < kHeadPerHorizon; ++i) {
        const std::size_t at = row * kCount + h, output = row * kHeadOutputs + h * kHeadPerHorizon + i;
        const bool of_mean = i <= kBaselines;
        const double low = stop && of_mean ? 0 : c.d_low[at], high = stop && of_mean ? 0 : c.d_high[at];
        const float kept = c.outputs[output], step = 1.0F / 1024;
        double difference = 0, size = 1e-3;
        for (const float side : {1.0F, -1.0F}) {
          c.outputs[output] = kept + side * step;
          const Expected e = expected(c, row, h);
          difference += side * (low * e.low + c.d_mean[at] * e.mean + high * e.high);
          size += std::abs(c.d_mean[at] * e.mean) + std::abs(high * e.high);
        }
        // The step is what is left of it in a float.
        const double taken = static_cast<double>(kept + step) - static_cast<double>(kept - step);
        c.outputs[output] = kept;
        EXPECT_NEAR(gradient[output], difference / taken, 1e-5 * size) << row << " " << h << " " << i;
      }
}
TEST_P(Codes, GradientIsThatOfFiniteDifferences) { check_gradient(false, GetParam()); }
TEST_P(Codes, GradientOfTheQuantilesStopsAtTheMean) { check_gradient(true, GetParam()); }

// Of one number, all lanes alike.
using Four = Vector<VectorCode::kPortable>;
float exp_of(float x) {
  Four result;
  vector_exp(Four{x, x, x, x}, result);
  return result[2];
}
float tanh_of(float x) {
  Four result;
  vector_tanh(Four{x, x, x, x}, result);
  return result[1];
}

TEST(VectorMath, ExpAndTanhAreThoseOfTheLibrary) {
  for (double x = -86; x < 86; x += 0.0137)
    EXPECT_NEAR(exp_of(static_cast<float>(x)) / std::exp(static_cast<double>(static_cast<float>(x))), 1,
                1e-6);
  for (double x = 1e-6; x < 40; x *= 1.003)
    for (const double signed_x : {x, -x}) {
      const auto rounded = static_cast<float>(signed_x);
      EXPECT_NEAR(tanh_of(rounded) / std::tanh(double{rounded}), 1, 1e-6) << x;
    }
  EXPECT_EQ(exp_of(0), 1);
  EXPECT_EQ(tanh_of(0), 0);
  EXPECT_GT(exp_of(-1e30F), 0);
  EXPECT_TRUE(std::isfinite(exp_of(1e30F)) && std::isnan(exp_of(std::nanf(""))));
}

}  // namespace
}  // namespace tier
