#include "tierd/daemon/tick_pace.h"

#include <gtest/gtest.h>

#include <cmath>

namespace tier {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

// What a Poisson process of `rate` samples a second over so many regions alike shows in `time`.
void pass(TickPace& pace, Nanoseconds time, double rate, double regions, Nanoseconds cpu = {},
          double limit = 0.01) {
  for (Nanoseconds t{}; t < time;) {
    const Nanoseconds length = pace.length();
    const double each = rate * tier::seconds(length) / regions, none = std::exp(-each);
    const double once = regions * each * none, twice = regions * each * each / 2 * none;
    const auto whole = [](double count) { return static_cast<std::size_t>(std::lround(count)); };
    pace.tick(length, {whole(once), whole(twice), whole(regions * (1 - none) - once - twice)}, cpu, limit);
    t += length;
  }
}

TEST(TickPace, IsShortWhereSamplesAreManyForWhatIsAskedFor) {
  TickPace pace;
  EXPECT_EQ(pace.length(), milliseconds(500)) << "until something is known";
  pass(pace, seconds(20), 1330, 100);
  EXPECT_EQ(pace.length(), milliseconds(250));
}

TEST(TickPace, IsLongWhereSamplesAreFew) {
  TickPace pace;
  pass(pace, seconds(60), 300, 2000);
  EXPECT_EQ(pace.length(), seconds(1)) << "0.15 samples a region and tick";
  pass(pace, seconds(60), 300, 20000);
  EXPECT_EQ(pace.length(), seconds(2)) << "no longer than that";
  pass(pace, seconds(60), 5000, 2000);
  EXPECT_EQ(pace.length(), milliseconds(250)) << "and back";
}

TEST(TickPace, AFewRegionsWithMostOfTheSamplesChangeNothing) {
  TickPace pace;
  for (int i = 0; i < 100; ++i) pace.tick(pace.length(), {0, 0, 3}, {}, 0.01);
  EXPECT_EQ(pace.length(), milliseconds(250)) << "they alone";
  for (int i = 0; i < 100; ++i) pace.tick(pace.length(), {70, 2, 3}, {}, 0.01);
  EXPECT_GE(pace.length(), milliseconds(500)) << "beside many that have one";
}

TEST(TickPace, IsLongerWhereATickIsDear) {
  TickPace pace;
  pass(pace, seconds(60), 1330, 100, milliseconds(5));
  EXPECT_EQ(pace.length(), seconds(1)) << "a tenth of 1 % of a CPU would be five seconds";
  pass(pace, seconds(60), 1330, 100, milliseconds(5), 0.1);
  EXPECT_EQ(pace.length(), milliseconds(500)) << "more is at stake, so more may be used";
}

TEST(TickPace, RestsAtTheLongestAndGoesOnAsItWas) {
  TickPace pace;
  pass(pace, seconds(20), 1330, 100);
  pace.rest();
  EXPECT_EQ(pace.length(), seconds(2));
  pace.rest();
  pass(pace, milliseconds(100), 1330, 100);
  EXPECT_EQ(pace.length(), milliseconds(250));
}

TEST(TickPace, NeverShorterThanItIsTold) {
  TickPace pace({.shortest = seconds(4)});
  EXPECT_EQ(pace.length(), seconds(4)) << "nor longer than the longest, or that";
  pace.set_shortest(milliseconds(10));
  pass(pace, seconds(200), 1e6, 10);
  EXPECT_EQ(pace.length(), milliseconds(10));
  pace.set_shortest(seconds(1));
  EXPECT_EQ(pace.length(), seconds(1));
}

}  // namespace
}  // namespace tier
