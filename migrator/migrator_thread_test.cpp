// The migrator on its own thread: nothing here waits for time to pass, only for things to happen.
#include <atomic>
#include <cerrno>
#include <condition_variable>
#include <mutex>
#include <thread>

#include "migrator/batch.h"
#include "migrator/migrator_fixture.h"

namespace tier {
namespace {

class Gate {
 public:
  void open() {
    std::lock_guard lock(mutex_);
    open_ = true;
    changed_.notify_all();
  }
  void wait() {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [this] { return open_; });
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  bool open_ = false;
};

// Calls `before` with the destination and the first page of each call, and counts calls that found no room.
class WatchedMover final : public PageMover {
 public:
  using Before = std::function<void(NodeId to, Address first)>;
  WatchedMover(FakeMachine& machine, Before before) : machine_(machine), before_(std::move(before)) {}
  PageCall move(Pid pid, std::span<const Address> pages, NodeId to, PageSharing sharing) override {
    before_(to, pages.front());
    PageCall call = machine_.move(pid, pages, to, sharing);
    full += call.value < 0 && call.error_number == ENOMEM;
    return call;
  }
  std::atomic<int> full{0};

 private:
  FakeMachine& machine_;
  Before before_;
};

std::vector<MigrationReport> collect(Migrator& migrator, std::size_t count) {
  std::vector<MigrationReport> reports;
  while (reports.size() < count) {
    for (auto& r : migrator.take_reports()) reports.push_back(std::move(r));
    std::this_thread::yield();
  }
  return reports;
}

TEST_F(MigratorTest, WorksOnAThreadOfItsOwn) {
  FakeMachine fake(two_tiers(1_GiB, 64_MiB));
  bool prepared = false;
  Migrator threaded(fake, fake, fake, clock, {.rate = Bytes{0}},
                    std::make_shared<ThreadExecutor>([&] { prepared = true; }));
  std::vector<MigrationRequest> requests;
  for (std::uint64_t i = 0; i < 32; ++i) requests.push_back(promote(i));
  threaded.submit(plan(1, requests));
  const auto reports = collect(threaded, requests.size());
  threaded.stop();
  EXPECT_TRUE(prepared);
  for (const auto& r : reports) EXPECT_EQ(r.fate, MoveFate::kMoved);
  EXPECT_EQ(fake.resident_on(kProgram, kFast), 64_MiB);
}

TEST_F(MigratorTest, AStuckCallDoesNotHoldUpTheOthers) {
  FakeMachine fake(two_tiers(1_GiB, 64_MiB));
  Gate go_on;
  WatchedMover mover(fake, [&](NodeId, Address first) {
    if (first < kBase + (2_MiB).value) go_on.wait();
  });
  Migrator threaded(mover, fake, fake, clock, {.rate = Bytes{0}});
  std::vector<MigrationRequest> requests;
  for (std::uint64_t i = 0; i < 32; ++i) requests.push_back(promote(i));
  threaded.submit(plan(1, requests));
  const auto others = collect(threaded, 31);
  for (std::size_t i = 0; i < others.size(); ++i) {
    EXPECT_EQ(others[i].request_id, i + 1) << "in the plan's order";
    EXPECT_EQ(others[i].fate, MoveFate::kMoved);
  }
  EXPECT_FALSE(threaded.idle());
  go_on.open();
  EXPECT_EQ(collect(threaded, 1).at(0).fate, MoveFate::kMoved);
}

TEST_F(MigratorTest, ARegionIsMovedByOneThreadAtATime) {
  FakeMachine fake(two_tiers(1_GiB, 64_MiB));
  Gate in_call, go_on;
  WatchedMover mover(fake, [&](NodeId to, Address first) {
    if (first >= kBase + (2_MiB).value) return;
    const auto last = fake.node_of(kProgram, kBase + (2_MiB).value - 4096);
    EXPECT_EQ(last, to == kFast ? kSlow : kFast) << "the way up ends before the way down begins";
    in_call.open();
    go_on.wait();
  });
  Migrator threaded(mover, fake, fake, clock, {.rate = Bytes{0}});
  threaded.submit(plan(1, {promote(0)}));
  in_call.wait();
  threaded.submit(plan(2, {demote(0), promote(1)}));
  EXPECT_EQ(collect(threaded, 1).at(0).request_id, 1u);
  go_on.open();
  const auto reports = collect(threaded, 2);
  EXPECT_EQ(reports.at(0).request_id, 0u);
  EXPECT_EQ(reports.at(1).request_id, 1000u);
  EXPECT_EQ(reports.at(1).moved, 2_MiB) << reports.at(1).detail;
  EXPECT_EQ(fake.node_of(kProgram, kBase), kSlow);
}

TEST_F(MigratorTest, APromotionWithoutRoomWaitsForTheDemotionInFlight) {
  for (int round = 0; round < 20; ++round) {
    FakeMachine fake(two_tiers(2_MiB, 8_MiB, true));
    fake.place(kProgram, page_range(0, 0, kPagesPerRegion), 0);
    Gate go_on;
    WatchedMover mover(fake, [&](NodeId to, Address) {
      if (to == kSlow) go_on.wait();
    });
    Migrator threaded(mover, fake, fake, clock, {.rate = Bytes{0}});
    threaded.submit(plan(1, {demote(0), promote(1)}));
    while (mover.full == 0) std::this_thread::yield();
    EXPECT_TRUE(threaded.take_reports().empty());
    go_on.open();
    const auto reports = collect(threaded, 2);
    EXPECT_EQ(reports.at(0).request_id, 1000u);
    EXPECT_EQ(reports.at(1).fate, MoveFate::kMoved) << reports.at(1).detail;
    EXPECT_EQ(fake.node_of(kProgram, promote(1).range.start), kFast);
  }
}

TEST_F(MigratorTest, SwapsBetweenTwoFullNodesComeToTheirEnd) {
  FakeSpec spec = two_tiers(8_MiB, 8_MiB, true, 0);
  spec.nodes[1].capacity = 10_MiB;
  spec.processes[0].mappings.push_back(
      {.start = kBase + (8_MiB).value, .size = 8_MiB, .node = 1, .huge = true});
  FakeMachine fake(spec);
  Migrator threaded(fake, fake, fake, clock, {.rate = Bytes{0}});
  std::vector<MigrationRequest> requests;
  for (std::uint64_t i = 0; i < 4; ++i) {
    requests.push_back(demote(i));
    requests.push_back(promote(4 + i));
  }
  threaded.submit(plan(1, requests));
  for (const auto& r : collect(threaded, 8)) EXPECT_EQ(r.fate, MoveFate::kMoved) << r.request_id << r.detail;
  EXPECT_EQ(fake.resident_on(kProgram, kFast), 8_MiB);
  EXPECT_EQ(fake.node_of(kProgram, kBase), kSlow);
}

TEST_F(MigratorTest, AnEmptyPlanEndsWhatAllThreadsMoveAfterTheirCalls) {
  FakeMachine fake(two_tiers(4_GiB, 1_GiB));
  Gate first, second, go_on;
  WatchedMover mover(fake, [&](NodeId, Address page) {
    (page < kBase + (512_MiB).value ? first : second).open();
    go_on.wait();
  });
  Migrator threaded(mover, fake, fake, clock, {.rate = Bytes{0}});
  MigrationRequest low = promote(0), high = promote(256);
  low.range.end = high.range.start;
  high.range.end = kBase + (1_GiB).value;
  threaded.submit(plan(1, {low, high}));
  first.wait(), second.wait();
  threaded.submit(plan(2, {}));
  go_on.open();
  std::uint64_t moved = 0;
  for (const auto& r : collect(threaded, 2)) {
    EXPECT_EQ(r.fate, MoveFate::kStale);
    EXPECT_TRUE(r.pages.balanced());
    EXPECT_EQ(r.pages.requested, (512_MiB).value / 4096);
    EXPECT_EQ(r.moved, 256_KiB) << "one call";
    moved += r.moved.value;
  }
  EXPECT_EQ(fake.resident_on(kProgram, kFast).value, moved);
  EXPECT_TRUE(threaded.idle());
}

TEST_F(MigratorTest, StopInTheMiddleOfACallWaitsForThatCallAlone) {
  FakeMachine fake(two_tiers(1_GiB, 64_MiB));
  Gate in_call, go_on;
  fake.on_move([&] { in_call.open(), go_on.wait(); });
  Migrator threaded(fake, fake, fake, clock);
  std::vector<MigrationRequest> requests;
  for (std::uint64_t i = 0; i < 32; ++i) requests.push_back(promote(i));
  threaded.submit(plan(1, requests));
  in_call.wait();
  EXPECT_FALSE(threaded.idle());
  std::thread stopper([&] { threaded.stop(); });
  go_on.open();
  stopper.join();
  EXPECT_TRUE(threaded.idle());
  const auto reports = threaded.take_reports();
  ASSERT_EQ(reports.size(), requests.size());
  std::uint64_t moved = 0;
  for (const auto& r : reports) {
    EXPECT_TRUE(r.pages.balanced());
    EXPECT_EQ(r.pages.requested, kPagesPerRegion);
    moved += r.moved.value;
  }
  EXPECT_EQ(fake.resident_on(kProgram, kFast).value, moved) << "what was moved is reported, cancelled or not";
}

TEST_F(MigratorTest, PlansReportsAndStopFromManyThreadsAtOnce) {
  FakeMachine fake(two_tiers(16_MiB, 64_MiB));
  fake.refuse_pages(kProgram, page_range(3, 0, 512), EBUSY);
  Migrator threaded(fake, fake, fake, clock, {.rate = Bytes{0}});
  constexpr std::uint64_t kPlans = 50;
  std::vector<std::thread> threads;
  for (std::uint64_t t = 0; t < 2; ++t)
    threads.emplace_back([&, t] {
      for (std::uint64_t i = 0; i < kPlans; ++i)
        threaded.submit(plan(2 * i + t, {promote(i % 32), demote((i + 9) % 32), promote(3)}));
    });
  std::size_t taken = 0;
  for (int i = 0; i < 100; ++i) {
    taken += threaded.take_reports().size();
    EXPECT_TRUE(threaded.totals().pages.balanced());
    EXPECT_GE(threaded.estimate().promotion.seconds_per_byte, 0);
    EXPECT_LE(threaded.under_way().size(), kPlans * 6);
    if (i % 10 == 0) threaded.withdraw();
  }
  for (std::thread& thread : threads) thread.join();
  threaded.stop();
  taken += threaded.take_reports().size();
  EXPECT_EQ(taken, 2 * kPlans * 3) << "every request is reported exactly once";
}

TEST_F(MigratorTest, CancelBetweenTheCallsOfOneBatchDropsTheRest) {
  FakeMachine fake(two_tiers(1_GiB, 2_MiB));
  fake.fail_migration(kProgram, page_range(0, 50, 1));
  fake.refuse_pages(kProgram, page_range(0, 51, 1), EBUSY);  // ends the queue there: 52… stay untried
  std::atomic<bool> stop{false};
  fake.on_move([&] { stop = true; });
  BatchMover mover(fake, fake, clock, 4_KiB, 2_MiB);
  std::vector<Address> pages;
  for (std::uint64_t i = 0; i < kPagesPerRegion; ++i) pages.push_back(kBase + i * 4096);
  const auto handle = fake.open(kProgram, 7);
  ASSERT_TRUE(handle);
  const BatchResult result =
      mover.move({TargetId{1}, kProgram, kFast, pages}, **handle, [&] { return stop.load(); });
  EXPECT_TRUE(result.pages.balanced());
  EXPECT_EQ(result.calls.attempts, 1u);
  EXPECT_EQ(result.pages.moved, 50u);
  EXPECT_EQ(result.pages.dropped, kPagesPerRegion - 50);
  EXPECT_FALSE(result.target_gone);
}

}  // namespace
}  // namespace tier
