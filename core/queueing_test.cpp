#include "core/queueing.h"

#include <gtest/gtest.h>

namespace tier {
namespace {

TEST(Queueing, LatencyAndUtilisationAreTwoSidesOfOneCurve) {
  for (double u = 0; u < kFullest; u += 0.05) EXPECT_NEAR(utilisation_at(latency_at(110, u), 110), u, 1e-9);
  EXPECT_EQ(utilisation_at(90, 110), 0) << "faster than unloaded is measured wrong";
  EXPECT_EQ(utilisation_at(90, 0), 0);
  EXPECT_EQ(latency_at(110, 2), latency_at(110, kFullest)) << "no end beyond";
}

// Half of the slope of the curve times the traffic, by differences, less what is no queue.
TEST(Queueing, CrowdingIsTheSlopeOfTheCurve) {
  for (const double u : {0.1, 0.3, 0.5, 0.7}) {
    const double step = 1e-5, slope = (latency_at(100, u + step) - latency_at(100, u - step)) / (2 * step);
    const double loaded = latency_at(100, u);
    EXPECT_NEAR(crowding(loaded, 100), 0.5 * (u * slope - (loaded - 100)), 1e-3) << u;
  }
  EXPECT_EQ(crowding(100, 100), 0);
  EXPECT_EQ(crowding(80, 100), 0);
  EXPECT_EQ(crowding(100, 0), 0) << "not known";
  EXPECT_EQ(crowding(1000, 100), 400) << "bounded";
}

TEST(Queueing, StoresMoveMoreLines) {
  EXPECT_EQ(lines_per_wait(0), 1);
  EXPECT_EQ(lines_per_wait(1), kLinesOfStore);
}

}  // namespace
}  // namespace tier
