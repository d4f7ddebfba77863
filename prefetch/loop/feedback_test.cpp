#include "prefetch/loop/feedback.h"

#include <gtest/gtest.h>

namespace tier {
namespace {

using namespace std::chrono_literals;

constexpr std::uint32_t kDisk = 8 << 20, kOther = 8 << 20 | 16;

PrefetchControl control_of(const char* actuator, const Knob& knob) {
  PrefetchControl control{actuator, PrefetchScope::kSystem, "it", {}, {}};
  control.settings.push_back({"default", {{{knob}, 3}}, 3});
  return control;
}

// What an actuator's tuner is told after a second in which these counters rose by so much.
class FeedbackTest : public ::testing::Test {
 protected:
  void rise(Signal signal, std::uint32_t unit, std::uint64_t by) { rises_.push_back({signal, unit, by, {}}); }
  ActuatorFeedback told(const char* actuator, const std::vector<PrefetchControl>& controls) {
    SignalRates rates{{}};
    for (const Nanoseconds now : {Nanoseconds(1s), Nanoseconds(2s)}) {
      MeterReadings read{"test", rises_};
      for (CounterReading& each : read.readings) each.at = now, each.value *= now == 2s ? 1U : 0U;
      rates.take({&read, 1}, now, 1s);
    }
    std::vector<const PrefetchControl*> all;
    all.reserve(controls.size());
    for (const PrefetchControl& each : controls) all.push_back(&each);
    for (const FeedbackEntry& entry : feedback_table())
      if (std::string(entry.actuator) == actuator) return entry.make({rates, {}, all, 2s});
    ADD_FAILURE() << "no such actuator: " << actuator;
    return {};
  }
  AccessPattern pattern(std::uint64_t sequential, std::uint64_t strided) {
    rises_.clear();
    rise(Signal::kFileDemand, kDisk, 100'000'000), rise(Signal::kDeviceRead, kDisk, 100'000'000);
    rise(Signal::kFileSequential, kDisk, sequential), rise(Signal::kFileStrided, kDisk, strided);
    return told("readahead", {control_of("readahead", {kTierKnobReadahead, kDisk, 0})})
        .feedback.scopes[0]
        .pattern;
  }

  std::vector<CounterReading> rises_;
};

TEST_F(FeedbackTest, SwapIsJudgedByThePagesThatProgramsAskOfIt) {
  const std::vector<PrefetchControl> swap = {control_of("page-cluster", {kTierKnobPageCluster, 0, 0})};
  // 2000 faulted, 8000 were read ahead of need, and half of these were asked for.
  rise(Signal::kSwapIns, kWholeNode, 10'000), rise(Signal::kSwapReadahead, kWholeNode, 8'000);
  rise(Signal::kSwapReadaheadHits, kWholeNode, 4'000);
  const auto feedback = told("page-cluster", swap);
  ASSERT_TRUE(feedback.feedback.node.progress);
  EXPECT_NEAR(*feedback.feedback.node.progress, 6'000, 1);
  EXPECT_NEAR(feedback.feedback.scopes[0].weight, 1, 1e-9);
  rises_.pop_back();
  EXPECT_FALSE(told("page-cluster", swap).feedback.node.progress) << "without hits it cannot be told";
}

TEST_F(FeedbackTest, SwapThatHardlyAnybodyUsesTellsNothing) {
  for (const Signal signal : {Signal::kSwapIns, Signal::kSwapReadahead, Signal::kSwapReadaheadHits})
    rise(signal, kWholeNode, 50);
  const auto feedback = told("page-cluster", {control_of("page-cluster", {kTierKnobPageCluster, 0, 0})});
  EXPECT_FALSE(feedback.feedback.node.progress);
  EXPECT_EQ(feedback.feedback.scopes[0].weight, 0);
}

TEST_F(FeedbackTest, ADeviceWhoseFilesAreAllInMemoryHasNoSay) {
  rise(Signal::kFileDemand, kDisk, 300'000'000), rise(Signal::kDeviceRead, kDisk, 200'000'000);
  rise(Signal::kFileDemand, kOther, 5'000'000'000), rise(Signal::kDeviceRead, kOther, 0);
  const auto feedback = told("readahead", {control_of("readahead", {kTierKnobReadahead, kDisk, 0}),
                                           control_of("readahead", {kTierKnobReadahead, kOther, 0})});
  ASSERT_TRUE(feedback.feedback.node.progress);
  EXPECT_NEAR(*feedback.feedback.node.progress, 300e6, 1);
  EXPECT_NEAR(feedback.feedback.scopes[0].weight, 1, 1e-9);
  EXPECT_EQ(feedback.feedback.scopes[1].weight, 0);
}

TEST_F(FeedbackTest, ReadersOfFilesHaveThePatternOfMostOfTheirBytes) {
  EXPECT_EQ(pattern(90'000'000, 0), AccessPattern::kSequential);
  EXPECT_EQ(pattern(5'000'000, 80'000'000), AccessPattern::kStrided);
  EXPECT_EQ(pattern(5'000'000, 5'000'000), AccessPattern::kRandom);
  EXPECT_EQ(pattern(45'000'000, 0), AccessPattern::kUnknown) << "some of each";
}

}  // namespace
}  // namespace tier
