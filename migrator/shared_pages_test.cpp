// Pages that several processes map: found through all of them, moved once, refused without the right.
#include "migrator/shared_pages.h"

#include <cerrno>

#include "core/object_id.h"
#include "migrator/migrator_fixture.h"

namespace tier {
namespace {

constexpr std::uint64_t kPage = 4096;
constexpr Pid kOther{101};
constexpr Address kOtherBase = 0x90003000;
constexpr TargetId kObject{kFirstObjectId};

// Two processes that share 4 MiB at different addresses; each has touched what the test says.
class SharedPages : public MigratorTest {
 protected:
  SharedPages() {
    FakeSpec spec = two_tiers(1_GiB, 0_MiB);
    spec.processes[0].mappings = {buffers(kBase)};
    spec.processes.push_back({.pid = kOther.value, .start_time = 9, .mappings = {buffers(kOtherBase)}});
    build(spec);
  }
  static FakeMapping buffers(Address start) {
    return {.start = start, .size = 4_MiB, .node = -1, .backing = Backing::kShared, .object = 5};
  }
  void touch(Pid pid, std::uint64_t first, std::uint64_t count, int node = 1) {
    const Address start = (pid == kProgram ? kBase : kOtherBase) + first * kPage;
    machine->use(pid, {start, start + count * kPage}, node);
  }
  static MigrationRequest shared(std::uint64_t index, bool promotion = true) {
    MigrationRequest r = request(index, promotion);
    r.key.target = kObject;
    r.also = {{kOther, 9, kOtherBase + index * (2_MiB).value}};
    return r;
  }
  int node(Pid pid, std::uint64_t page) {
    const Address start = pid == kProgram ? kBase : kOtherBase;
    return machine->node_of(pid, start + page * kPage).value_or(NodeId{-1}).value;
  }
};

TEST_F(SharedPages, MoveOnceUnderAllWhoMapThem) {
  touch(kProgram, 0, 512);
  touch(kOther, 0, 512);
  const auto report = run(plan(1, {shared(0)})).at(0);
  EXPECT_EQ(report.fate, MoveFate::kMoved) << report.detail;
  EXPECT_EQ(report.pages.moved, 512u);
  EXPECT_TRUE(report.pages.balanced());
  EXPECT_EQ(node(kProgram, 3), 0);
  EXPECT_EQ(node(kOther, 3), 0);
  EXPECT_EQ(machine->free_on(kFast).value, (1_GiB).value - (2_MiB).value) << "one copy";
}

TEST_F(SharedPages, WhatOneProcessHasNotTouchedIsFoundThroughTheNext) {
  touch(kProgram, 0, 100);
  touch(kOther, 60, 300);
  const auto report = run(plan(1, {shared(0)})).at(0);
  EXPECT_EQ(report.fate, MoveFate::kMoved) << report.detail;
  EXPECT_EQ(report.pages.moved, 360u);
  EXPECT_EQ(report.pages.absent, 512u - 360u);
  EXPECT_EQ(report.pages.requested, 512u);
  EXPECT_TRUE(report.pages.balanced());
  EXPECT_EQ(node(kOther, 359), 0);
  EXPECT_EQ(node(kProgram, 0), 0);
}

TEST_F(SharedPages, GoOnThroughTheOthersWhenOneProcessIsGone) {
  touch(kProgram, 0, 512);
  touch(kOther, 0, 512);
  machine->exit(kProgram);
  auto report = run(plan(1, {shared(0)})).at(0);
  EXPECT_EQ(report.pages.moved, 512u) << report.detail;
  // It exits between the plan and the move.
  migrator->submit(plan(2, {shared(0, false)}));
  machine->exit(kOther);
  run_all();
  report = migrator->take_reports().at(0);
  EXPECT_EQ(report.fate, MoveFate::kTargetGone);
  EXPECT_EQ(report.pages.dropped, 512u);
  EXPECT_TRUE(report.pages.balanced());
}

TEST_F(SharedPages, AProcessThatExitsInBetweenCostsNothing) {
  touch(kProgram, 0, 512);
  touch(kOther, 0, 512);
  migrator->submit(plan(1, {shared(0)}));
  machine->exit(kProgram);
  run_all();
  const auto report = migrator->take_reports().at(0);
  EXPECT_EQ(report.fate, MoveFate::kMoved) << report.detail;
  EXPECT_EQ(report.pages.moved, 512u);
}

TEST_F(SharedPages, AFullNodeIsToldForPagesOfEveryProcess) {
  touch(kProgram, 0, 100);
  touch(kOther, 60, 300);
  machine->set_reserved(kFast, Bytes{(1_GiB).value - 10 * kPage});
  const auto report = run(plan(1, {shared(0)})).at(0);
  EXPECT_EQ(report.fate, MoveFate::kPartly) << report.detail;
  EXPECT_EQ(report.pages.moved, 10u);
  EXPECT_EQ(report.pages.moved + report.pages.failed.at(ENOMEM), 360u);
  EXPECT_TRUE(report.pages.balanced());
}

TEST_F(SharedPages, WithoutTheRightToMoveThemTheyStayAndAreTriedAgain) {
  touch(kProgram, 0, 512);
  touch(kOther, 0, 512);
  machine->forbid_move_all(true);
  auto report = run(plan(1, {shared(0)})).at(0);
  EXPECT_EQ(report.pages.failed.at(EACCES), 512u);
  EXPECT_NE(report.detail.find("CAP_SYS_NICE"), std::string::npos) << report.detail;
  EXPECT_FALSE(report.unmovable) << "the others may go";
  machine->exit(kOther);
  clock.advance(std::chrono::seconds(1));
  report = run(plan(2, {shared(0)})).at(0);
  EXPECT_EQ(report.fate, MoveFate::kMoved) << report.detail;
}

TEST_F(SharedPages, MemoryOfOnesOwnIsNeverMovedUnderOthers) {
  touch(kProgram, 0, 512);
  touch(kOther, 0, 512);
  const auto report = run(plan(1, {request(0, true)})).at(0);
  EXPECT_EQ(report.pages.failed.at(EACCES), 512u) << "the request is of a process, not of an object";
  EXPECT_EQ(node(kOther, 0), 1);
}

TEST_F(SharedPages, PlacesAreLookedForThroughAll) {
  touch(kProgram, 0, 1, 0);
  touch(kOther, 1, 1, 1);
  const std::vector<Address> pages = {kBase, kBase + kPage, kBase + 2 * kPage};
  const std::vector<ProcessView> also = {{kOther, 9, kOtherBase}};
  EXPECT_EQ(locate_through(*machine, kProgram, pages, kBase, also).status, (std::vector<int>{0, 1, -ENOENT}));
  machine->exit(kProgram);
  const PageCall call = locate_through(*machine, kProgram, pages, kBase, also);
  EXPECT_EQ(call.value, 0);
  EXPECT_EQ(call.status, (std::vector<int>{-ENOENT, 1, -ENOENT}));
  machine->exit(kOther);
  EXPECT_EQ(locate_through(*machine, kProgram, pages, kBase, also).error_number, ESRCH);
}

}  // namespace
}  // namespace tier
