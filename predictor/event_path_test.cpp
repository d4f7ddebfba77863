#include "predictor/event_path.h"

#include <gtest/gtest.h>

#include <cmath>
#include <map>
#include <random>

namespace tier {
namespace {

using std::chrono::milliseconds;

RegionKey key(std::uint64_t i) { return {{1}, i * (2ULL << 20)}; }

AccessSample sample(Nanoseconds time, double weight = 0.004, WeightMeaning meaning = WeightMeaning::kStall) {
  AccessSample s;
  s.time = time, s.weight = weight, s.meaning = meaning;
  return s;
}

TEST(EventPath, LazyAccumulatorsEqualTheDirectSum) {
  EventPath path;
  std::mt19937 random(1);
  std::exponential_distribution<double> gap(200);
  std::map<std::uint64_t, std::vector<std::pair<double, double>>> samples;  // of each region: time, weight
  double now = 0;
  for (int i = 0; i < 3000; ++i) {
    now += gap(random);
    const std::uint64_t region = random() % 20;
    const double weight = 1e-3 * static_cast<double>(1 + random() % 5);
    path.add(key(region), sample(Nanoseconds{static_cast<std::int64_t>(now * 1e9)}, weight));
    samples[region].push_back({now, weight});
  }
  for (const auto& [region, list] : samples) {
    double sum = 0;
    for (const auto& [time, weight] : list) sum += weight * std::exp(-(now - time) / 0.5);
    const auto rate =
        path.rate(key(region), Nanoseconds{static_cast<std::int64_t>(now * 1e9)}, Nanoseconds{400});
    ASSERT_TRUE(rate);
    EXPECT_NEAR(rate->mean, sum / 400e-9 / 0.5, 1e-3 * rate->mean);
    EXPECT_LT(rate->low, rate->mean);
    EXPECT_GT(rate->high, rate->mean);
  }
}

TEST(EventPath, CountedAccessesAreTakenAsTheyAre) {
  EventPath path;
  path.add(key(1), sample(milliseconds(0), 250, WeightMeaning::kAccesses));
  const auto rate = path.rate(key(1), milliseconds(0), Nanoseconds{400});
  EXPECT_NEAR(rate->mean, 250 / 0.5, 1);
  EXPECT_FALSE(path.rate(key(2), milliseconds(0), Nanoseconds{400}));
  EXPECT_FALSE(path.rate(key(1), milliseconds(0), Nanoseconds{0}));
}

TEST(EventPath, ABurstCrossesOnceAndATrickleNever) {
  EventPath path;
  for (int i = 0; i < 10; ++i) path.add(key(1), sample(milliseconds(10 * i)));
  for (int i = 0; i < 40; ++i) path.add(key(2), sample(milliseconds(250 * i)));
  EXPECT_EQ(path.take_crossed(), std::vector<RegionKey>{key(1)});
  EXPECT_TRUE(path.take_crossed().empty());
  for (int i = 0; i < 100; ++i) path.add(key(1), sample(milliseconds(100 + 10 * i)));
  EXPECT_TRUE(path.take_crossed().empty()) << "it goes on, that is no news";
  for (int i = 0; i < 10; ++i) path.add(key(1), sample(milliseconds(9000 + 10 * i)));
  EXPECT_EQ(path.take_crossed(), std::vector<RegionKey>{key(1)}) << "after a rest it is";
}

TEST(EventPath, SamplesFromThePastCountAndDoNotTurnTimeBack) {
  EventPath path;
  path.add(key(1), sample(milliseconds(1000)));
  path.add(key(1), sample(milliseconds(0)));
  const auto rate = path.rate(key(1), milliseconds(1000), Nanoseconds{400});
  EXPECT_NEAR(rate->mean, 2 * 0.004 / 400e-9 / 0.5, 100);
}

TEST(EventPath, AMillionKeysTakeNoMoreMemoryAndDoNotPushOutWhatIsHot) {
  EventPath path;
  const std::size_t bytes = path.bytes_used();
  EXPECT_LE(bytes, 1u << 20);
  for (std::uint64_t i = 0; i < 1'000'000; ++i) {
    const Nanoseconds now{static_cast<std::int64_t>(i) * 10'000};
    path.add(key(1000 + i), sample(now));
    if (i % 1000 == 0) path.add(key(7), sample(now));  // a hundred times a second
  }
  EXPECT_EQ(path.take_crossed(), std::vector<RegionKey>{key(7)});
  EXPECT_LE(path.bytes_used(), bytes + 4096);
  const auto rate = path.rate(key(7), std::chrono::seconds(10), Nanoseconds{400});
  ASSERT_TRUE(rate);
  EXPECT_NEAR(rate->mean, 100 * 0.004 / 400e-9, 0.02 * rate->mean);
}

}  // namespace
}  // namespace tier
