#include "prefetch/meters/rates.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <limits>
#include <set>

namespace tier {
namespace {

using std::chrono::milliseconds;
using ::testing::DoubleEq;
using ::testing::ElementsAre;
using ::testing::Optional;
using ::testing::Pair;

constexpr Nanoseconds kSecond{1'000'000'000};

// Ticks of one second; readings are of the tick's own time unless they say otherwise.
class SignalRatesTest : public ::testing::Test {
 protected:
  CounterReading reading(std::uint64_t value, std::uint32_t unit = 0,
                         Signal signal = Signal::kMemoryRead) const {
    CounterReading made;
    made.signal = signal, made.unit = unit, made.value = value, made.at = now_;
    return made;
  }
  CounterReading multiplexed(std::uint64_t value, Nanoseconds enabled, Nanoseconds running) const {
    CounterReading made = reading(value);
    made.enabled = enabled, made.running = running;
    return made;
  }
  void take(std::vector<CounterReading> readings) { take_all({{"one", std::move(readings)}}); }
  void take_all(const std::vector<MeterReadings>& all) {
    rates_.take(all, now_, kSecond);
    now_ += kSecond;
  }
  std::optional<double> rate() const { return rates_.rate(Signal::kMemoryRead); }
  std::uint64_t refused(RateRefusal reason) const { return rates_.refused(Signal::kMemoryRead, reason); }

  Nanoseconds now_ = 100 * kSecond;
  SignalRates rates_{{.cpus = 4}};
};

TEST_F(SignalRatesTest, GivesRatesByUnitAndTheirSum) {
  take({reading(1000, 0), reading(7, 1)});
  EXPECT_FALSE(rate()) << "one reading is no rate";
  EXPECT_EQ(refused(RateRefusal::kFirst), 2U);
  EXPECT_EQ(rates_.refused(Signal::kMemoryRead), 0U) << "that there is a first one is nobody's fault";
  take({reading(1500, 0), reading(7, 1)});
  EXPECT_THAT(rate(), Optional(DoubleEq(500)));
  EXPECT_THAT(rates_.by_unit(Signal::kMemoryRead), ElementsAre(Pair(0, 500.0), Pair(1, 0.0)));
  EXPECT_THAT(rates_.rate(Signal::kMemoryRead, 0), Optional(DoubleEq(500)));
  EXPECT_FALSE(rates_.rate(Signal::kMemoryRead, 2));
  EXPECT_FALSE(rates_.rate(Signal::kMemoryWritten)) << "nobody gives it";
}

TEST_F(SignalRatesTest, TimeIsThatOfTheReadingsNotOfTheTicks) {
  take({reading(0)});
  CounterReading late = reading(3000);
  late.at += milliseconds(500);
  now_ += milliseconds(600);
  take({late});
  EXPECT_THAT(rate(), Optional(DoubleEq(2000)));
}

TEST_F(SignalRatesTest, AReadingThatWasNotReadAnewIsStale) {
  const CounterReading first = reading(1000);
  take({first});
  take({first});
  EXPECT_FALSE(rate());
  CounterReading forged = first;  // the value moves, the time does not
  forged.value = 5000;
  take({forged});
  EXPECT_FALSE(rate());
  EXPECT_EQ(refused(RateRefusal::kStale), 2U);
  EXPECT_EQ(rates_.refused(Signal::kMemoryRead), 2U);
}

TEST_F(SignalRatesTest, ThatTimeGoesBackIsStaleAndForgetsNothing) {
  take({reading(1000)});
  CounterReading back = reading(1100);
  back.at = now_ - 50 * kSecond;
  take({back});
  EXPECT_FALSE(rate());
  EXPECT_EQ(refused(RateRefusal::kStale), 1U);
  take({reading(1200)});
  EXPECT_THAT(rate(), Optional(DoubleEq(100))) << "over the two seconds since the first";
}

TEST_F(SignalRatesTest, AReadingOlderThanTwoIntervalsIsStale) {
  take({reading(0)});
  now_ += kSecond;
  CounterReading old = reading(100);
  old.at -= kSecond;
  now_ += kSecond + Nanoseconds{1};  // it is of two intervals ago and a bit
  take({old});
  EXPECT_FALSE(rate());
  EXPECT_EQ(refused(RateRefusal::kStale), 1U);
}

TEST_F(SignalRatesTest, ARateOverMoreThanTheIntervalIsNoneOfIt) {
  take({reading(0)});
  now_ += 9 * kSecond;
  take({reading(1000)});
  EXPECT_FALSE(rate()) << "a mean over ten seconds, in which other settings were in force";
  EXPECT_EQ(refused(RateRefusal::kStale), 1U);
  take({reading(2000)});
  EXPECT_THAT(rate(), Optional(DoubleEq(1000)));
}

TEST_F(SignalRatesTest, TheAgeMayBeConfigured) {
  rates_ = SignalRates({.cpus = 4, .max_age = 10 * kSecond});
  take({reading(0)});
  now_ += 8 * kSecond;
  take({reading(900)});
  EXPECT_THAT(rate(), Optional(DoubleEq(100)));
}

TEST_F(SignalRatesTest, ACounterThatWentBackBeginsAnew) {
  take({reading(std::numeric_limits<std::uint64_t>::max())});
  take({reading(500)});
  EXPECT_FALSE(rate()) << "wrapped or reset: how far is not known";
  EXPECT_EQ(refused(RateRefusal::kBackwards), 1U);
  take({reading(700)});
  EXPECT_THAT(rate(), Optional(DoubleEq(200)));
}

TEST_F(SignalRatesTest, ExtremeValuesAreAbsurd) {
  take({reading(0)});
  take({reading(std::numeric_limits<std::uint64_t>::max())});
  EXPECT_FALSE(rate());
  EXPECT_EQ(refused(RateRefusal::kAbsurd), 1U);
  CounterReading at_once = reading(std::numeric_limits<std::uint64_t>::max());
  rates_ = SignalRates({.cpus = 4});
  take({reading(0)});
  at_once.value = 1'000'000;
  at_once.at = now_ - kSecond + Nanoseconds{1};
  take({at_once});
  EXPECT_FALSE(rate()) << "a megabyte in a nanosecond";
}

TEST_F(SignalRatesTest, ReadingsOfAnotherTimeAreAbsurdAndNotKept) {
  take({reading(0)});
  for (const Nanoseconds at :
       {now_ + kSecond + Nanoseconds{1}, Nanoseconds::max(), Nanoseconds{-1}, Nanoseconds::min()}) {
    CounterReading odd = reading(100);
    odd.at = at;
    rates_.take(std::vector<MeterReadings>{{"one", {odd}}}, now_, kSecond);
    EXPECT_FALSE(rate()) << at.count();
  }
  EXPECT_EQ(refused(RateRefusal::kAbsurd), 4U);
  take({reading(200)});
  EXPECT_THAT(rate(), Optional(DoubleEq(200)));
}

TEST_F(SignalRatesTest, ReadingsMayBeOfJustAfterTheTicksTime) {
  for (const std::uint64_t value : {0U, 500U}) {
    CounterReading later = reading(value);
    later.at += milliseconds(3);
    take({later});
  }
  EXPECT_THAT(rate(), Optional(DoubleEq(500)));
}

TEST_F(SignalRatesTest, TimeHasTheNodesCpusAsItsBound) {
  const auto after = [&](std::uint32_t unit, std::uint64_t ns, Signal signal) {
    rates_ = SignalRates({.cpus = 4});
    take({reading(0, unit, signal)});
    take({reading(ns, unit, signal)});
    return rates_.rate(signal).has_value();
  };
  EXPECT_TRUE(after(0, 1'000'000'000, Signal::kUserTime));
  EXPECT_FALSE(after(0, 3'000'000'000, Signal::kUserTime)) << "three seconds of one CPU in a second";
  EXPECT_TRUE(after(kWholeNode, 4'000'000'000, Signal::kSampledStall));
  EXPECT_FALSE(after(kWholeNode, 9'000'000'000, Signal::kSampledStall));
  EXPECT_TRUE(after(kWholeNode, 1'000'000'000, Signal::kMemoryStall));
  EXPECT_FALSE(after(kWholeNode, 3'000'000'000, Signal::kMemoryStall)) << "of the wall clock, not of CPUs";
  EXPECT_TRUE(after(0, 5'000'000'000, Signal::kCycles));
  EXPECT_FALSE(after(0, 20'000'000'000, Signal::kCycles));
  EXPECT_TRUE(after(0, 20'000'000'000, Signal::kInstructions));
}

TEST_F(SignalRatesTest, CountsAreScaledToTheTimeTheyWereAskedFor) {
  take({multiplexed(0, {}, {})});
  take({multiplexed(950, kSecond, milliseconds(950))});
  EXPECT_THAT(rate(), Optional(DoubleEq(1000)));
  take({multiplexed(1950, 2 * kSecond, milliseconds(1950))});
  EXPECT_THAT(rate(), Optional(DoubleEq(1000))) << "all of the last interval, whatever was before";
}

TEST_F(SignalRatesTest, CountsOfTooLittleOfTheTimeAreRefused) {
  take({multiplexed(0, kSecond, kSecond)});
  take({multiplexed(890, 2 * kSecond, milliseconds(1890))});
  EXPECT_FALSE(rate());
  take({multiplexed(890, 3 * kSecond, milliseconds(1890))});
  EXPECT_FALSE(rate()) << "it did not count at all";
  take({multiplexed(890, 3 * kSecond, milliseconds(1890))});
  EXPECT_FALSE(rate()) << "nor was asked to";
  EXPECT_EQ(refused(RateRefusal::kMultiplexed), 3U);
  take({multiplexed(990, kSecond, kSecond)});
  EXPECT_FALSE(rate()) << "its times were reset";
  EXPECT_EQ(refused(RateRefusal::kBackwards), 1U);
  rates_ = SignalRates({.min_running = 0.5});
  take({multiplexed(0, kSecond, kSecond)});
  take({multiplexed(890, 2 * kSecond, milliseconds(1890))});
  EXPECT_THAT(rate(), Optional(DoubleEq(1000)));
}

TEST_F(SignalRatesTest, ThatACounterRanLongerThanAskedScalesNothingDown) {
  take({multiplexed(0, kSecond, kSecond)});
  take({multiplexed(100, 2 * kSecond, 4 * kSecond)});
  EXPECT_THAT(rate(), Optional(DoubleEq(100)));
}

TEST_F(SignalRatesTest, AMissingUnitLeavesNoSum) {
  take({reading(0, 0), reading(0, 1)});
  take({reading(100, 0)});
  EXPECT_FALSE(rate()) << "half of the memory would look like half of the traffic";
  EXPECT_THAT(rates_.rate(Signal::kMemoryRead, 0), Optional(DoubleEq(100)));
  EXPECT_EQ(refused(RateRefusal::kMissing), 1U);
  take({reading(200, 0)});
  EXPECT_THAT(rate(), Optional(DoubleEq(100))) << "it has gone for good: a CPU that went offline";
  take({reading(300, 0), reading(50, 1)});
  EXPECT_FALSE(rate()) << "it is back, and first again";
  take({reading(400, 0), reading(60, 1)});
  EXPECT_THAT(rate(), Optional(DoubleEq(110)));
}

TEST_F(SignalRatesTest, ASignalThatIsNoLongerGivenIsMissing) {
  take({reading(0)});
  take({});
  EXPECT_FALSE(rate());
  EXPECT_EQ(refused(RateRefusal::kMissing), 1U);
  take({});
  EXPECT_EQ(refused(RateRefusal::kMissing), 1U) << "told once";
}

TEST_F(SignalRatesTest, OneBadUnitLeavesNoSum) {
  take({reading(0, 0), reading(500, 1)});
  take({reading(100, 0), reading(400, 1)});
  EXPECT_FALSE(rate());
  EXPECT_THAT(rates_.by_unit(Signal::kMemoryRead), ElementsAre(Pair(0, 100.0)));
}

TEST_F(SignalRatesTest, TheFirstMeterThatGivesASignalGivesAllOfIt) {
  const auto both = [&](std::uint64_t uncore, std::uint64_t pcm) {
    take_all({{"papi", {reading(9, 0, Signal::kCycles)}},
              {"uncore", {reading(uncore, 0)}},
              {"pcm", {reading(pcm, 0), reading(pcm, 1)}}});
  };
  both(0, 0);
  both(100, 5000);
  EXPECT_THAT(rate(), Optional(DoubleEq(100))) << "neither the other's, nor both";
  EXPECT_STREQ(rates_.meter(Signal::kMemoryRead), "uncore");
  EXPECT_STREQ(rates_.meter(Signal::kRefaults), "");
}

TEST_F(SignalRatesTest, AnotherMeterBeginsAnew) {
  take_all({{"uncore", {reading(0)}}, {"pcm", {reading(1'000'000)}}});
  take_all({{"uncore", {}}, {"pcm", {reading(1'000'100)}}});
  EXPECT_FALSE(rate()) << "its counter has another start";
  EXPECT_STREQ(rates_.meter(Signal::kMemoryRead), "pcm");
  take_all({{"uncore", {}}, {"pcm", {reading(1'000'200)}}});
  EXPECT_THAT(rate(), Optional(DoubleEq(100)));
}

TEST_F(SignalRatesTest, OfTwoReadingsOfOneUnitTheFirstCounts) {
  take({reading(0), reading(900)});
  take({reading(100), reading(901)});
  EXPECT_THAT(rate(), Optional(DoubleEq(100)));
}

TEST_F(SignalRatesTest, SignalsOfNoNameAreIgnored) {
  take({reading(0, 0, static_cast<Signal>(200))});
  EXPECT_FALSE(rate());
}

struct Named final : Meter {
  explicit Named(const char* name) : name_(name) {}
  const char* name() const override { return name_; }
  std::vector<CounterReading> read() override { return std::vector<CounterReading>(1); }
  const char* name_;
};

TEST(ReadAll, KeepsTheOrderAndTheNames) {
  std::vector<std::unique_ptr<Meter>> meters;
  meters.push_back(std::make_unique<Named>("b"));
  meters.push_back(std::make_unique<Named>("a"));
  const auto all = read_all(meters);
  ASSERT_EQ(all.size(), 2U);
  EXPECT_STREQ(all[0].meter, "b");
  EXPECT_STREQ(all[1].meter, "a");
  EXPECT_EQ(all[1].readings.size(), 1U);
}

TEST(SignalNames, AreAllDifferent) {
  std::set<std::string> names;
  for (std::size_t i = 0; i < kSignals; ++i) names.insert(to_string(static_cast<Signal>(i)));
  EXPECT_EQ(names.size(), kSignals);
  EXPECT_STREQ(to_string(static_cast<Signal>(kSignals)), "unknown");
}

}  // namespace
}  // namespace tier
