#include "prefetch/advice/planner.h"

#include <gtest/gtest.h>

#include <cmath>

namespace tier {
namespace {

constexpr Bytes kRegion = 2_MiB;

// Regions of one target, and what is forecast of them.
struct World {
  RegionSnapshot snapshot;
  ForecastSet forecasts;

  Region& add(float mean, float low, Bytes resident = {}) {
    Region region;
    region.key = {{1}, 0x10000000 + snapshot.regions.size() * kRegion.value};
    region.range = {region.key.start, region.key.start + kRegion.value};
    region.backing = Backing::kFile;
    region.resident = resident;
    DemandForecast forecast{region.key, {}};
    forecast.horizons.fill({low, mean, mean + (mean - low)});
    forecasts.forecasts.push_back(forecast);
    snapshot.regions.push_back(region);
    return snapshot.regions.back();
  }
};

class AdvicePlannerTest : public ::testing::Test {
 protected:
  // Indices of the regions wished for.
  std::vector<std::size_t> plan(Bytes budget = 1_GiB, const std::set<RegionKey>& taken = {}) {
    ++world_.snapshot.tick.value;
    std::vector<std::size_t> out;
    for (const AdviceWish& wish : planner_.plan(world_.snapshot, world_.forecasts, taken, budget))
      out.push_back((wish.key.start - 0x10000000) / kRegion.value);
    return out;
  }
  World world_;
  AdvicePlanner planner_{4_KiB};
};
using Indices = std::vector<std::size_t>;

TEST_F(AdvicePlannerTest, WantsWhatWillSurelyBeUsedAndIsNotThere) {
  world_.add(100, 60);           // 240 accesses in four ticks, of 512 pages
  world_.add(100, 0);            // perhaps
  world_.add(0, 0);              // not at all
  world_.add(100, 60, kRegion);  // there
  world_.add(1000, 0);           // so much that no quantile is asked
  EXPECT_EQ(plan(), (Indices{4, 0}));
}

TEST_F(AdvicePlannerTest, AForecastOfLittleCautionIsBelieved) {
  world_.add(100, 0);
  EXPECT_TRUE(plan().empty());
  world_.forecasts.caution = 0.2;
  EXPECT_EQ(plan(), (Indices{0}));
}

TEST_F(AdvicePlannerTest, TheMostFaultsSavedComeFirstAndTheBudgetEnds) {
  world_.add(100, 100, 1_MiB);
  world_.add(100, 100);
  world_.add(400, 400);
  EXPECT_EQ(plan(), (Indices{2, 1, 0}));
  EXPECT_EQ(plan(2_MiB), (Indices{2}));
  EXPECT_EQ(plan(3_MiB), (Indices{2, 1})) << "the last is advised whole";
  EXPECT_TRUE(plan({}).empty());
  EXPECT_EQ(plan(1_GiB, {world_.snapshot.regions[2].key}), (Indices{1, 0}));
}

// 512 pages by 800 accesses: 1 - e^(-800/512) of them, 100 µs each.
TEST_F(AdvicePlannerTest, BenefitIsInSeconds) {
  world_.add(200, 200);
  const auto wishes = planner_.plan(world_.snapshot, world_.forecasts, {}, 1_GiB);
  ASSERT_EQ(wishes.size(), 1U);
  EXPECT_EQ(wishes[0].missing, kRegion);
  EXPECT_NEAR(wishes[0].benefit.value, 512 * (1 - std::exp(-800.0 / 512)) * 100e-6, 1e-9);
}

TEST_F(AdvicePlannerTest, OfAnonymousMemoryOnlyWhatItOnceHeldIsMissing) {
  world_.add(100, 100).backing = Backing::kAnonymous;
  EXPECT_TRUE(plan().empty()) << "never written: nowhere to be read from";
  world_.snapshot.regions[0].resident = 1_MiB;
  EXPECT_TRUE(plan().empty());
  world_.snapshot.regions[0].resident = 256_KiB;
  const auto wishes = planner_.plan(world_.snapshot, world_.forecasts, {}, 1_GiB);
  ASSERT_EQ(wishes.size(), 1U);
  EXPECT_EQ(wishes[0].missing, 768_KiB);
}

TEST_F(AdvicePlannerTest, LockedMemoryIsLeftAlone) {
  world_.add(100, 100).pinned = Pinned::kMlocked;
  EXPECT_TRUE(plan().empty());
}

TEST_F(AdvicePlannerTest, AForecastOfAnotherSnapshotOrOfNoNumberIsNoReason) {
  world_.add(100, 100);
  world_.forecasts.sequence = 1;
  EXPECT_TRUE(plan().empty());
  world_.forecasts.sequence = 0;
  world_.forecasts.forecasts[0].horizons.fill({NAN, NAN, NAN});
  EXPECT_TRUE(plan().empty());
  world_.forecasts.forecasts.clear();
  EXPECT_TRUE(plan().empty());
}

}  // namespace
}  // namespace tier
