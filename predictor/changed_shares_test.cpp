#include "predictor/changed_shares.h"

#include <gtest/gtest.h>

namespace tier {
namespace {

TEST(ChangedShares, AQuietTickIsTheRule) {
  ChangedShares shares;
  for (const double share : shares.estimate()) EXPECT_LT(share, 0.02) << "without evidence";
  for (int i = 0; i < 500; ++i) shares.add(1, 0.1);
  EXPECT_NEAR(shares.estimate()[1], 0.005, 1e-6);
}

TEST(ChangedShares, ANewPhaseIsSeenInItsGroupOnly) {
  ChangedShares shares;
  for (int i = 0; i < 1000; ++i) {
    shares.add(0, 0.2);
    shares.add(2, i % 2 == 0 ? 0.9 : 0.1);
  }
  const auto found = shares.estimate();
  EXPECT_NEAR(found[0], 0.005, 1e-3);
  EXPECT_NEAR(found[2], 0.5, 0.06);
}

TEST(ChangedShares, ManyRegionsAlikeAreAsEachByItself) {
  ChangedShares each, together;
  for (int i = 0; i < 150; ++i) each.add(0, 0.51);
  together.add_alike(0, 0.51, 150);
  EXPECT_NEAR(each.estimate()[0], together.estimate()[0], 1e-9);
}

TEST(ChangedShares, CertaintyInEitherDirectionIsNoTrouble) {
  ChangedShares shares;
  for (int i = 0; i < 10'000; ++i) shares.add(0, 0), shares.add(1, 1);
  const auto found = shares.estimate();
  EXPECT_NEAR(found[0], 0.005, 1e-9);
  EXPECT_NEAR(found[1], 0.95, 1e-9);
}

}  // namespace
}  // namespace tier
