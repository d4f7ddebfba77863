#include "sim/prefetch/model.h"

#include <gtest/gtest.h>

#include "sim/prefetch/oracle.h"
#include "sim/prefetch/readahead.h"

namespace tier::sim {
namespace {

constexpr PrefetchTier kFast{100e-9, 200e9, 0.15}, kSlow{250e-9, 50e9, 0.22};

PrefetchWorkload stream() {
  PrefetchWorkload of;
  of.pattern = AccessPattern::kSequential;
  of.rate = 4e9;
  of.misses = 0.005;
  of.slow_share = 0.2;
  of.parallel = 4;
  of.writes = 0.2;
  of.lead = 2;
  of.l1 = {0.4, 0.02, 0};
  of.l2 = {0.6, 0.1, 0.01};
  return of;
}

HardwareModel cores(std::size_t count, const PrefetchWorkload& of) {
  return {{kFast, kSlow}, std::vector<PrefetchWorkload>(count, of), std::vector<std::size_t>(count, 0)};
}

PrefetchState under(const PrefetchModel& model, std::size_t setting, double intensity = 1) {
  return model.solve(uniform_settings(model, setting), intensity);
}

TEST(LoadedLatency, RisesWithUseAndSteeplyNearThePeak) {
  EXPECT_DOUBLE_EQ(loaded_latency(kFast, 0), kFast.latency);
  double before = 0, slope = 0;
  for (double use = 0; use < 0.99; use += 0.01) {
    const double at = loaded_latency(kFast, use), next = loaded_latency(kFast, use + 0.01);
    EXPECT_GT(at, before);
    EXPECT_GT(next - at, slope);
    before = at, slope = next - at;
  }
  // The points of sim/machine/presets.cpp that it stands for.
  EXPECT_NEAR(loaded_latency(kFast, 0.8) / kFast.latency, 1.6, 0.05);
  EXPECT_NEAR(loaded_latency(kFast, 0.9) / kFast.latency, 2.3, 0.1);
  EXPECT_EQ(loaded_latency(kFast, 7), loaded_latency(kFast, kMostUse)) << "a bound, not an infinity";
}

TEST(HardwareModel, OneCoreAloneIsTheClosedForm) {
  PrefetchWorkload of = stream();
  of.slow_share = 0;
  of.misses = 1e-5;  // so few that nothing queues
  const auto model = cores(1, of);
  const double wait = of.misses * kFast.latency / of.parallel;
  EXPECT_NEAR(under(model, 2).progress, 1 / (1 / of.rate + wait), 2e5);
  EXPECT_NEAR(under(model, 1).progress, 1 / (1 / of.rate + 0.6 * wait), 2e5);
  EXPECT_NEAR(under(model, 0).progress, 1 / (1 / of.rate + 0.4 * 0.6 * 1.01 * wait), 2e5);
}

TEST(HardwareModel, TrafficIsWhatTheProgressAsksFor) {
  const PrefetchWorkload of = stream();
  const PrefetchState off = under(cores(32, of), 2);
  EXPECT_NEAR(*off.slow_use * kSlow.bandwidth, off.progress * of.misses * of.slow_share * 64 * 1.2,
              1e-4 * kSlow.bandwidth);
  EXPECT_NEAR(*off.fast_use * kFast.bandwidth, off.progress * of.misses * (1 - of.slow_share) * 64 * 1.2,
              1e-4 * kFast.bandwidth);
}

TEST(HardwareModel, MoreCoresMoreUseAndLessEach) {
  double use = 0, each = 1e30;
  for (std::size_t count = 1; count <= 512; count *= 2) {
    const PrefetchState state = under(cores(count, stream()), 0);
    EXPECT_GT(*state.slow_use, use);
    EXPECT_LT(state.scopes[0].progress, each);
    EXPECT_LE(*state.slow_use, kMostUse);
    use = *state.slow_use, each = state.scopes[0].progress;
  }
  EXPECT_GT(use, 0.9) << "the last of them fill the tier";
}

TEST(HardwareModel, OffAsksLessOfMemory) {
  for (const std::size_t count : {1U, 16U, 64U}) {
    const auto model = cores(count, stream());
    EXPECT_LT(*under(model, 2).slow_use, *under(model, 0).slow_use);
    EXPECT_LT(*under(model, 2).fast_use, *under(model, 0).fast_use);
  }
}

TEST(HardwareModel, UselessPrefetchesHurtMoreTheFullerMemoryIs) {
  PrefetchWorkload of = stream();
  of.slow_share = 0.9;
  of.l1 = {};
  of.l2 = {0.05, 0.6, 0.02};
  double before = 0;
  for (const std::size_t count : {1U, 16U, 64U}) {
    const auto model = cores(count, of);
    const double worth = under(model, 2).progress / under(model, 0).progress;
    EXPECT_GT(worth, before);
    before = worth;
  }
  EXPECT_GT(before, 1.1);
}

TEST(HardwareModel, PrefetchesAreLateWhereLatencyIsHigh) {
  PrefetchWorkload of = stream();
  of.slow_share = 1;
  const auto few = cores(1, of), many = cores(128, of);
  EXPECT_GT(under(few, 0).progress / under(few, 2).progress,
            1.3 * under(many, 0).progress / under(many, 2).progress);
}

TEST(HardwareModel, IdleScopesDoNothingAndAskNothing) {
  std::vector<PrefetchWorkload> workloads(2, stream());
  workloads[1].activity = 0;
  const HardwareModel both({kFast, kSlow}, workloads, {0, 0});
  const PrefetchState state = under(both, 0);
  EXPECT_EQ(state.scopes[1].weight, 0);
  EXPECT_EQ(state.scopes[1].progress, 0);
  EXPECT_EQ(state.progress, under(cores(1, stream()), 0).progress);
}

TEST(HardwareModel, TheSameForTheSameAndSlowerUnderMoreLoad) {
  const auto model = cores(64, stream());
  const double once = under(model, 0).progress;
  EXPECT_LT(under(model, 0, 1.1).progress, once);
  EXPECT_EQ(under(model, 0).progress, once) << "whatever was asked in between";
}

TEST(HardwareModel, SlowShareIsOfTheWaiting) {
  PrefetchWorkload of = stream();
  of.slow_share = 0.5;
  const PrefetchState state = under(cores(1, of), 2);
  EXPECT_NEAR(*state.scopes[0].slow_share, 250.0 / 350, 0.01);
  of.misses = 0;
  EXPECT_FALSE(under(cores(1, of), 2).scopes[0].slow_share) << "it waits for nothing";
}

TEST(BestSettings, AreTheBestOfAllByKind) {
  PrefetchWorkload scattered = stream();
  scattered.l1 = {}, scattered.l2 = {0.02, 0.5, 0.02};
  scattered.slow_share = 1;
  std::vector<PrefetchWorkload> workloads(32, stream());
  std::vector<std::size_t> kinds(32, 0);
  for (std::size_t i = 0; i < 32; i += 2) workloads[i] = scattered, kinds[i] = 1;
  for (std::size_t i = 1; i < 32; i += 2) workloads[i].slow_share = 0;
  const HardwareModel model({kFast, kSlow}, workloads, kinds);
  const auto best = best_settings(model);
  EXPECT_NE(best[0], 0U) << "scattered accesses over a full tier";
  EXPECT_EQ(best[1], 0U) << "streams with bandwidth to spare";
  for (std::size_t i = 0; i < 32; ++i) EXPECT_EQ(best[i], best[i % 2]);
  const double most = model.solve(best, 1).progress;
  for (std::size_t k = 0; k < 3; ++k) EXPECT_GE(most, under(model, k).progress);
}

FileReaders readers(AccessPattern pattern) {
  FileReaders of;
  of.pattern = pattern;
  of.latency = 100e-6, of.bandwidth = 2e9;
  of.readers = 2;
  of.compute = pattern == AccessPattern::kSequential ? 5e-6 : 100e-6;
  of.run = pattern == AccessPattern::kSequential ? 1e5 : 1;
  of.missing = 0.8;
  of.weight = 0.5;
  return of;
}

TEST(ReadaheadModel, SequentialReadersWantMuchAndRandomOnesNone) {
  const ReadaheadModel model({readers(AccessPattern::kSequential), readers(AccessPattern::kRandom)}, {0, 1});
  const auto progress = [&](std::size_t scope, std::size_t setting) {
    std::vector<std::size_t> settings(2, 0);
    settings[scope] = setting;
    return model.solve(settings, 1).scopes[scope].progress;
  };
  // By size: 0, 16, 128 (the default), 512 and 2048 KiB.
  constexpr std::size_t kBySize[] = {1, 2, 0, 3, 4};
  for (std::size_t i = 1; i < 5; ++i) {
    EXPECT_GE(progress(0, kBySize[i]), progress(0, kBySize[i - 1])) << i;
    EXPECT_LT(progress(1, kBySize[i]), progress(1, kBySize[i - 1])) << i;
  }
  EXPECT_GT(progress(0, 4), 3 * progress(0, 1));
}

TEST(ReadaheadModel, WhatOneDeviceFetchesInVainCrowdsThePageCacheOfAll) {
  const ReadaheadModel model({readers(AccessPattern::kRandom), readers(AccessPattern::kRandom)}, {0, 0});
  const std::vector<std::size_t> none{1, 1}, other{1, 4};
  EXPECT_LT(model.solve(other, 1).scopes[0].progress, model.solve(none, 1).scopes[0].progress);
}

}  // namespace
}  // namespace tier::sim
