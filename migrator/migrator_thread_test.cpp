// The migrator on its own thread: nothing here waits for time to pass, only for things to happen.
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
  }
  for (std::thread& thread : threads) thread.join();
  threaded.stop();
  taken += threaded.take_reports().size();
  EXPECT_EQ(taken, 2 * kPlans * 3) << "every request is reported exactly once";
}

TEST_F(MigratorTest, CancelBetweenTheCallsOfOneBatchDropsTheRest) {
  FakeMachine fake(two_tiers(1_GiB, 2_MiB));
  fake.fail_migration(kProgram, page_range(0, 100, 1));
  fake.refuse_pages(kProgram, page_range(0, 101, 1), EBUSY);  // ends the queue there: 102… stay untried
  std::atomic<bool> stop{false};
  fake.on_move([&] { stop = true; });
  BatchMover mover(fake, fake, clock, 4_KiB, 2_MiB);
  std::vector<Address> pages;
  for (std::uint64_t i = 0; i < kPagesPerRegion; ++i) pages.push_back(kBase + i * 4096);
  const auto handle = fake.open(kProgram, 7);
  ASSERT_TRUE(handle);
  const BatchResult result = mover.move({TargetId{1}, kProgram, kFast, pages}, **handle, stop);
  EXPECT_TRUE(result.pages.balanced());
  EXPECT_EQ(result.calls.attempts, 1u);
  EXPECT_EQ(result.pages.moved, 100u);
  EXPECT_EQ(result.pages.dropped, kPagesPerRegion - 100);
  EXPECT_FALSE(result.target_gone);
}

}  // namespace
}  // namespace tier
