#include "predictor/training/loss.h"

#include <gtest/gtest.h>

#include <cmath>

namespace tier {
namespace {

constexpr std::size_t kTicks = 2, kRegions = 5, kCount = kHorizons.size();

struct Window {
  std::vector<float> low, mean, high, came;
  std::vector<float> unit = std::vector<float>(kTicks, 7.0F);
  std::vector<std::uint8_t> counts = std::vector<std::uint8_t>(kTicks * kRegions, 1);
  Window() {
    for (std::size_t i = 0; i < kTicks * kRegions * kCount; ++i) {
      const float x = std::abs(std::sin(1.7F * static_cast<float>(i) + 1));
      mean.push_back(100 * x);
      came.push_back(i % 4 == 0 ? 0.0F : 80 * std::abs(std::cos(static_cast<float>(i))));
      low.push_back(30 * x), high.push_back(190 * x);
    }
  }
  LossInput input() const { return {kTicks, kRegions, low, mean, high, came, counts, unit}; }
};

TEST(TrainingLoss, IsNothingForTheTruth) {
  Window w;
  w.low = w.mean = w.high = w.came;
  const Loss loss = training_loss(w.input(), {}, nullptr);
  EXPECT_NEAR(loss.divergence, 0, 1e-9);
  EXPECT_NEAR(loss.level, 0, 1e-9);
  EXPECT_NEAR(loss.pinball, 0, 1e-9);
  EXPECT_EQ(loss.scored, kTicks * kCount);
}

TEST(TrainingLoss, ScaleCostsLevelOnly) {
  Window w;
  w.mean = w.came;
  for (float& m : w.mean) m *= 2;
  const Loss loss = training_loss(w.input(), {}, nullptr);
  EXPECT_LT(loss.divergence, 0.01);
  EXPECT_NEAR(loss.level, std::pow(std::log(2.0), 2), 0.02);
}

TEST(TrainingLoss, LeavesOutWhatDoesNotCountOrIsNotKnown) {
  Window w;
  w.counts.assign(w.counts.size(), 0);
  w.counts[0] = 1;
  for (std::size_t h = 0; h < kCount; ++h) w.came[h] = -1;
  LossGradient gradient;
  EXPECT_EQ(training_loss(w.input(), {}, &gradient).scored, 0U);
  for (const float g : gradient.mean) EXPECT_EQ(g, 0);
}

TEST(TrainingLoss, ItsGradientIsThatOfFiniteDifferences) {
  Window w;
  w.counts[3] = 0;
  const LossWeights weights{0.3, 0.7};
  LossGradient gradient;
  training_loss(w.input(), weights, &gradient);
  const auto check = [&](std::vector<float>& of, const std::vector<float>& claimed) {
    for (std::size_t i = 0; i < of.size(); ++i) {
      const float kept = of[i];
      constexpr float kStep = 0.02F;
      of[i] = kept + kStep;
      const double above = training_loss(w.input(), weights, nullptr).total(weights);
      of[i] = kept - kStep;
      const double below = training_loss(w.input(), weights, nullptr).total(weights);
      of[i] = kept;
      const double expected = (above - below) / (2.0 * kStep);
      EXPECT_NEAR(claimed[i], expected, 1e-6 + 0.01 * std::abs(expected)) << i;
    }
  };
  check(w.mean, gradient.mean), check(w.low, gradient.low), check(w.high, gradient.high);
}

TEST(TrainingLoss, HorizonsCountAsTheirWeightsSay) {
  const Window w;
  double sum = 0;
  for (std::size_t h = 0; h < kCount; ++h) {
    LossWeights alone;
    alone.horizons = {};
    alone.horizons[h] = 1;
    sum += training_loss(w.input(), alone, nullptr).total(alone);
  }
  EXPECT_NEAR(sum, training_loss(w.input(), {}, nullptr).total({}), 1e-9);
}

}  // namespace
}  // namespace tier
