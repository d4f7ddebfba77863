#include "platform/linux/sampling/optional_clock.h"

#include <gtest/gtest.h>

#include "core/clock.h"

namespace tier {
namespace {

// A machine that permits the event at a low level of kernel.perf_event_paranoid only.
struct Fake {
  ManualClock clock;
  PermissionFacts facts;
  int tries = 0, steps_until_price = 2;
  double set = 0;

  OptionalClock::Machine machine() {
    const auto permitted = [this]() -> Result<void> {
      ++tries;
      if (facts.perf_event_paranoid.value_or(0) > 2)
        return fail(ErrorKind::kPermission, "kernel.perf_event_paranoid is 3",
                    "`tierctl enable perf-events`");
      return {};
    };
    return {[this, permitted](double frequency) {
              Result<void> result = permitted();
              if (result) set = frequency;
              return result;
            },
            [this, permitted]() -> Result<std::optional<Nanoseconds>> {
              if (const Result<void> result = permitted(); !result)
                return tl::make_unexpected(result.error());
              if (--steps_until_price > 0) return std::optional<Nanoseconds>();
              return std::optional(Nanoseconds(4000));
            },
            [this] { return facts; }};
  }
};

TEST(OptionalClock, ThePriceIsKnownBeforeTheEventRuns) {
  Fake fake;
  OptionalClock event(fake.machine(), fake.clock);
  EXPECT_FALSE(event.request(100));
  EXPECT_FALSE(event.price());
  EXPECT_FALSE(event.request(100));
  EXPECT_EQ(event.price(), Nanoseconds(4000));
  EXPECT_EQ(fake.set, 0);
  EXPECT_TRUE(event.request(100));
  EXPECT_EQ(event.frequency(), 100);
  EXPECT_TRUE(event.request(0));
  EXPECT_EQ(fake.set, 0);
}

TEST(OptionalClock, ARefusalIsKeptAndNotRepeated) {
  Fake fake;
  fake.facts.perf_event_paranoid = 3;
  OptionalClock event(fake.machine(), fake.clock);
  for (int second = 0; second < 500; ++second) {
    EXPECT_FALSE(event.request(100));
    fake.clock.advance(std::chrono::seconds(1));
  }
  EXPECT_EQ(fake.tries, 1);
  EXPECT_EQ(event.refusal(),
            "clock event not available (kernel.perf_event_paranoid is 3): `tierctl enable perf-events`");
}

TEST(OptionalClock, OnceWhatForbadeItHasChangedItIsTriedAgain) {
  Fake fake;
  fake.facts.perf_event_paranoid = 3;
  fake.steps_until_price = 1;
  OptionalClock event(fake.machine(), fake.clock);
  event.request(100);
  fake.facts.perf_event_paranoid = 2;
  fake.clock.advance(std::chrono::seconds(11));
  event.request(100);
  EXPECT_TRUE(event.request(100));
  EXPECT_EQ(event.refusal(), "");
}

TEST(OptionalClock, WhateverForbadeItIsAskedAgainNowAndThen) {
  Fake fake;
  fake.facts.perf_event_paranoid = 3;
  OptionalClock event(fake.machine(), fake.clock);
  event.request(100);
  fake.clock.advance(std::chrono::minutes(11));
  event.request(100);
  EXPECT_EQ(fake.tries, 2);
}

TEST(OptionalClock, WhatNothingElseCanDoDoesNotWaitForThePrice) {
  Fake fake;
  OptionalClock event(fake.machine(), fake.clock);
  EXPECT_TRUE(event.require(250));
  EXPECT_EQ(event.frequency(), 250);
  fake.facts.perf_event_paranoid = 3;
  EXPECT_FALSE(event.require(100).has_value());
  EXPECT_EQ(event.frequency(), 250);
}

TEST(OptionalClock, NoneIsWantedNoneIsAskedFor) {
  Fake fake;
  OptionalClock event(fake.machine(), fake.clock);
  EXPECT_FALSE(event.request(0));
  EXPECT_EQ(fake.tries, 0);
}

}  // namespace
}  // namespace tier
