#include "core/quantiles.h"

#include <gtest/gtest.h>

#include <bit>
#include <cmath>
#include <cstdint>
#include <limits>
#include <random>

#include "core/normal.h"

namespace tier {
namespace {

TEST(GammaQuantile, IsHalfTheChiSquareQuantileOfTheTables) {
  EXPECT_NEAR(gamma_quantile(0.5, 0.1), 0.00789539, 1e-7);
  EXPECT_NEAR(gamma_quantile(1, 0.9), 2.302585, 1e-6);
  EXPECT_NEAR(gamma_quantile(10, 0.1), 6.221305, 1e-5);
  EXPECT_NEAR(gamma_quantile(500, 0.9), 528.862, 1e-2);
}

TEST(StudentQuantile, AgreesWithTables) {
  EXPECT_NEAR(student_quantile(kNormal95, 1), 12.7062, 2e-3);
  EXPECT_NEAR(student_quantile(kNormal95, 3), 3.18245, 1e-5);
  EXPECT_NEAR(student_quantile(kNormal99, 3), 5.84091, 1e-4);
  EXPECT_NEAR(student_quantile(kNormal99, 10), 3.16927, 1e-5);
  EXPECT_NEAR(student_quantile(-kNormal95, 3), -3.18245, 1e-5);
  EXPECT_NEAR(student_quantile(0, 3), 0, 1e-12);
}

TEST(StudentQuantile, OfManyDegreesIsTheNormalOne) {
  const double infinite = std::numeric_limits<double>::infinity();
  for (const double degrees : {1e8, 1e300, infinite})
    EXPECT_NEAR(student_quantile(kNormal95, degrees), kNormal95, 1e-6) << degrees;
}

TEST(Quantiles, WhatHasNoneIsNotANumber) {
  const double nan = std::numeric_limits<double>::quiet_NaN();
  for (const double bad : {nan, -1.0, 0.0, 1.0, 2.0}) EXPECT_TRUE(std::isnan(gamma_quantile(3, bad))) << bad;
  EXPECT_TRUE(std::isnan(gamma_quantile(nan, 0.5)));
  for (const double bad : {nan, 9.0, -9.0}) EXPECT_TRUE(std::isnan(student_quantile(bad, 5))) << bad;
  EXPECT_TRUE(std::isnan(student_quantile(kNormal95, nan)));
}

// Boost's own answer to an argument it cannot take is an exception or a failed assertion.
TEST(Quantiles, NoArgumentThrows) {
  std::mt19937_64 random(1);
  for (int i = 0; i < 5'000; ++i) {
    const auto any = std::bit_cast<double>(random()), other = std::bit_cast<double>(random());
    const double part = std::uniform_real_distribution<double>(0, 1)(random);
    EXPECT_NO_THROW(gamma_quantile(any, part)) << any << " " << part;
    EXPECT_NO_THROW(student_quantile(any, other)) << any << " " << other;
    EXPECT_NO_THROW(student_quantile(16 * part - 8, any)) << 16 * part - 8 << " " << any;
    const double wide = std::exp(50 * part - 20);
    EXPECT_FALSE(std::isnan(gamma_quantile(wide, part))) << wide << " " << part;
    EXPECT_FALSE(std::isnan(student_quantile(16 * part - 8, wide))) << wide << " " << part;
  }
}

}  // namespace
}  // namespace tier
