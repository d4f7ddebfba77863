#include "sim/host/tierd_policy.h"

#include <gtest/gtest.h>

#include "sim/host/foresight.h"
#include "sim/host/run.h"
#include "sim/machine/machine_fixture.h"
#include "sim/workloads/generators.h"

namespace tier::sim {
namespace {

// Sixteen hot regions behind forty-eight cold ones: first touch leaves all the hot ones in the slow tier.
PlainWorkload hot_last(std::size_t seconds) {
  PlainWorkload program;
  program.loads.assign(64, 2e4F);
  for (std::size_t i = 48; i < 64; ++i) program.loads[i] = 4e5F;
  program.compute = 0.2;
  program.repeat = seconds;
  return program;
}

TEST(TierdPolicy, BringsTheHotRegionsUpAndGains) {
  FirstTouch none;
  Machine untouched(plain_machine(20), workloads(hot_last(60)), none);
  ASSERT_TRUE(untouched.start());
  run(untouched);
  TierdPolicy tierd(default_tierd(), 1);
  Machine machine(plain_machine(20), workloads(hot_last(60)), tierd);
  int fast = 0;
  RunOptions options;
  options.watch = [&](const Machine& now) {
    fast = 0;
    for (Region region = 48; region < 64 && !now.done(); ++region) fast += now.tier_of(region) == 0;
    if (now.done()) fast = -1;
  };
  options.most = std::chrono::seconds(30);
  EXPECT_FALSE(run(machine, tierd, options).has_value()) << "the limit comes first";
  EXPECT_GE(fast, 15);
  EXPECT_LT(machine.totals().stall, 0.8 * untouched.totals().stall);
  EXPECT_GT(tierd.engine().ledger().totals().useful, 10U);
}

// A working set that walks on, and few samples: what it has left shows by its accessed bits at once.
TEST(TierdPolicy, AccessedBitsTellWhatAProgramHasLeftBehind) {
  const auto stall_with = [](double bits_every) {
    const auto factory = parse_workload("zigzag:footprint=128MiB,length=60s");
    EXPECT_TRUE(factory);
    auto settings = tierd_with({{"samples_per_second", 150}, {"bits_every_s", bits_every}});
    EXPECT_TRUE(settings);
    TierdPolicy tierd(std::move(*settings), 1);
    std::vector<std::unique_ptr<Workload>> walk;
    walk.push_back(std::move((*factory)().value()));
    Machine machine(plain_machine(20), std::move(walk), tierd);
    EXPECT_TRUE(run(machine, tierd));
    return machine.totals().stall + machine.totals().interference;
  };
  EXPECT_LT(stall_with(2), stall_with(0));
}

// Whatever is moved, or kept free, is lost where all regions are alike.
TEST(TierdPolicy, WithoutAHotSetItStandsBack) {
  PlainWorkload alike;
  alike.loads.assign(64, 1e5F);
  alike.compute = 0.2;
  alike.repeat = 120;
  FirstTouch none;
  Machine untouched(plain_machine(20), workloads(alike), none);
  ASSERT_TRUE(untouched.start());
  run(untouched);
  const std::pair<const char*, double> most[] = {{"exponential-average", 1.002}, {"switch", 1.02}};
  for (const auto& [forecaster, limit] : most) {
    TierdSettings settings = default_tierd();
    settings.engine.forecaster = forecaster;
    TierdPolicy tierd(std::move(settings), 1);
    Machine machine(plain_machine(20), workloads(alike), tierd);
    EXPECT_TRUE(run(machine, tierd));
    const double lost = machine.totals().stall + machine.totals().interference;
    std::printf("without a hot set, %s: %.4f of none's stall\n", forecaster, lost / untouched.totals().stall);
    EXPECT_LT(lost, limit * untouched.totals().stall) << forecaster;
  }
}

TEST(TierdPolicy, TheSameSeedGivesTheSameBytes) {
  const auto total = [](std::uint64_t seed) {
    TierdPolicy tierd(default_tierd(), seed);
    Machine machine(plain_machine(20), workloads(hot_last(20)), tierd);
    EXPECT_TRUE(run(machine, tierd));
    return std::pair(machine.totals().stall, machine.now());
  };
  EXPECT_EQ(total(1), total(1));
  EXPECT_NE(total(1), total(2));
}

TEST(TierdPolicy, UnknownSettingsAreRefused) {
  EXPECT_TRUE(tierd_with({{"horizon_s", 4}}));
  EXPECT_FALSE(tierd_with({{"aggressiveness", 11}}).has_value());
}

TEST(TierdPolicy, ForesightTellsWhatComes) {
  const auto context_workload = [] { return workloads(hot_last(20)); };
  FirstTouch placer;
  Machine machine(plain_machine(20), context_workload(), placer);
  ASSERT_TRUE(machine.start());
  const WorkloadFactory open = [&]() -> Result<std::unique_ptr<Workload>> {
    return std::move(context_workload().front());
  };
  Foresight foresight(machine, {open});
  RegionSnapshot snapshot;
  for (const tier::sim::Region region : {3U, 60U}) {
    snapshot.regions.emplace_back();
    snapshot.regions.back().key.start = machine.address_of(region);
  }
  machine.advance(std::chrono::seconds(3));
  ForecastSet set;
  for (int tick = 0; tick < 8; ++tick) {
    machine.advance(std::chrono::seconds(1));
    set = foresight.forecast(snapshot);
  }
  ASSERT_EQ(set.forecasts.size(), 2U);
  for (std::size_t i = 0; i < 2; ++i) {
    const double now = machine.demand_rate(*machine.region_at(snapshot.regions[i].key.start));
    EXPECT_NEAR(set.forecasts[i].horizons[0].mean, now, 0.25 * now) << "as fast as its intervals pass";
  }
  machine.advance(std::chrono::hours(1));
  set = foresight.forecast(snapshot);
  EXPECT_EQ(set.forecasts[0].horizons[2].mean, 0) << "after its end";
}

TEST(TierdPolicy, EveryEntryNamesAForecasterThatExists) {
  for (const PolicyEntry& entry : tierd_entries()) {
    const auto policy = entry.make(PolicyContext{});
    ASSERT_TRUE(policy) << entry.name;
    Machine machine(plain_machine(20), workloads(hot_last(5)), **policy);
    ASSERT_TRUE(run(machine, **policy)) << entry.name;
    EXPECT_GT(dynamic_cast<TierdPolicy&>(**policy).engine().state().ticks, 0U) << entry.name;
    PolicyContext wrong;
    wrong.settings = {{"aggressiveness", 11}};
    EXPECT_FALSE(entry.make(wrong).has_value()) << entry.name;
  }
}

TEST(TierdPolicy, TheForecasterIsWhatTellsTheEntriesApart) {
  std::vector<std::string> names;
  for (const PolicyEntry& entry : tierd_entries()) {
    const auto policy = entry.make(PolicyContext{});
    ASSERT_TRUE(policy);
    Machine machine(plain_machine(20), workloads(hot_last(5)), **policy);
    ASSERT_TRUE(run(machine, **policy));
    names.push_back(dynamic_cast<TierdPolicy&>(**policy).engine().state().forecasts.forecaster);
  }
  EXPECT_EQ(names[0], EngineSettings{}.forecaster);
  names.pop_back();  // foresight, of which nothing is known here
  std::sort(names.begin(), names.end());
  EXPECT_EQ(std::adjacent_find(names.begin(), names.end()), names.end());
}

TEST(SimulatedPlatform, MappingsFollowAllocationsAndReleases) {
  FirstTouch placer;
  Machine machine(plain_machine(20), workloads(hot_last(5)), placer);
  SimulatedPlatform platform(machine);
  EXPECT_FALSE(platform.describe(SimulatedPlatform::pid_of(0)).has_value());
  ASSERT_TRUE(machine.start());
  const Pid pid = SimulatedPlatform::pid_of(0);
  auto mappings = platform.mappings(pid);
  ASSERT_TRUE(mappings);
  ASSERT_EQ(mappings->size(), 1U);
  EXPECT_EQ((*mappings)[0].range.size(), Bytes{64 * kDefaultRegionSize.value});
  const auto version = platform.mappings_version(pid);
  platform.on_release(machine, 10, 4);
  EXPECT_NE(platform.mappings_version(pid), version);
  mappings = platform.mappings(pid);
  ASSERT_EQ(mappings->size(), 2U);
  EXPECT_EQ((*mappings)[0].range.end, machine.address_of(10));
  EXPECT_EQ((*mappings)[1].range.start, machine.address_of(14));
  platform.on_allocate(machine, 10, 4);
  EXPECT_EQ(platform.mappings(pid)->size(), 1U);
  run(machine);
  EXPECT_FALSE(platform.describe(pid).has_value()) << "it has ended";
}

}  // namespace
}  // namespace tier::sim
