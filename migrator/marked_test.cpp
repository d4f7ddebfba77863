// Pages that NUMA balancing has marked, and calls of which the kernel says nothing because some are pinned.
#include <gmock/gmock.h>

#include <cerrno>

#include "migrator/migrator_fixture.h"
#include "migrator/page_finder.h"

namespace tier {
namespace {

using testing::Each;
using testing::HasSubstr;

class MarkedTest : public MigratorTest {
 protected:
  void build_seeing(const FakeSpec& spec, PageFinderSettings settings = {}) {
    build(spec);
    finder = std::make_unique<PageFinder>(*machine, machine.get(), clock, settings);
    make_migrator({}, {finder.get(), machine.get(), machine.get()});
  }
  std::vector<Address> pages(std::uint64_t region) {
    std::vector<Address> all;
    const AddressRange range = page_range(region, 0, kPagesPerRegion);
    for (Address a = range.start; a < range.end; a += 4096) all.push_back(a);
    return all;
  }

  std::unique_ptr<PageFinder> finder;
};

TEST_F(MarkedTest, TheKernelHidesMarkedPagesAndTheFinderShowsThem) {
  build_seeing(two_tiers(1_GiB, 4_MiB));
  machine->mark(kProgram, page_range(0, 0, kPagesPerRegion));
  EXPECT_THAT(machine->locate(kProgram, pages(0)).status, Each(-ENOENT));
  EXPECT_THAT(finder->locate(kProgram, pages(0)).status, Each(kSlow.value));
  EXPECT_THAT(machine->locate(kProgram, pages(0)).status, Each(kSlow.value)) << "visible to everyone now";
  const MarkedTotals totals = finder->totals();
  EXPECT_EQ(totals.found, kPagesPerRegion);
  EXPECT_EQ(totals.visible, kPagesPerRegion);
  EXPECT_EQ(totals.left, 0u);
  EXPECT_EQ(totals.read, kPagesPerRegion);
}

TEST_F(MarkedTest, OneReadShowsAHugePage) {
  build_seeing(two_tiers(1_GiB, 4_MiB, true));
  machine->mark(kProgram, page_range(0, 0, 2 * kPagesPerRegion));
  EXPECT_THAT(machine->locate(kProgram, pages(1)).status, Each(-EFAULT));
  EXPECT_THAT(finder->locate(kProgram, pages(1)).status, Each(kSlow.value));
  EXPECT_EQ(machine->marked_reads(), 1u);
  EXPECT_THAT(machine->locate(kProgram, pages(0)).status, Each(-EFAULT)) << "its neighbour was not asked for";
}

TEST_F(MarkedTest, SwappedPagesAreNotRead) {
  build_seeing(two_tiers(1_GiB, 2_MiB));
  machine->place(kProgram, page_range(0, 100, 50), -1);
  machine->mark(kProgram, page_range(0, 0, 100));
  const auto status = finder->locate(kProgram, pages(0)).status;
  EXPECT_EQ(std::count(status.begin(), status.end(), -ENOENT), 50);
  EXPECT_EQ(machine->node_of(kProgram, page_range(0, 100, 1).start), std::nullopt)
      << "brought in by the reader";
}

TEST_F(MarkedTest, AnUnmarkedProcessIsReadNowhere) {
  build_seeing(two_tiers(1_GiB, 2_MiB));
  machine->mark(Pid{99}, {0, 4096});
  machine->place(kProgram, page_range(0, 0, 8), -1);
  finder->locate(kProgram, pages(0));
  EXPECT_EQ(machine->marked_reads(), 0u);
}

TEST_F(MarkedTest, AProcessThatHasGoneIsNoRefusal) {
  build_seeing(two_tiers(1_GiB, 2_MiB));
  machine->mark(kProgram, page_range(0, 0, 8));
  machine->exit(kProgram);
  EXPECT_EQ(finder->locate(kProgram, pages(0)).error_number, ESRCH);
  EXPECT_EQ(finder->totals().refused, 0u);
}

TEST_F(MarkedTest, BudgetAndLimitLeaveTheRestMarked) {
  build_seeing(two_tiers(1_GiB, 4_MiB), {.reads_per_second = 100, .reads_per_call = 2});
  machine->mark(kProgram, page_range(0, 0, 2 * kPagesPerRegion));
  const auto status = finder->locate(kProgram, pages(0)).status;
  EXPECT_EQ(std::count(status.begin(), status.end(), kSlow.value), 2);
  EXPECT_EQ(std::count(status.begin(), status.end(), kStatusMarked), 510);
  for (int i = 0; i < 60; ++i) finder->locate(kProgram, pages(0));
  EXPECT_GT(finder->wait(clock.now()).count(), 0);
  const auto reads = machine->marked_reads();
  EXPECT_LE(reads, 102u);
  finder->locate(kProgram, pages(1));
  EXPECT_EQ(machine->marked_reads(), reads) << "read beyond its budget";
  const MarkedTotals totals = finder->totals();
  EXPECT_EQ(totals.found, totals.visible + totals.left);
}

TEST_F(MarkedTest, MarkedMemoryMovesBothWaysAndIsCounted) {
  for (const bool huge : {false, true}) {
    build_seeing(two_tiers(1_GiB, 4_MiB, huge));
    machine->mark(kProgram, page_range(0, 0, kPagesPerRegion));
    auto r = run(plan(1, {promote(0)})).at(0);
    EXPECT_EQ(r.fate, MoveFate::kMoved) << r.detail;
    EXPECT_EQ(r.pages.moved, kPagesPerRegion);
    machine->mark(kProgram, page_range(0, 0, kPagesPerRegion));
    r = run(plan(2, {demote(0)})).at(0);
    EXPECT_EQ(r.pages.moved, kPagesPerRegion) << r.detail;
    EXPECT_EQ(migrator->totals().marked.found, 2 * kPagesPerRegion);
  }
}

TEST_F(MarkedTest, WithoutTheRightToReadTheyAreCountedApartAndTold) {
  build_seeing(two_tiers(1_GiB, 2_MiB));
  machine->mark(kProgram, page_range(0, 0, 100));
  machine->place(kProgram, page_range(0, 200, 12), -1);
  machine->forbid_reads(kProgram, true);
  const auto r = run(plan(1, {promote(0)})).at(0);
  EXPECT_EQ(r.pages.marked, 100u);
  EXPECT_EQ(r.pages.absent, 12u);
  EXPECT_EQ(r.pages.moved, kPagesPerRegion - 112);
  EXPECT_TRUE(r.pages.balanced());
  EXPECT_EQ(r.fate, MoveFate::kPartly);
  EXPECT_THAT(r.detail, HasSubstr("100 pages marked by NUMA balancing"));
  EXPECT_EQ(migrator->totals().pages.marked, 100u);
  EXPECT_EQ(migrator->totals().marked.error_number, EPERM);
}

TEST_F(MarkedTest, PagesMarkedWhileTheyMoveAreNotCalledAbsent) {
  build_seeing(two_tiers(1_GiB, 2_MiB));
  machine->fail_migration(kProgram, page_range(0, 7, 1));  // so that their places are looked at afterwards
  machine->on_move([this] { machine->mark(kProgram, page_range(0, 300, 100)); });
  machine->forbid_reads(kProgram, true);
  const auto r = run(plan(1, {promote(0)})).at(0);
  EXPECT_EQ(r.pages.absent, 0u);
  EXPECT_EQ(r.pages.marked, 100u);
  EXPECT_TRUE(r.pages.balanced());
}

TEST_F(MarkedTest, TheMigratorWaitsForTheBudgetInsteadOfFailing) {
  build_seeing(two_tiers(1_GiB, 16_MiB), {.reads_per_second = 512});
  machine->mark(kProgram, page_range(0, 0, 8 * kPagesPerRegion));
  std::vector<MigrationRequest> requests;
  for (std::uint64_t i = 0; i < 8; ++i) requests.push_back(promote(i));
  const Nanoseconds before = clock.now();
  for (const auto& r : run(plan(1, requests))) EXPECT_EQ(r.pages.moved, kPagesPerRegion) << r.detail;
  EXPECT_GT(seconds(clock.now() - before), 5) << "faster than its budget";
}

// With some pages of a call pinned the kernel leaves every status as it was, of the pages that moved too.
TEST_F(MarkedTest, WhereTheKernelSaysNothingThePlaceDecides) {
  for (const bool marked : {false, true}) {
    build_seeing(two_tiers(1_GiB, 2_MiB));
    machine->fail_migration(kProgram, page_range(0, 0, 1));  // pinned, at both ends and in the middle
    machine->fail_migration(kProgram, page_range(0, 255, 2));
    machine->fail_migration(kProgram, page_range(0, 511, 1));
    machine->place(kProgram, page_range(0, 10, 5), 0);   // there already
    machine->place(kProgram, page_range(0, 20, 6), -1);  // not resident
    machine->refuse_pages(kProgram, page_range(0, 400, 3), EACCES);
    if (marked) machine->mark(kProgram, page_range(0, 100, 50));
    const auto r = run(plan(1, {promote(0)})).at(0);
    EXPECT_EQ(r.fate, MoveFate::kPartly);
    EXPECT_EQ(r.pages.already_there, 5u);
    EXPECT_EQ(r.pages.absent, 6u);
    EXPECT_EQ(r.pages.failed, (std::map<int, std::uint64_t>{{EBUSY, 4}, {EACCES, 3}}));
    EXPECT_EQ(r.pages.moved, kPagesPerRegion - 18);
    EXPECT_EQ(machine->resident_on(kProgram, kFast), Bytes{(kPagesPerRegion - 13) * 4096});
  }
}

}  // namespace
}  // namespace tier
