// The loop on the fake machine: a program uses regions of its file in turn, and the forecast says which.
#include "prefetch/advice/advice_loop.h"

#include <gtest/gtest.h>

#include "platform/fake/fake_machine.h"

namespace tier {
namespace {

using namespace std::chrono_literals;

constexpr Address kStart = 0x10000000;
constexpr Bytes kRegion = 2_MiB, kPage = 4_KiB;
constexpr std::size_t kRegions = 64;
constexpr Pid kPid{7};

class AdviceLoopTest : public ::testing::Test {
 protected:
  AdviceLoopTest() {
    spawn(70);
    target_.id = {1}, target_.pid = kPid, target_.start_time = 70;
    loop_.arm(true);
  }
  void spawn(std::uint64_t start_time) {
    machine_.spawn({.pid = kPid.value, .start_time = start_time});
    machine_.map(
        kPid, {.start = kStart, .size = {kRegions * kRegion.value}, .node = -1, .backing = Backing::kFile});
  }
  static AddressRange region(std::size_t i) {
    return {kStart + i * kRegion.value, kStart + (i + 1) * kRegion.value};
  }
  // One tick of the loop; the forecast says that `wanted` will be used, of all else that it will not.
  void tick(const std::set<std::size_t>& wanted) {
    RegionSnapshot snapshot;
    ForecastSet forecasts;
    snapshot.tick = {++tick_};
    for (std::size_t i = 0; i < kRegions; ++i) {
      Region each;
      each.key = {{1}, region(i).start};
      each.range = region(i);
      each.backing = Backing::kFile;
      each.resident = machine_.node_of(kPid, region(i).start) ? kRegion : Bytes{};
      DemandForecast forecast{each.key, {}};
      if (wanted.contains(i)) forecast.horizons.fill({1000, 1000, 1000});
      snapshot.regions.push_back(each);
      forecasts.forecasts.push_back(forecast);
    }
    loop_.tick(
        snapshot, forecasts, [this](TargetId) { return gone_ ? nullptr : &target_; }, tick_ * 1s);
  }
  std::uint64_t use(std::size_t i) { return machine_.use(kPid, region(i), 0); }
  const AdviceState& state() const { return loop_.state(); }

  FakeMachine machine_{{.nodes = {{.id = 0}}}};
  Target target_;
  bool gone_ = false;
  std::uint64_t tick_ = 0;
  AdviceLoop loop_{machine_, machine_, kPage, {.rate = 8_MiB, .planner = {}, .score = {}}};
};

TEST_F(AdviceLoopTest, WhatIsForetoldIsReadInBeforeItIsUsed) {
  std::uint64_t waited = 0;
  for (std::size_t i = 0; i < 32; ++i) {
    tick({i});
    waited += use(i);
  }
  for (int i = 0; i < 4; ++i) tick({});
  // A try of four regions is given first, and nothing more until they are judged.
  EXPECT_EQ(state().ranges, 29U);
  EXPECT_EQ(waited, 3 * 512U);
  EXPECT_EQ(state().judged, state().advised);
  EXPECT_EQ(state().used, state().advised);
  EXPECT_DOUBLE_EQ(state().useful_share.value_or(0), 1);
}

TEST_F(AdviceLoopTest, NothingIsAdvisedUnlessArmed) {
  loop_.arm(false);
  for (std::size_t i = 0; i < 8; ++i) tick({i});
  EXPECT_EQ(state().advised, Bytes{});
  EXPECT_EQ(machine_.cached(kPid, {kStart, region(kRegions - 1).end}), Bytes{});
}

TEST_F(AdviceLoopTest, WhatWasAdvisedIsJudgedThoughDisarmed) {
  tick({0});
  use(0);
  loop_.arm(false);
  for (int i = 0; i < 4; ++i) tick({1});
  EXPECT_EQ(state().ranges, 1U);
  EXPECT_EQ(state().used, kRegion);
}

TEST_F(AdviceLoopTest, AForecastThatIsWrongIsFollowedLessAndLess) {
  for (int i = 0; i < 1000; ++i) tick({static_cast<std::size_t>(i) % kRegions});
  // Tries of 8 MiB, at rests of 10, 20, 40 … 600 seconds and four ticks of waiting for each verdict.
  EXPECT_LE(state().advised, 56_MiB);
  EXPECT_GE(state().advised, 32_MiB);
  EXPECT_EQ(state().used, Bytes{});
  EXPECT_NE(state().state.find("stands back"), std::string::npos) << state().state;
}

TEST_F(AdviceLoopTest, TheRateHolds) {
  std::set<std::size_t> all;
  for (std::size_t i = 0; i < kRegions; ++i) all.insert(i);
  for (int i = 0; i < 10; ++i) {
    tick(all);
    for (std::size_t k = 0; k < kRegions; ++k)
      if (machine_.cached(kPid, region(k)).value > 0) use(k);
  }
  EXPECT_LE(state().advised, 80_MiB);
  EXPECT_GE(state().advised, 40_MiB);
}

TEST_F(AdviceLoopTest, OnlyWhatIsAbsentIsAdvised) {
  machine_.place(kPid, {region(0).start + kPage.value, region(0).start + kRegion.value / 2}, 0);
  tick({0});
  EXPECT_EQ(state().advised, kRegion - Bytes{kRegion.value / 2 - kPage.value});
  EXPECT_EQ(machine_.cached(kPid, region(0)), state().advised);
}

TEST_F(AdviceLoopTest, ARegionIsNotAdvisedTwiceBeforeItIsJudged) {
  for (int i = 0; i < 4; ++i) tick({0});
  EXPECT_EQ(state().ranges, 1U);
}

TEST_F(AdviceLoopTest, AProgramThatHasGoneIsNotJudged) {
  tick({0});
  gone_ = true;
  for (int i = 0; i < 5; ++i) tick({1});
  EXPECT_EQ(state().unjudged, 1U);
  EXPECT_EQ(state().judged, Bytes{});
}

// Another process has got the number in between.
TEST_F(AdviceLoopTest, ALaterProcessOfTheSameNumberIsLeftAlone) {
  machine_.exit(kPid);
  spawn(71);
  for (int i = 0; i < 4; ++i) tick({0});
  EXPECT_EQ(state().failed, 1U) << "and not tried again at once";
  EXPECT_EQ(machine_.cached(kPid, region(0)), Bytes{});
}

class Refusing final : public PageAdvisor {
 public:
  Result<Bytes> will_need(Pid, std::uint64_t, std::span<const AddressRange>) override {
    ++calls;
    return fail(ErrorKind::kPermission, "advice: not permitted", "give tierd CAP_SYS_NICE");
  }
  int calls = 0;
};

TEST_F(AdviceLoopTest, WhereItIsNotPermittedItSaysSoAndDoesNotGoOn) {
  Refusing advisor;
  AdviceLoop loop(machine_, advisor, kPage);
  loop.arm(true);
  RegionSnapshot snapshot;
  ForecastSet forecasts;
  for (std::size_t i = 0; i < 4; ++i) {
    Region each;
    each.key = {{1}, region(i).start}, each.range = region(i), each.backing = Backing::kFile;
    snapshot.regions.push_back(each);
    forecasts.forecasts.push_back({each.key, {}});
    forecasts.forecasts.back().horizons.fill({1000, 1000, 1000});
  }
  for (int i = 1; i < 9; ++i) {
    snapshot.tick = {static_cast<std::uint64_t>(i)};
    loop.tick(
        snapshot, forecasts, [this](TargetId) { return &target_; }, i * 1s);
  }
  EXPECT_EQ(advisor.calls, 1);
  EXPECT_NE(loop.state().state.find("CAP_SYS_NICE"), std::string::npos) << loop.state().state;
}

}  // namespace
}  // namespace tier
