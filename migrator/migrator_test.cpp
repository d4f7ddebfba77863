#include "migrator/migrator.h"

#include <gmock/gmock.h>

#include <cerrno>
#include <random>

#include "migrator/migrator_fixture.h"

namespace tier {
namespace {

using testing::HasSubstr;

TEST_F(MigratorTest, MovesSmallPagesAndCountsThem) {
  build(two_tiers(1_GiB, 4_MiB));
  machine->place(kProgram, page_range(0, 0, 10), 0);   // there already
  machine->place(kProgram, page_range(0, 20, 5), -1);  // not resident
  const auto reports = run(plan(1, {promote(0)}));
  ASSERT_EQ(reports.size(), 1u);
  const MigrationReport& r = reports[0];
  EXPECT_EQ(r.fate, MoveFate::kMoved) << r.detail;
  EXPECT_EQ(r.pages.requested, kPagesPerRegion);
  EXPECT_EQ(r.pages.already_there, 10u);
  EXPECT_EQ(r.pages.absent, 5u);
  EXPECT_EQ(r.pages.moved, kPagesPerRegion - 15);
  EXPECT_TRUE(r.pages.balanced());
  EXPECT_EQ(r.moved, Bytes{(kPagesPerRegion - 15) * 4096});
  EXPECT_EQ(machine->resident_on(kProgram, kFast), Bytes{(kPagesPerRegion - 5) * 4096});
}

TEST_F(MigratorTest, HugePagesMoveAsOneUnitAndByOneAddressOnceKnown) {
  build(two_tiers(1_GiB, 8_MiB, true));
  auto reports = run(plan(1, {promote(0)}));
  ASSERT_EQ(reports.size(), 1u);
  EXPECT_EQ(reports[0].pages.moved, kPagesPerRegion) << reports[0].detail;
  EXPECT_EQ(reports[0].fate, MoveFate::kMoved);
  EXPECT_EQ(machine->addresses_passed(), kPagesPerRegion);
  reports = run(plan(2, {promote(1)}));
  EXPECT_EQ(reports[0].pages.moved, kPagesPerRegion);
  EXPECT_EQ(machine->addresses_passed(), kPagesPerRegion + 1) << "the second unit goes by its head alone";
}

TEST_F(MigratorTest, AWrongGuessAboutHugePagesMovesAllTheSame) {
  build(two_tiers(1_GiB, 2_MiB, true));
  run(plan(1, {promote(0)}));
  machine->map(kProgram, {.start = kBase + (2_MiB).value, .size = 4_MiB, .node = 1});  // small pages
  const auto reports = run(plan(2, {promote(1)}));
  EXPECT_EQ(reports[0].fate, MoveFate::kMoved) << reports[0].detail;
  EXPECT_EQ(reports[0].pages.moved, kPagesPerRegion);
  const auto passed = machine->addresses_passed();
  run(plan(3, {promote(2)}));
  EXPECT_EQ(machine->addresses_passed() - passed, kPagesPerRegion) << "the guess was not corrected";
}

TEST_F(MigratorTest, RefusedPagesAreCountedByErrnoAndTheRestMoves) {
  build(two_tiers(1_GiB, 2_MiB));
  machine->refuse_pages(kProgram, page_range(0, 3, 4), EBUSY);
  machine->refuse_pages(kProgram, page_range(0, 100, 2), EACCES);
  const auto reports = run(plan(1, {promote(0)}));
  const MigrationReport& r = reports.at(0);
  EXPECT_EQ(r.fate, MoveFate::kPartly);
  EXPECT_EQ(r.pages.failed, (std::map<int, std::uint64_t>{{EBUSY, 4}, {EACCES, 2}}));
  EXPECT_EQ(r.pages.moved, kPagesPerRegion - 6);
  EXPECT_THAT(r.detail, HasSubstr("4 pages EBUSY"));
}

TEST_F(MigratorTest, APositiveReturnIsNotSuccess) {
  build(two_tiers(1_GiB, 2_MiB));
  machine->fail_migration(kProgram, page_range(0, 7, 3));
  const auto r = run(plan(1, {promote(0)})).at(0);
  EXPECT_EQ(r.pages.failed, (std::map<int, std::uint64_t>{{EBUSY, 3}}));
  EXPECT_EQ(r.pages.moved, kPagesPerRegion - 3);
  EXPECT_GT(migrator->totals().calls.incomplete, 0u);
}

TEST_F(MigratorTest, AHugePageRefusedStaysWholeAndIsCountedWhole) {
  build(two_tiers(1_GiB, 2_MiB, true));
  machine->fail_migration(kProgram, page_range(0, 0, 512));
  const auto r = run(plan(1, {promote(0)})).at(0);
  EXPECT_EQ(r.fate, MoveFate::kFailed);
  EXPECT_EQ(r.pages.failed.at(EBUSY), kPagesPerRegion);
  EXPECT_EQ(machine->resident_on(kProgram, kFast), Bytes{0});
}

TEST_F(MigratorTest, RefusalsBackOffAndEndInUnmovable) {
  build(two_tiers(1_GiB, 2_MiB), {.refusals = {.until_unmovable = 3, .first_wait = std::chrono::seconds(1)}});
  machine->refuse_pages(kProgram, page_range(0, 0, 512), EBUSY);
  std::uint64_t sequence = 0;
  EXPECT_FALSE(run(plan(++sequence, {promote(0)})).at(0).unmovable);
  const auto calls = machine->move_calls();
  const auto early = run(plan(++sequence, {promote(0)})).at(0);
  EXPECT_EQ(machine->move_calls(), calls) << "asked again before the wait was over";
  EXPECT_EQ(early.pages.dropped, kPagesPerRegion);
  EXPECT_THAT(early.detail, HasSubstr("left alone after 1 refusals"));
  clock.advance(std::chrono::seconds(1));
  EXPECT_FALSE(run(plan(++sequence, {promote(0)})).at(0).unmovable);
  clock.advance(std::chrono::seconds(2));
  EXPECT_TRUE(run(plan(++sequence, {promote(0)})).at(0).unmovable);
  clock.advance(std::chrono::seconds(3));
  EXPECT_TRUE(run(plan(++sequence, {promote(0)})).at(0).unmovable) << "waits four seconds now";
  migrator->forget(TargetId{1});
  EXPECT_FALSE(run(plan(++sequence, {promote(0)})).at(0).unmovable);
}

TEST_F(MigratorTest, PagesSharedWithOthersAreUnmovableAtOnce) {
  build(two_tiers(1_GiB, 2_MiB));
  machine->refuse_pages(kProgram, page_range(0, 0, 512), EACCES);
  EXPECT_TRUE(run(plan(1, {promote(0)})).at(0).unmovable);
  const auto calls = machine->move_calls();
  EXPECT_TRUE(run(plan(2, {promote(0)})).at(0).unmovable);
  EXPECT_EQ(machine->move_calls(), calls) << "asked again at once";
}

TEST_F(MigratorTest, DemotionsRunFirstWhenThePromotionFindsTheNodeFull) {
  build(two_tiers(4_MiB, 8_MiB));
  machine->place(kProgram, {kBase, kBase + (4_MiB).value}, 0);  // regions 0 and 1 fill the fast node
  const auto reports = run(plan(1, {promote(2), promote(3), demote(0), demote(1)}));
  ASSERT_EQ(reports.size(), 4u);
  for (const auto& r : reports) EXPECT_EQ(r.fate, MoveFate::kMoved) << r.request_id << ": " << r.detail;
  EXPECT_EQ(reports[0].request_id, 1000u);
  EXPECT_EQ(machine->node_of(kProgram, promote(2).range.start), kFast);
  EXPECT_EQ(machine->node_of(kProgram, promote(3).range.start), kFast);
  EXPECT_EQ(machine->node_of(kProgram, kBase), kSlow);
}

TEST_F(MigratorTest, AFullNodeEndsThePlansPromotionsAndSaysSo) {
  build(two_tiers(3_MiB, 8_MiB));
  const auto reports = run(plan(1, {promote(0), promote(1), promote(2)}));
  ASSERT_EQ(reports.size(), 3u);
  EXPECT_EQ(reports[0].fate, MoveFate::kMoved);
  EXPECT_EQ(reports[1].fate, MoveFate::kPartly);
  EXPECT_EQ(reports[1].pages.moved, 256u);
  EXPECT_EQ(reports[1].pages.failed, (std::map<int, std::uint64_t>{{ENOMEM, 256}}));
  EXPECT_EQ(reports[2].fate, MoveFate::kFailed);
  EXPECT_EQ(reports[2].pages.dropped, kPagesPerRegion);
  EXPECT_THAT(reports[2].detail, HasSubstr("node 0 is full"));
  EXPECT_EQ(machine->free_on(kFast), Bytes{0});
  for (const auto& r : reports) EXPECT_FALSE(r.unmovable) << "want of room is no refusal";
  EXPECT_EQ(run(plan(2, {promote(2)})).at(0).pages.failed.at(ENOMEM), kPagesPerRegion)
      << "a new plan asks again";
}

TEST_F(MigratorTest, HugePagesThatFindNoRoomAreTriedAgainAfterTheDemotions) {
  build(two_tiers(4_MiB, 8_MiB, true));
  machine->place(kProgram, {kBase, kBase + (4_MiB).value}, 0);
  const auto reports = run(plan(1, {promote(2), demote(0)}));
  ASSERT_EQ(reports.size(), 2u);
  EXPECT_EQ(reports[1].fate, MoveFate::kMoved) << reports[1].detail;
  EXPECT_EQ(reports[1].pages.moved, kPagesPerRegion);
}

TEST_F(MigratorTest, ExitBetweenPlanAndMoveMovesNothing) {
  build(two_tiers(1_GiB, 4_MiB));
  migrator->submit(plan(1, {promote(0), promote(1)}));
  machine->exit(kProgram);
  run_all();
  for (const auto& r : migrator->take_reports()) {
    EXPECT_EQ(r.fate, MoveFate::kTargetGone);
    EXPECT_EQ(r.pages.dropped, kPagesPerRegion);
  }
  EXPECT_EQ(machine->move_calls(), 0u);
}

TEST_F(MigratorTest, ExecBetweenPlanAndMoveMovesNothing) {
  build(two_tiers(1_GiB, 4_MiB));
  migrator->submit(plan(1, {promote(0)}));
  machine->exec(kProgram, {.name = "another", .mappings = {{.start = kBase, .size = 4_MiB, .node = 1}}});
  run_all();
  EXPECT_EQ(migrator->take_reports().at(0).fate, MoveFate::kTargetGone);
  EXPECT_EQ(machine->resident_on(kProgram, kFast), Bytes{0});
  EXPECT_EQ(machine->move_calls(), 0u);
}

TEST_F(MigratorTest, AReusedPidIsNotTouched) {
  build(two_tiers(1_GiB, 4_MiB));
  machine->spawn(
      {.pid = kProgram.value, .start_time = 8, .mappings = {{.start = kBase, .size = 4_MiB, .node = 1}}});
  const auto r = run(plan(1, {promote(0)})).at(0);
  EXPECT_EQ(r.fate, MoveFate::kTargetGone);
  EXPECT_THAT(r.detail, HasSubstr("another process"));
  EXPECT_EQ(machine->resident_on(kProgram, kFast), Bytes{0});
}

TEST_F(MigratorTest, ExitInTheMiddleOfACallIsReported) {
  build(two_tiers(1_GiB, 4_MiB));
  machine->on_move([this] { machine->exit(kProgram); });
  const auto r = run(plan(1, {promote(0)})).at(0);
  EXPECT_EQ(r.fate, MoveFate::kTargetGone);
  EXPECT_EQ(r.pages.dropped, kPagesPerRegion);
  EXPECT_TRUE(r.pages.balanced());
}

TEST_F(MigratorTest, DeniedOfflineAndUnknownNodesAreReported) {
  build(two_tiers(1_GiB, 4_MiB));
  machine->set_online(kFast, false);
  EXPECT_EQ(run(plan(1, {promote(0)})).at(0).pages.failed,
            (std::map<int, std::uint64_t>{{ENODEV, kPagesPerRegion}}));
  machine->set_online(kFast, true);
  MigrationRequest nowhere = promote(0);
  nowhere.to = NodeId{-1};
  EXPECT_EQ(run(plan(2, {nowhere})).at(0).fate, MoveFate::kFailed);
  migrator->submit(plan(3, {promote(0)}));
  machine->deny(kProgram, true);
  run_all();
  EXPECT_EQ(migrator->take_reports().at(0).pages.failed,
            (std::map<int, std::uint64_t>{{EPERM, kPagesPerRegion}}));
  EXPECT_EQ(run(plan(4, {promote(0)})).at(0).fate, MoveFate::kTargetGone) << "cannot even be opened";
}

TEST_F(MigratorTest, ATargetsCpusetIsRespectedByTheKernelsWord) {
  FakeSpec spec = two_tiers(1_GiB, 2_MiB);
  spec.processes[0].allowed_nodes = {1};
  build(spec);
  const auto r = run(plan(1, {promote(0)})).at(0);
  EXPECT_EQ(r.pages.failed.at(EACCES), kPagesPerRegion);
  EXPECT_EQ(machine->resident_on(kProgram, kFast), Bytes{0});
}

TEST_F(MigratorTest, OlderPlansAreStaleWhetherTheyComeLateOrStillWait) {
  build(two_tiers(1_GiB, 8_MiB));
  migrator->submit(plan(5, {promote(0), promote(1)}));
  executor->run_once();
  migrator->submit(plan(6, {promote(2)}));
  migrator->submit(plan(4, {promote(3)}));
  run_all();
  const auto reports = migrator->take_reports();
  ASSERT_EQ(reports.size(), 4u);
  std::map<std::uint64_t, MoveFate> fates;
  for (const auto& r : reports) fates[r.request_id] = r.fate;
  EXPECT_EQ(fates[0], MoveFate::kMoved);
  EXPECT_EQ(fates[1], MoveFate::kStale);
  EXPECT_EQ(fates[2], MoveFate::kMoved);
  EXPECT_EQ(fates[3], MoveFate::kStale);
}

TEST_F(MigratorTest, TheRateHoldsOnAverage) {
  build(two_tiers(1_GiB, 64_MiB), {.rate = 8_MiB, .burst = 2_MiB});
  std::vector<MigrationRequest> requests;
  for (std::uint64_t i = 0; i < 32; ++i) requests.push_back(promote(i));
  const Nanoseconds before = clock.now();
  run(plan(1, requests));
  // 64 MiB at 8 MiB/s, less the burst and the one batch of debt that is never waited for.
  EXPECT_NEAR(seconds(clock.now() - before), (64.0 - 2 - 2) / 8, 0.01);
}

TEST_F(MigratorTest, LearnsWhatAMoveCosts) {
  build(two_tiers(1_GiB, 64_MiB));
  const auto prior = migrator->estimate();
  EXPECT_EQ(prior.promotion.measured, 0u);
  machine->place(kProgram, page_range(20, 0, 512), 0);
  run(plan(1, {demote(20)}));  // the first calls to a program are small
  machine->charge_moves(&clock, std::chrono::microseconds(300), 1e-9);
  std::vector<MigrationRequest> requests;
  for (std::uint64_t i = 0; i < 20; ++i) {
    machine->place(kProgram, page_range(i, 0, 20 * i), 0);  // sizes differ: slope and intercept can be told
    requests.push_back(promote(i));
  }
  run(plan(2, requests));
  const MoveCosts costs = migrator->estimate();
  EXPECT_EQ(costs.promotion.measured, 20u);
  EXPECT_EQ(costs.demotion.measured, 1u);
  EXPECT_NEAR(costs.promotion.seconds_per_byte, 1e-9, 1e-11);
  EXPECT_NEAR(static_cast<double>(costs.promotion.fixed.count()), 300e3, 5e3);
  EXPECT_NEAR(costs.promotion.of(2_MiB).value, 300e-6 + 2097152e-9, 1e-5);
  EXPECT_EQ(migrator->totals().calls.worst, Nanoseconds{300000 + 2097152});
  EXPECT_GE(migrator->totals().calls.spent, migrator->totals().calls.worst);
}

TEST_F(MigratorTest, ARefusedMoveTeachesNothingAboutCost) {
  build(two_tiers(1_GiB, 64_MiB));
  machine->charge_moves(&clock, std::chrono::milliseconds(200), 1e-9);
  const MigrationRequest request = promote(0);
  const AddressRange most{request.range.start + 4096, request.range.end};
  machine->refuse_pages(kProgram, most, EBUSY);
  run(plan(1, {request}));
  EXPECT_EQ(migrator->estimate().promotion.measured, 0u);
}

TEST_F(MigratorTest, StopCancelsWhatWaits) {
  build(two_tiers(1_GiB, 8_MiB));
  migrator->submit(plan(1, {promote(0), promote(1), promote(2)}));
  executor->run_once();
  migrator->stop();
  EXPECT_TRUE(migrator->idle());
  const auto reports = migrator->take_reports();
  ASSERT_EQ(reports.size(), 3u);
  EXPECT_EQ(reports[0].fate, MoveFate::kMoved);
  EXPECT_EQ(reports[1].fate, MoveFate::kCancelled);
  EXPECT_EQ(reports[2].pages.dropped, kPagesPerRegion);
  migrator->submit(plan(2, {promote(3)}));
  EXPECT_EQ(migrator->take_reports().at(0).fate, MoveFate::kCancelled);
  migrator->stop();
}

TEST_F(MigratorTest, LargeRangesGoInBatchesAndRoundToPages) {
  build(two_tiers(1_GiB, 16_MiB));
  MigrationRequest large = promote(0);
  large.range = {kBase + 100, kBase + (7_MiB).value - 100};
  migrator->submit(plan(1, {large}));
  executor->run_once();
  EXPECT_EQ(machine->resident_on(kProgram, kFast), 2_MiB) << "one batch per step";
  run_all();
  const auto r = migrator->take_reports().at(0);
  EXPECT_EQ(r.pages.moved, (7_MiB).value / 4096);
  EXPECT_EQ(r.fate, MoveFate::kMoved);
  EXPECT_EQ(machine->move_calls(), 3u + 4u) << "of 256 KiB, 512 KiB and 1 MiB, then as large as they may be";
}

TEST_F(MigratorTest, AnEmptyPlanEndsALargeMoveAfterItsCall) {
  build(two_tiers(1_GiB, 16_MiB));
  MigrationRequest large = promote(0);
  large.range.end = kBase + (8_MiB).value;
  migrator->submit(plan(1, {large}));
  machine->on_move([this] {
    machine->on_move({});
    migrator->submit(plan(2, {}));
  });
  run_all();
  const auto r = migrator->take_reports().at(0);
  EXPECT_EQ(r.fate, MoveFate::kStale);
  EXPECT_EQ(r.moved, 256_KiB);
  EXPECT_EQ(r.pages.dropped, 4 * kPagesPerRegion - 64);
}

TEST_F(MigratorTest, SlowPagesGoInCallsThatEndSoonAndHugeOnesStayWhole) {
  for (const bool huge : {false, true}) {
    build(two_tiers(1_GiB, 64_MiB, huge), {.rate = Bytes{0}});
    machine->charge_moves(&clock, std::chrono::microseconds(500), 40e-3 / (2 << 20));
    MigrationRequest large = promote(0);
    large.range.end = kBase + (64_MiB).value;
    const auto r = run(plan(1, {large})).at(0);
    EXPECT_EQ(r.fate, MoveFate::kMoved);
    EXPECT_EQ(r.moved, 64_MiB);
    EXPECT_TRUE(r.pages.balanced());
    const BatchCalls calls = migrator->totals().calls;
    if (huge) {
      EXPECT_LE(calls.attempts, 32u + 32u) << "the first one's calls, then one a huge page";
    } else {
      EXPECT_LT(calls.worst, std::chrono::milliseconds(10));
      EXPECT_LT(calls.attempts, (64_MiB).value / (128_KiB).value) << "smaller than need be";
    }
  }
}

TEST_F(MigratorTest, WhatIsWithdrawnIsStaleAndWhatMovesIsListedUntilItIsReported) {
  build(two_tiers(1_GiB, 16_MiB));
  migrator->submit(plan(1, {promote(0), demote(1), promote(2)}));
  std::vector<MoveUnderWay> all, moving;
  machine->on_move([&] {
    machine->on_move({});
    all = migrator->under_way();
    moving = migrator->withdraw();
  });
  executor->run_once();
  EXPECT_EQ(all.size(), 3u);
  ASSERT_EQ(moving.size(), 1u);
  EXPECT_EQ(moving[0].key, promote(0).key);
  EXPECT_EQ(moving[0].to, kFast);
  EXPECT_EQ(moving[0].bytes, 2_MiB);
  EXPECT_TRUE(migrator->idle());
  EXPECT_EQ(migrator->withdraw().size(), 1u) << "it has moved and is not reported yet";
  std::map<std::uint64_t, MoveFate> fates;
  for (const auto& r : migrator->take_reports()) fates[r.request_id] = r.fate;
  const std::map<std::uint64_t, MoveFate> expected = {
      {0, MoveFate::kMoved}, {1001, MoveFate::kStale}, {2, MoveFate::kStale}};
  EXPECT_EQ(fates, expected);
  EXPECT_TRUE(migrator->withdraw().empty());
}

TEST_F(MigratorTest, WhatHasBegunOutlivesANewerPlanThatHasRequests) {
  build(two_tiers(1_GiB, 16_MiB));
  MigrationRequest large = promote(0);
  large.range.end = kBase + (8_MiB).value;
  large.bytes = 8_MiB;
  migrator->submit(plan(1, {large, promote(5)}));
  executor->run_once();
  EXPECT_EQ(migrator->under_way().front().bytes, 6_MiB) << "what is still to come";
  EXPECT_EQ(migrator->withdraw().size(), 1u);
  migrator->submit(plan(2, {promote(6)}));
  run_all();
  std::map<std::uint64_t, MoveFate> fates;
  for (const auto& r : migrator->take_reports()) fates[r.request_id] = r.fate;
  const std::map<std::uint64_t, MoveFate> expected = {
      {0, MoveFate::kMoved}, {5, MoveFate::kStale}, {6, MoveFate::kMoved}};
  EXPECT_EQ(fates, expected);
}

// Whatever goes wrong, every page of every request has exactly one fate, and "moved" means moved.
class MigratorPropertyTest : public MigratorTest, public testing::WithParamInterface<unsigned> {};

TEST_P(MigratorPropertyTest, AccountsAreExactUnderRandomTrouble) {
  std::mt19937 random(GetParam());
  const auto pick = [&](unsigned below) { return random() % below; };
  const bool huge = pick(2) == 0;
  constexpr unsigned kRegions = 24;
  build(two_tiers(Bytes{(4 + pick(40)) * (1_MiB).value}, Bytes{kRegions * (2_MiB).value}, huge));
  const PageFinder finder(*machine, machine.get(), clock);
  if (pick(2) == 0) make_migrator({}, {&finder, machine.get(), machine.get()});
  const int errors[] = {EBUSY, EACCES, EPERM, EIO};
  std::uint64_t sequence = 0, requests = 0;
  for (int round = 0; round < 12; ++round) {
    const AddressRange spot = page_range(pick(kRegions), pick(400), 1 + pick(100));
    switch (pick(8)) {
      case 0:
        machine->refuse_pages(kProgram, spot, errors[pick(4)], static_cast<int>(pick(50)));
        break;
      case 1:
        machine->fail_migration(kProgram, spot, static_cast<int>(pick(50)));
        break;
      case 2:
        machine->fail_calls(errors[pick(4)], 1);
        break;
      case 3:
        if (!huge) machine->place(kProgram, spot, -1);
        break;
      case 4:
        machine->set_reserved(kFast, Bytes{pick(8) * (1_MiB).value});
        break;
      case 5:
        machine->set_online(kFast, pick(2) == 0);
        break;
      case 6:
        machine->mark(kProgram, spot);
        break;
      default:
        clock.advance(std::chrono::seconds(pick(20)));
    }
    std::vector<MigrationRequest> wanted;
    for (unsigned i = 0; i < 8; ++i) wanted.push_back(request(pick(kRegions), pick(2) == 0));
    requests += wanted.size();
    const Bytes fast_before = machine->resident_on(kProgram, kFast),
                slow_before = machine->resident_on(kProgram, kSlow);
    const auto reports = run(plan(++sequence, wanted));
    ASSERT_EQ(reports.size(), wanted.size());
    std::int64_t up = 0, down = 0;
    for (const auto& r : reports) {
      ASSERT_TRUE(r.pages.balanced()) << r.detail;
      ASSERT_EQ(r.pages.requested, kPagesPerRegion);
      (r.to == kFast ? up : down) += static_cast<std::int64_t>(r.moved.value);
    }
    const auto gained = [&](NodeId node, Bytes before) {
      return static_cast<std::int64_t>(machine->resident_on(kProgram, node).value) -
             static_cast<std::int64_t>(before.value);
    };
    ASSERT_EQ(gained(kFast, fast_before), up - down) << "round " << round;
    ASSERT_EQ(gained(kSlow, slow_before), down - up) << "round " << round;
  }
  const MigratorTotals totals = migrator->totals();
  EXPECT_TRUE(totals.pages.balanced());
  EXPECT_EQ(totals.pages.requested, requests * kPagesPerRegion);
  migrator.reset();  // before the finder
}

INSTANTIATE_TEST_SUITE_P(Seeds, MigratorPropertyTest, testing::Range(0U, 200U));

}  // namespace
}  // namespace tier
