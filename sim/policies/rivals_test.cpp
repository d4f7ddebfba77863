// Each rival in a case whose outcome its paper describes. Sizes are small, so that ratios, not figures,
// compare.
#include <gmock/gmock.h>

#include <cmath>

#include "sim/machine/machine_fixture.h"
#include "sim/policies/policy_trial.h"

namespace tier::sim {
namespace {

constexpr const char* kGups = "gups:footprint=1GiB,length=20s,threads=2";

TEST(NoTiering, LeavesWhatWasTouchedFirstWhereItIs) {
  const Outcome first = run("none", trial("gups:footprint=1GiB,length=20s,threads=2,at=0"));
  const Outcome last = run("none", trial("gups:footprint=1GiB,length=20s,threads=2,at=0.5"));
  EXPECT_GT(first.fast_share, 0.85);
  EXPECT_LT(last.fast_share, 0.05);
  EXPECT_EQ(first.totals.moves + last.totals.moves, 0U);
}

TEST(Interleave, SharesByBandwidthOrEvenly) {
  // Everything alike, and room for all of it in the fast tier.
  Trial uniform = trial("gups:footprint=1GiB,length=5s,threads=2,heat=0,hot=0.1", 0);
  const double by_bandwidth = uniform.machine.tiers[0].bandwidth /
                              (uniform.machine.tiers[0].bandwidth + uniform.machine.tiers[1].bandwidth);
  EXPECT_NEAR(run("interleave", uniform).fast_share, by_bandwidth, 0.03);
  uniform.settings = {{"weighted", 0}};
  EXPECT_NEAR(run("interleave", uniform).fast_share, 0.5, 0.03);
}

TEST(Interleave, UsesTheBandwidthOfAllTiers) {
  Trial streams = trial("stencil:footprint=1GiB,length=10s,threads=16,arrays=2", 0);
  streams.machine.tiers[0].bandwidth = 60e9;
  streams.machine.tiers[1].bandwidth = 40e9;
  EXPECT_LT(run("interleave", streams).seconds, 0.8 * run("none", streams).seconds);
}

// TPP, figure 15 and kernel mode on CXL: promotion of hot pages beats first touch.
TEST(Tpp, PromotesWhatIsHotAndBeatsFirstTouch) {
  Trial hot = trial("gups:footprint=1GiB,length=60s,threads=2,hot=0.2,heat=1", 2);
  hot.settings = {{"headroom", 0.05}};
  const Outcome tpp = run("tpp", hot);
  hot.settings = {};
  EXPECT_LT(tpp.seconds, 0.85 * run("none", hot).seconds);
  EXPECT_GT(tpp.late_share, 0.8);
}

// The LRU lists: what is used stays, though it came first.
TEST(Tpp, DemotesWhatIsNotUsed) {
  // The hot set wraps round the end: the first tenth of memory, fast from the start, and the last, slow.
  Trial hot = trial("gups:footprint=1GiB,length=60s,threads=2,at=0.9,hot=0.2,heat=1", 2);
  hot.settings = {{"headroom", 0.05}};
  const Outcome tpp = run("tpp", hot);
  EXPECT_GT(tpp.late_share, 0.95);
  // The slow tenth came up, and no more than its place and the headroom went down.
  EXPECT_LT(tpp.totals.demoted.value, 1.2 * (0.1 + 0.05 / 3) * (1 << 30));
}

// TPP's point: demotion ahead of need makes room for promotions, which else fail.
TEST(Tpp, FindsRoomWhereTheKernelsWatermarksLeaveNone) {
  const Trial hot = trial("gups:footprint=4GiB,length=60s,threads=2,hot=0.1,heat=1", 2);
  const Outcome tpp = run("tpp", hot), kernel = run("numab", hot);
  EXPECT_GT(tpp.totals.promoted.value, 2 * kernel.totals.promoted.value);
  EXPECT_LT(tpp.seconds, kernel.seconds);
}

// The hot threshold: pages that fault long after they were unmapped are not promoted.
TEST(NumaBalancing, LeavesWhatFaultsLateBelow) {
  // Regions 0 to 15 fill the fast tier; of the others 16 and 17 are touched all the time, the rest every
  // minute.
  std::vector<float> loads(48, 0.02F);
  for (const std::size_t hot : {0U, 1U, 2U, 3U, 16U, 17U}) loads[hot] = 1e6F;
  const PlainWorkload program{loads, 0.5, 1, 1, 0, 200};
  Trial late;
  late.workloads = {[&]() -> Result<std::unique_ptr<Workload>> { return program.make(); }};
  late.machine = plain_machine(16);
  const Outcome kernel = run("numab", late);
  EXPECT_GT(kernel.late_share, 0.999);
  EXPECT_GE(kernel.totals.promoted.value, 2 * kDefaultRegionSize.value);
  EXPECT_LE(kernel.totals.promoted.value, 12 * kDefaultRegionSize.value);
  late.settings = {{"hot_threshold_s", 1000}};
  EXPECT_GT(run("numab", late).totals.promoted.value, 4 * kernel.totals.promoted.value);
}

TEST(NumaBalancing, KeepsItsRateLimit) {
  Trial hot = trial("gups:footprint=1GiB,length=30s,threads=2,hot=0.2,heat=1", 2);
  hot.settings = {{"mark_step", 0.05}};
  const Outcome free = run("numab", hot);
  hot.settings["rate"] = 3e6;
  const Outcome limited = run("numab", hot);
  EXPECT_GT(free.totals.promoted.value, 3e6 * 1.5 * free.seconds);
  EXPECT_LE(limited.totals.promoted.value, 3e6 * (limited.seconds + 1));
  EXPECT_GT(limited.totals.promoted.value, 0U);
}

// DAMON's accessed bits saturate: where everything is touched within a sample, nothing is cold, and nothing
// moves.
TEST(Damos, CannotTellHotFromWarmWhereAllBitsAreSet) {
  const Outcome saturated = run("damos", trial(kGups));
  EXPECT_EQ(saturated.totals.moves, 0U);
  EXPECT_LT(saturated.late_share, 0.05);
}

// The filter on young pages: what a region's samples missed shows on the page itself.
TEST(Damos, LeavesYoungPagesOfColdRegionsAlone) {
  Trial all_cold = trial(kGups);
  all_cold.settings = {{"cold_share", 1}, {"free_goal", 0.5}};
  EXPECT_EQ(run("damos", all_cold).totals.demoted, Bytes{});
}

// Where much of memory lies idle it works, within its quotas: Redis with 440 GB of cold filler.
TEST(Damos, BringsUpWhatIsUsedWhereTheRestIsIdle) {
  const Trial idle = trial("gups:footprint=1GiB,length=20s,threads=2,hot=0.1,heat=1", 8);
  const Outcome damos = run("damos", idle);
  EXPECT_GT(damos.late_share, 0.9);
  EXPECT_LT(damos.seconds, 0.7 * run("none", idle).seconds);
}

TEST(Damos, KeepsItsQuotasEachWay) {
  Trial idle = trial("gups:footprint=4GiB,length=20s,threads=2,hot=0.1,heat=1", 8);
  idle.settings = {{"quota", 5e6}};
  const Outcome damos = run("damos", idle);
  EXPECT_GT(damos.totals.promoted.value, 2e6 * damos.seconds);
  EXPECT_LE(damos.totals.promoted.value, 5e6 * (damos.seconds + 1));
  EXPECT_LE(damos.totals.demoted.value, 5e6 * (damos.seconds + 1));
}

// HeMem, figure 5: GUPS with a hot set that fits ends near the best placement.
TEST(Hemem, FindsTheHotSetOfGups) {
  const Outcome hemem = run("hemem", trial(kGups)), best = run("static-oracle", trial(kGups));
  EXPECT_GT(hemem.late_share, 0.98 * best.late_share);
  EXPECT_LT(hemem.seconds, 1.05 * best.seconds);
  EXPECT_LT(hemem.seconds, 0.7 * run("none", trial(kGups)).seconds);
}

TEST(Hemem, SeesReadsAsWell) {
  const Trial reads = trial("phases:footprint=512MiB,length=10s,threads=2,writes=0,period=1h");
  EXPECT_LT(run("none", reads).late_share, 0.1);
  EXPECT_GT(run("hemem", reads).late_share, 0.85);
}

// Where more is hot than fits its static thresholds keep moving: Nomad's and the ping-pong study's complaint.
TEST(Hemem, GoesOnMovingWhereMoreIsHotThanFits) {
  const Trial too_hot = trial("gups:footprint=1GiB,length=10s,threads=2,hot=0.5,heat=1", 8);
  const Outcome hemem = run("hemem", too_hot), memtis = run("memtis", too_hot);
  EXPECT_GT(hemem.moved().value, 10 * too_hot.machine.tiers[0].capacity.value);
  EXPECT_LT(memtis.moved().value, hemem.moved().value / 3);
}

// MEMTIS, section 2: static thresholds call too little hot where popularity is skewed, and leave the tier to
// what was there; the histogram fills it.
TEST(Memtis, FillsTheFastTierWhereStaticThresholdsDoNot) {
  const Trial skewed = trial("zipf:footprint=1GiB,length=30s,threads=2,drift=0");
  const Outcome memtis = run("memtis", skewed), hemem = run("hemem", skewed);
  EXPECT_GT(memtis.late_share, 1.15 * hemem.late_share);
  EXPECT_LT(memtis.seconds, hemem.seconds);
  EXPECT_LT(memtis.seconds, 1.1 * run("static-oracle", skewed).seconds);
}

TEST(Memtis, ForgetsByCooling) {
  Trial moving = trial("gups-moving:footprint=512MiB,length=30s,threads=2,period=10s");
  moving.settings = {{"adapt", 20000}, {"cool", 100000}};
  const Outcome cooling = run("memtis", moving);
  moving.settings["cool"] = 1e12;
  EXPECT_GT(cooling.fast_share, 1.2 * run("memtis", moving).fast_share);
}

TEST(Memtis, HoldsItsSamplerToItsShareOfACpu) {
  Trial busy = trial("gups:footprint=1GiB,length=60s,threads=1,intensity=0.1", 0.01);
  const Outcome published = run("memtis", busy);
  busy.settings = {{"cpu_share", 0.004}};
  const Outcome held = run("memtis", busy);
  // A step each quarter of a minute: the mean of the period's first four values is what counts.
  EXPECT_LT(held.totals.interference, 0.9 * published.totals.interference);
  EXPECT_GT(held.totals.interference, 0.5 * published.totals.interference);
}

// The same budget holds for whoever samples, beside what moves cost.
TEST(SamplingBudget, HoldsForEveryRivalThatSamples) {
  Trial still = trial("gups:footprint=1GiB,length=20s,threads=4,hot=1,heat=0", 8);
  still.machine.migration = {Nanoseconds{0}, Nanoseconds{0}, 1e15, Nanoseconds{0}};
  still.sampling_budget = {0.01};
  for (const char* name : {"hemem", "memtis", "arms", "colloid"}) {
    const Outcome outcome = run(name, still);
    EXPECT_LT(outcome.totals.interference, 1.05 * 0.01 * outcome.seconds) << name;
    EXPECT_GT(outcome.totals.interference, 0.004 * outcome.seconds) << name;
  }
}

// A suite of several sampling budgets runs the others once.
TEST(SamplingBudget, ChangesThosePoliciesAloneThatSayTheySample) {
  Trial free = trial("gups:footprint=256MiB,length=10s,threads=4", 8);
  Trial bounded = free;
  bounded.sampling_budget = {.per_second = 150};
  for (const PolicyEntry& entry : policy_table()) {
    const double one = run(entry.name, free).totals.interference;
    const double other = run(entry.name, bounded).totals.interference;
    EXPECT_EQ(one != other, entry.samples) << entry.name;
  }
}

// Fewer samples, the same histogram: what paces it is time, not the count that the budget allows.
TEST(Memtis, KeepsItsPaceWithinABudget) {
  Trial skewed = trial("zipf:footprint=1GiB,length=30s,threads=2,drift=0");
  const Outcome published = run("memtis", skewed);
  skewed.sampling_budget = {0.01};
  EXPECT_LT(run("memtis", skewed).seconds, 1.1 * published.seconds);
}

// ARMS, section on adaptation: notices the move in the slow tier's bandwidth and follows sooner than a
// histogram that has to cool.
TEST(Arms, FollowsAMovedHotSetSoonerThanAHistogram) {
  const Trial moving = trial("gups-moving:footprint=1GiB,length=60s,threads=2,period=20s");
  const Outcome arms = run("arms", moving), memtis = run("memtis", moving);
  EXPECT_GT(arms.fast_share, 1.2 * memtis.fast_share);
  EXPECT_LT(arms.seconds, 0.9 * memtis.seconds);
}

TEST(Arms, HurriesAfterAChangeThatItsDetectorSees) {
  Trial moving = trial("gups-moving:footprint=1GiB,length=60s,threads=2,period=20s");
  const Outcome published = run("arms", moving);
  moving.settings = {{"threshold", 1e9}};
  const Outcome blind = run("arms", moving);
  EXPECT_GT(published.fast_share, blind.fast_share + 0.01);
  EXPECT_LT(published.seconds, blind.seconds);
}

// Benefit over cost: where more is hot than fits it is as fast as HeMem with fewer moves, about two thirds.
TEST(Arms, GetsAsFarAsHememWithFewerMoves) {
  const Trial too_hot = trial("gups:footprint=1GiB,length=20s,threads=2,hot=0.15", 8);
  const Outcome arms = run("arms", too_hot), hemem = run("hemem", too_hot);
  EXPECT_LT(arms.moved().value, hemem.moved().value * 4 / 5);
  EXPECT_LT(arms.seconds, 1.03 * hemem.seconds);
}

TEST(Arms, MovesNothingThatCostsMoreThanItBrings) {
  Trial dear = trial(kGups);
  dear.machine.migration.copy_bandwidth = 2e5;  // ten seconds a region
  EXPECT_EQ(run("arms", dear).totals.moves, 0U);
}

// Colloid's figure 1: two tiers of 100 and 135 ns, and others that use the fast tier's bandwidth.
Trial loaded(double background) {
  Trial trial_of = trial("gups:footprint=1GiB,length=15s,threads=2,hot=0.25", 2);
  auto& tiers = trial_of.machine.tiers;
  tiers[0].latency = Nanoseconds{100}, tiers[0].bandwidth = 60e9;
  tiers[1].latency = Nanoseconds{135}, tiers[1].bandwidth = 50e9;
  tiers[0].background = background;
  return trial_of;
}

TEST(Colloid, IsHememWhereNothingIsSaturated) {
  const Outcome colloid = run("colloid", loaded(0)), hemem = run("hemem", loaded(0));
  EXPECT_NEAR(colloid.seconds / hemem.seconds, 1, 0.03);
  EXPECT_NEAR(colloid.late_share, hemem.late_share, 0.03);
}

TEST(Colloid, TakesPagesOffASaturatedFastTierAndBeatsHemem) {
  const Outcome colloid = run("colloid", loaded(57e9)), hemem = run("hemem", loaded(57e9));
  EXPECT_GT(hemem.late_share, 0.85);
  EXPECT_LT(colloid.late_share, 0.6);
  EXPECT_GT(hemem.seconds / colloid.seconds, 1.3);  // the paper: up to 2.36
}

// ALTO, section 5: where misses overlap, waiting for them costs little and promotion is held back.
Trial hot_behind_cold(double parallelism) {
  std::vector<float> loads(64, 1e4F);
  std::fill(loads.end() - 16, loads.end(), 4e6F);
  Trial trial_of;
  const PlainWorkload program{loads, 0.5, 2, parallelism, 0, 20};
  trial_of.workloads = {[program]() -> Result<std::unique_ptr<Workload>> { return program.make(); }};
  trial_of.machine = plain_machine(20);
  return trial_of;
}

TEST(Alto, IsColloidWhereMissesAreServedOneByOne) {
  const Outcome alto = run("alto", hot_behind_cold(1)), colloid = run("colloid", hot_behind_cold(1));
  EXPECT_GT(alto.late_share, 0.9);
  EXPECT_LT(alto.seconds, 1.1 * colloid.seconds);
}

TEST(Alto, PromotesNothingWhereManyMissesOverlap) {
  const Outcome alto = run("alto", hot_behind_cold(20)), colloid = run("colloid", hot_behind_cold(20));
  EXPECT_EQ(alto.totals.promoted, Bytes{});
  EXPECT_GT(colloid.totals.promoted, Bytes{});
}

// PACT: online, without thresholds, near the best placement of a hot set that stands still.
TEST(Pact, FindsTheHotSetOfGups) {
  const Outcome pact = run("pact", trial(kGups)), best = run("static-oracle", trial(kGups));
  EXPECT_GT(pact.late_share, 0.95 * best.late_share);
  EXPECT_LT(pact.totals.stall, 1.1 * best.totals.stall);
  EXPECT_LT(pact.seconds, 0.8 * run("none", trial(kGups)).seconds);
}

TEST(Pact, PromotesNoMoreThanItsLimitAndDemotesNoMoreThanItPromotes) {
  Trial moving = trial("gups-moving:footprint=1GiB,length=20s,threads=2,period=5s");
  moving.settings = {{"window_s", 0.5}, {"max_pages", 1024}};  // two regions twice a second
  const Outcome pact = run("pact", moving);
  EXPECT_GT(pact.totals.promoted, Bytes{});
  EXPECT_LE(pact.totals.promoted.value, 4 * kDefaultRegionSize.value * (pact.seconds + 1));
  // Within the second between two looks at the balance, demotion may run ahead by a watermark's worth.
  EXPECT_LE(pact.totals.demoted.value, pact.totals.promoted.value + 8 * kDefaultRegionSize.value);
}

// Its score is stall: of two sets that take turns, with as many misses, the one whose misses overlap ranks
// behind. Half of either fits; what is served fast must be mostly the other.
TEST(Pact, RanksBySeriallyWaitedMissesNotByMisses) {
  WorkloadInfo info;
  info.regions = 64;
  info.targets = {{"program", 2}};
  info.streams = {{"serial", 0, 1, 0}, {"overlapping", 0, 16, 0}};
  Demand serial, overlapping;
  serial.streams.resize(2), overlapping.streams.resize(2);
  for (std::uint32_t r = 32; r < 48; ++r) serial.streams[0].push_back({r, 1e5F, 0, 0});
  for (std::uint32_t r = 48; r < 64; ++r) overlapping.streams[1].push_back({r, 1e5F, 0, 0});
  Interval interval;
  interval.duration = std::chrono::milliseconds(100);
  interval.compute = {0.1};
  std::vector<Interval> all(200, interval);
  for (std::size_t i = 0; i < all.size(); ++i)
    all[i].demand = std::make_shared<const Demand>(i % 2 == 0 ? serial : overlapping);
  all[0].events = {{RegionChange::kAllocate, 0, 0, 64, 0x40000000, PageKind::kHuge}};
  Trial turns;
  turns.machine = plain_machine(20);
  turns.workloads = {
      [=]() -> Result<std::unique_ptr<Workload>> { return std::make_unique<WrittenWorkload>(info, all); }};
  const Outcome pact = run("pact", turns), none = run("none", turns), best = run("static-oracle", turns);
  EXPECT_LT(pact.totals.stall, 0.5 * (none.totals.stall + best.totals.stall));
}

}  // namespace
}  // namespace tier::sim
