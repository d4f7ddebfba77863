#include "tierd/tracker/quantizer.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <random>

namespace tier {
namespace {

TEST(Quantizer, RelativeErrorStaysBelowTheDocumentedBound) {
  std::mt19937 random(7);
  std::uniform_real_distribution<double> exponent(0, 31.75);
  double worst = 0;
  for (int i = 0; i < 100'000; ++i) {
    const double demand = std::exp2(exponent(random));
    const double back = dequantize_demand(quantize_demand({demand})).value;
    worst = std::max(worst, std::abs(back - demand) / demand);
  }
  EXPECT_LE(worst, kQuantizerRelativeError + 1e-3);
  EXPECT_GT(worst, 0.04) << "the bound is tight: no bit is wasted";
}

TEST(Quantizer, EveryCodeSurvivesARoundTrip) {
  for (int code = 0; code < 256; ++code) {
    const auto c = static_cast<std::uint8_t>(code);
    EXPECT_EQ(quantize_demand(dequantize_demand(c)), c);
  }
}

TEST(Quantizer, IsMonotone) {
  std::uint8_t last = 0;
  for (double demand = 0.1; demand < 1e10; demand *= 1.01) {
    const std::uint8_t code = quantize_demand({demand});
    EXPECT_GE(code, last);
    last = code;
  }
}

TEST(Quantizer, EdgesSaturateAndNonsenseReadsAsNone) {
  EXPECT_EQ(quantize_demand({0}), 0);
  EXPECT_EQ(quantize_demand({-5}), 0);
  EXPECT_EQ(quantize_demand({0.49}), 0);
  EXPECT_EQ(quantize_demand({1}), 1);
  EXPECT_EQ(quantize_demand({1e300}), 255);
  EXPECT_EQ(quantize_demand({std::numeric_limits<double>::infinity()}), 255);
  EXPECT_EQ(quantize_demand({std::numeric_limits<double>::quiet_NaN()}), 0);
}

}  // namespace
}  // namespace tier
