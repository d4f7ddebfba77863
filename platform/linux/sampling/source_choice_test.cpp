#include "platform/linux/sampling/source_choice.h"

#include <gtest/gtest.h>

namespace tier {
namespace {

std::vector<FeatureState> features(std::initializer_list<Feature> present) {
  std::vector<FeatureState> all;
  for (int i = 0; i <= static_cast<int>(Feature::kHmat); ++i) {
    const auto feature = static_cast<Feature>(i);
    FeatureState state{feature, "feature " + std::to_string(i), false, "9.9", "seen nothing", "do this"};
    state.present = std::find(present.begin(), present.end(), feature) != present.end();
    all.push_back(state);
  }
  return all;
}

const auto kBpf = {Feature::kBtf, Feature::kBpfTracing, Feature::kBpfRingBuffer, Feature::kPerfCpuClock};

std::vector<std::string> chosen(const std::vector<SourceDecision>& decisions) {
  std::vector<std::string> names;
  for (const SourceDecision& decision : decisions)
    if (decision.chosen) names.push_back(decision.name);
  return names;
}

TEST(SourceChoice, StallWhereThereIsNoPmu) {
  const auto decisions = choose_sources(features(kBpf), {});
  EXPECT_EQ(chosen(decisions), std::vector<std::string>{"stall"});
  ASSERT_EQ(decisions.size(), 4U);
  EXPECT_NE(decisions[0].reason.find("Linux 9.9"), std::string::npos);
  EXPECT_NE(decisions[0].reason.find("fix: do this"), std::string::npos);
}

TEST(SourceChoice, HardwareComesFirst) {
  const auto decisions =
      choose_sources(features({Feature::kBtf, Feature::kBpfTracing, Feature::kBpfRingBuffer,
                               Feature::kPerfCpuClock, Feature::kHardwareSampling}),
                     {});
  EXPECT_EQ(chosen(decisions), std::vector<std::string>{"hardware"});
  EXPECT_NE(decisions[1].reason.find("hardware is better"), std::string::npos);
}

TEST(SourceChoice, DamonWhereTracingProgramsDoNotLoad) {
  const auto decisions =
      choose_sources(features({Feature::kBtf, Feature::kBpfRingBuffer, Feature::kDamonVaddr,
                               Feature::kDamonTracepoint, Feature::kFaultTracepoint}),
                     {});
  EXPECT_EQ(chosen(decisions), std::vector<std::string>{"damon"});
}

// Debian's kernel.perf_event_paranoid of 3 refuses perf events to the service; the kernel's tick needs none.
TEST(SourceChoice, StallNeedsNoPerfEvent) {
  const auto decisions =
      choose_sources(features({Feature::kBtf, Feature::kBpfTracing, Feature::kBpfRingBuffer,
                               Feature::kDamonVaddr, Feature::kDamonTracepoint, Feature::kFaultTracepoint}),
                     {});
  EXPECT_EQ(chosen(decisions), std::vector<std::string>{"stall"});
}

TEST(SourceChoice, WhatIsMissingIsNamedOnce) {
  const std::string reason = choose_sources(features({}), {})[1].reason;
  const std::string ring = "feature " + std::to_string(static_cast<int>(Feature::kBpfRingBuffer));
  const auto first = reason.find(ring);
  ASSERT_NE(first, std::string::npos);
  EXPECT_EQ(reason.find(ring, first + 1), std::string::npos) << reason;
}

TEST(SourceChoice, WhatRunsStaysWhateverAProbeSaysAtABadMoment) {
  const SourceRequest request{{"stall"}, {}};
  EXPECT_EQ(chosen(choose_sources(features({}), {}, request)), std::vector<std::string>{"stall"});
}

TEST(SourceChoice, WhatIsBarredIsPassedOverWithTheReason) {
  const SourceRequest request{{"stall"}, {{"stall", "went blind"}}};
  const auto all = features({Feature::kBtf, Feature::kBpfTracing, Feature::kBpfRingBuffer,
                             Feature::kDamonVaddr, Feature::kDamonTracepoint});
  const auto decisions = choose_sources(all, {}, request);
  EXPECT_EQ(chosen(decisions), std::vector<std::string>{"damon"});
  EXPECT_EQ(decisions[1].reason, "went blind");
}

TEST(SourceChoice, ABetterOneThanTheRunningIsChosen) {
  const SourceRequest request{{"damon"}, {}};
  EXPECT_EQ(chosen(choose_sources(features(kBpf), {}, request)), std::vector<std::string>{"stall"});
}

TEST(SourceChoice, FaultsShowNoUse) {
  EXPECT_TRUE(shows_use("stall"));
  EXPECT_TRUE(shows_use("damon"));
  EXPECT_FALSE(shows_use("faults"));
  EXPECT_FALSE(shows_use("rumours"));
}

TEST(SourceChoice, BesideWhenAsked) {
  SamplingSettings settings;
  settings.damon_beside = settings.faults_beside = true;
  const auto all = features({Feature::kBtf, Feature::kBpfTracing, Feature::kBpfRingBuffer,
                             Feature::kDamonVaddr, Feature::kDamonTracepoint, Feature::kFaultTracepoint});
  EXPECT_EQ(chosen(choose_sources(all, settings)), (std::vector<std::string>{"stall", "damon", "faults"}));
  EXPECT_EQ(choose_sources(all, settings)[2].reason, "which memory nobody touches, beside stall");
  settings.allow_stall = false;
  EXPECT_EQ(chosen(choose_sources(all, settings)), (std::vector<std::string>{"damon", "faults"}));
}

TEST(SourceChoice, NothingAtAllNamesEverything) {
  for (const SourceDecision& decision : choose_sources(features({}), {})) {
    EXPECT_FALSE(decision.chosen);
    EXPECT_NE(decision.reason.find("needs "), std::string::npos);
  }
}

}  // namespace
}  // namespace tier
