#include "sim/machine/alias_table.h"

#include <gtest/gtest.h>

#include <cmath>
#include <random>

namespace tier::sim {
namespace {

TEST(AliasTable, DrawsInProportionToTheWeights) {
  const std::vector<double> weights = {1, 7, 1e-3, 2, 0.5, 2};
  AliasTable table;
  table.build(weights);
  std::mt19937_64 random(3);
  constexpr int kDraws = 200'000;
  std::vector<int> drawn(weights.size());
  for (int i = 0; i < kDraws; ++i) ++drawn[table.pick(random())];
  for (std::size_t i = 0; i < weights.size(); ++i) {
    const double expected = kDraws * weights[i] / 12.501;
    EXPECT_NEAR(drawn[i], expected, 1 + 4 * std::sqrt(expected)) << i;
  }
}

TEST(AliasTable, EdgesOfTheBitsStayInside) {
  AliasTable one, equal;
  one.build(std::vector<double>{5});
  EXPECT_EQ(one.pick(0), 0U);
  EXPECT_EQ(one.pick(~0ULL), 0U);
  equal.build(std::vector<double>(3, 0.1));
  EXPECT_EQ(equal.pick(0), 0U);
  EXPECT_EQ(equal.pick(~0ULL), 2U);
}

// Again from other weights, as every interval does.
TEST(AliasTable, BuiltAgainItForgetsWhatItHeld) {
  AliasTable table;
  table.build(std::vector<double>(100, 1));
  table.build(std::vector<double>{1e-12, 1});
  std::mt19937_64 random(3);
  for (int i = 0; i < 1000; ++i) EXPECT_EQ(table.pick(random()), 1U);
  table.clear();
  EXPECT_TRUE(table.empty());
}

}  // namespace
}  // namespace tier::sim
