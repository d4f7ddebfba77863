#include "tierd/daemon/target_set.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "platform/fake/fake_process_watch.h"
#include "tierd/daemon/listed_processes.h"

namespace tier {
namespace {

using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::SizeIs;
using testing::UnorderedElementsAre;

std::vector<int> pids(const std::vector<Target>& targets) {
  std::vector<int> out;
  out.reserve(targets.size());
  for (const auto& t : targets) out.push_back(t.pid.value);
  return out;
}

// Every case by events and by files: what is watched must be the same.
class TargetSetTest : public testing::TestWithParam<bool> {
 protected:
  TargetSet make(TargetSettings settings, Pid self = Pid{1}) {
    return TargetSet(table, std::move(settings), self, GetParam() ? &events : nullptr);
  }
  ListedProcesses table;
  FakeProcessWatch events{table};
};

INSTANTIATE_TEST_SUITE_P(Ways, TargetSetTest, testing::Bool(),
                         [](const auto& of) { return of.param ? "ByEvents" : "ByFiles"; });

TEST_P(TargetSetTest, WithNothingNamedWatchesBigProcessesButNeverItself) {
  table.add(10, "big", 1_GiB);
  table.add(11, "small", 1_MiB);
  table.add(12, "tierd", 1_GiB);
  TargetSet set = make({}, Pid{12});
  set.refresh();
  EXPECT_THAT(pids(set.targets()), ElementsAre(10));
}

TEST_P(TargetSetTest, NamesByPidCgroupAndExecutable) {
  table.add(10, "redis-server");
  table.add(11, "sqlite3");
  table.add(12, "other", 8_GiB);
  table.add(13, "helper", 1_MiB).cgroup = "/jobs/a/deep";
  table.add(14, "agent").cgroup = "/jobs/a";
  table.add(15, "helper").cgroup = "/jobs/ab";
  TargetSettings settings;
  settings.pids = {Pid{10}};
  settings.cgroups = {"jobs/a"};
  settings.executables = {"sqlite3"};
  settings.exclude = {"agent"};
  TargetSet set = make(settings);
  const auto changes = set.refresh();
  EXPECT_THAT(pids(set.targets()), UnorderedElementsAre(10, 11, 13));
  EXPECT_THAT(changes.added, SizeIs(3));
  EXPECT_THAT(set.refresh().added, IsEmpty());
}

TEST_P(TargetSetTest, TheNameItWasStartedByNamesItToo) {
  table.add(10, "redis-check-rdb").started_as = "redis-server";
  table.add(11, "redis-check-rdb").started_as = "redis-check-rdb";
  table.add(12, "busybox").started_as = "sh";
  TargetSettings settings;
  settings.executables = {"redis-server", "busybox"};
  settings.exclude = {"sh"};
  TargetSet set = make(settings);
  const auto changes = set.refresh();
  EXPECT_THAT(pids(set.targets()), ElementsAre(10));
  EXPECT_EQ(display_name(changes.added.at(0)), "redis-check-rdb (started as redis-server)");
}

TEST_P(TargetSetTest, WhereNoNameCanBeReadTheKernelsOwnCounts) {
  table.add(10, "");
  TargetSettings settings;
  settings.executables = {""};
  TargetSet set = make(settings);
  set.refresh();
  EXPECT_THAT(pids(set.targets()), ElementsAre(10));
}

TEST_P(TargetSetTest, PidReuseIsAnotherTarget) {
  table.add(10, "job", 1_GiB, 100);
  TargetSet set = make({});
  set.refresh();
  const TargetId first = set.targets().at(0).id;
  table.add(10, "job", 1_GiB, 200);
  const auto changes = set.refresh();
  EXPECT_THAT(changes.removed, ElementsAre(GoneTarget{first, GoneReason::kExited}));
  ASSERT_THAT(changes.added, SizeIs(1));
  EXPECT_NE(changes.added[0].id, first);
  EXPECT_EQ(set.find(first), nullptr);
}

TEST_P(TargetSetTest, ExecIsAnotherTargetOfTheSameFileToo) {
  table.add(10, "sh", 1_GiB, 100).program = 1;
  TargetSet set = make({});
  const TargetId first = set.refresh().added.at(0).id;
  EXPECT_EQ(set.targets().at(0).program, 1U);
  table.processes[10].program = 2;
  const auto changes = set.refresh();
  EXPECT_THAT(changes.removed, ElementsAre(GoneTarget{first, GoneReason::kReplaced}));
  EXPECT_THAT(changes.added, SizeIs(1));
  table.processes[10].name = "solver", table.processes[10].program = 3;
  EXPECT_THAT(set.refresh().added, SizeIs(1));
}

TEST_P(TargetSetTest, AProgramThatIsNoLongerNamedGoesWhenItIsExecuted) {
  table.add(10, "job").program = 1;
  TargetSettings settings;
  settings.executables = {"job"};
  TargetSet set = make(settings);
  set.refresh();
  table.processes[10].name = "other", table.processes[10].program = 2;
  const auto changes = set.refresh(false);
  EXPECT_THAT(changes.removed, ElementsAre(GoneTarget{TargetId{1}, GoneReason::kReplaced}));
  EXPECT_THAT(set.targets(), IsEmpty());
  EXPECT_THAT(set.refresh().added, IsEmpty());
}

TEST_P(TargetSetTest, ExitIsRemovedWithoutALookForNewOnes) {
  table.add(10, "job", 1_GiB);
  TargetSet set = make({});
  set.refresh();
  table.processes.clear();
  EXPECT_THAT(set.refresh(false).removed, ElementsAre(GoneTarget{TargetId{1}, GoneReason::kExited}));
  EXPECT_THAT(set.targets(), IsEmpty());
}

TEST_P(TargetSetTest, ATargetThatShrinksStaysUntilItIsHalfAsBig) {
  table.add(10, "job", 64_MiB);
  TargetSet set = make({});
  set.refresh();
  table.processes[10].resident = 40_MiB;
  EXPECT_THAT(set.refresh().removed, IsEmpty());
  table.processes[10].resident = 31_MiB;
  EXPECT_THAT(set.refresh().removed, ElementsAre(GoneTarget{TargetId{1}, GoneReason::kShrunk}));
  table.processes[10].resident = 40_MiB;
  EXPECT_THAT(set.refresh().added, IsEmpty());
}

TEST_P(TargetSetTest, SettingsThatNoLongerNameItSaySo) {
  table.add(10, "job"), table.add(11, "other");
  TargetSettings settings;
  settings.executables = {"job"};
  TargetSet set = make(settings);
  set.refresh();
  settings.executables = {"other"};
  set.set_settings(settings);
  const auto changes = set.refresh(false);
  EXPECT_THAT(changes.removed, ElementsAre(GoneTarget{TargetId{1}, GoneReason::kUnnamed}));
  EXPECT_THAT(pids(set.targets()), ElementsAre(11));
  EXPECT_EQ(gone_text(GoneReason::kUnnamed, settings), "the configuration names it no longer");
}

TEST_P(TargetSetTest, SaysOnceWhatItMayNotWatchAndWatchesItWhenItComes) {
  table.add(10, "secret");
  table.forbidden = {10};
  TargetSettings settings;
  settings.pids = {Pid{10}, Pid{77}};
  settings.cgroups = {"gone", "a/../b"};
  TargetSet set = make(settings);
  EXPECT_THAT(set.refresh().problems,
              UnorderedElementsAre(HasSubstr("no cgroup /gone"), HasSubstr("CAP_SYS_PTRACE"),
                                   HasSubstr("no process 77"), HasSubstr("is not a cgroup")));
  EXPECT_THAT(set.refresh().problems, IsEmpty());
  table.add(77, "job"), table.add(12, "job").cgroup = "/gone";
  EXPECT_THAT(set.refresh().problems, IsEmpty());
  EXPECT_THAT(pids(set.targets()), UnorderedElementsAre(12, 77));
  table.processes.erase(77);
  EXPECT_THAT(set.refresh().problems, ElementsAre(HasSubstr("no process 77"))) << "it is news again";
}

TEST_P(TargetSetTest, TheLimitKeepsTheBiggestAndDoesNotSwapThem) {
  for (int i = 0; i < 5; ++i)
    table.add(10 + i, "job", Bytes{(std::uint64_t{1} << 30) * static_cast<std::uint64_t>(i + 1)});
  TargetSettings settings;
  settings.limit = 2;
  TargetSet set = make(settings);
  const auto changes = set.refresh();
  EXPECT_THAT(pids(set.targets()), UnorderedElementsAre(13, 14));
  EXPECT_THAT(changes.problems, ElementsAre(AllOf(HasSubstr("more than 2"), HasSubstr("targets.limit"))));
  table.processes[10].resident = 64_GiB;
  EXPECT_THAT(set.refresh().removed, IsEmpty());
  table.processes.erase(14);
  EXPECT_THAT(set.refresh().removed, ElementsAre(GoneTarget{TargetId{1}, GoneReason::kExited}));
  EXPECT_THAT(pids(set.targets()), UnorderedElementsAre(13, 10));
  settings.limit = 1;
  set.set_settings(settings);
  EXPECT_THAT(set.refresh().removed, ElementsAre(GoneTarget{TargetId{2}, GoneReason::kCrowdedOut}));
  EXPECT_THAT(gone_text(GoneReason::kCrowdedOut, settings), HasSubstr("no longer among the 1 biggest"));
}

TEST_P(TargetSetTest, MoreThanOneRefreshCanAdmitComeInTheNextOnes) {
  for (int i = 0; i < 1000; ++i)
    table.add(100 + i, "job", Bytes{(std::uint64_t{65} << 20) + static_cast<std::uint64_t>(i)});
  TargetSettings settings;
  settings.executables = {"job"};
  settings.limit = 2000;
  TargetSet set = make(settings);
  for (int refresh = 0; refresh < 8; ++refresh) set.refresh(refresh == 0);
  EXPECT_EQ(set.targets().size(), 1000U);
}

TEST_P(TargetSetTest, FollowsUseAndSizeOfItsTargets) {
  table.add(10, "job", 1_GiB);
  TargetSet set = make({});
  set.refresh();
  table.processes[10].user_time = std::chrono::seconds(3);
  table.processes[10].resident = 2_GiB;
  set.refresh(false);
  EXPECT_EQ(set.targets().at(0).user_time, std::chrono::seconds(3));
  EXPECT_EQ(set.targets().at(0).resident, 2_GiB);
  EXPECT_TRUE(set.ran().at(0));
}

class TargetSetByEvents : public TargetSetTest {};
INSTANTIATE_TEST_SUITE_P(Only, TargetSetByEvents, testing::Values(true));

TEST_P(TargetSetByEvents, NewProgramsAreSeenWithoutWaitingForALookForNewOnes) {
  TargetSettings settings;
  settings.executables = {"job"};
  settings.cgroups = {"jobs"};
  TargetSet set = make(settings);
  set.refresh();
  table.add(10, "job"), table.add(11, "x").cgroup = "/jobs/x", table.add(12, "y");
  EXPECT_THAT(set.refresh(false).added, SizeIs(2));
  table.processes[12].cgroup = "/jobs";
  EXPECT_THAT(set.refresh(false).added, SizeIs(1));
  table.processes[12].cgroup = "/elsewhere";
  EXPECT_THAT(set.refresh(false).removed, ElementsAre(GoneTarget{TargetId{3}, GoneReason::kUnnamed}));
}

TEST_P(TargetSetByEvents, IdleTargetsAreNotReadAgain) {
  for (int i = 0; i < 200; ++i) table.add(100 + i, i < 100 ? "job" : "other");
  TargetSettings settings;
  settings.executables = {"job"};
  TargetSet set = make(settings);
  set.refresh();
  events.set_due(true);
  // The fake itself describes; what counts is what the set reads beyond that.
  const auto reads = [&] { return table.descriptions - events.state().looks * 200; };
  const std::uint64_t before = reads(), names = table.name_reads, groups = table.group_reads;
  for (int tick = 0; tick < 10; ++tick) set.refresh(tick % 5 == 0);
  EXPECT_EQ(reads(), before);
  EXPECT_EQ(table.name_reads, names);
  EXPECT_EQ(table.group_reads, groups);
  EXPECT_EQ(table.glances, 0U);
  EXPECT_FALSE(set.ran().at(0));
  table.processes[100].user_time = Nanoseconds(1);
  set.refresh(false);
  EXPECT_TRUE(set.ran().at(0));
}

TEST_P(TargetSetByEvents, OtherNodesOrAnotherOwnerAreReadAgain) {
  table.add(10, "job");
  TargetSet set = make({});
  set.refresh();
  table.processes[10].allowed_nodes = {NodeId{1}}, table.processes[10].uid = 33;
  const auto changes = set.refresh(false);
  EXPECT_THAT(changes.removed, IsEmpty());
  EXPECT_EQ(set.targets().at(0).allowed_nodes, std::vector<NodeId>{NodeId{1}});
  EXPECT_EQ(set.targets().at(0).uid, 33U);
}

TEST_P(TargetSetByEvents, WhereNoLookWasDueNothingIsTakenForGone) {
  table.add(10, "job");
  TargetSet set = make({});
  set.refresh();
  events.set_due(false);
  table.processes.clear();
  EXPECT_THAT(set.refresh().removed, IsEmpty());
  EXPECT_EQ(set.targets().size(), 1U);
  events.set_due(true);
  EXPECT_THAT(set.refresh(false).removed, SizeIs(1));
}

TEST_P(TargetSetByEvents, ALookThatFailsIsSaidOnceAndLosesNothing) {
  table.add(10, "job");
  TargetSet set = make({});
  set.refresh();
  events.fail_looks(true);
  EXPECT_THAT(set.refresh().problems, ElementsAre(HasSubstr("cannot be read")));
  EXPECT_THAT(set.refresh().problems, IsEmpty());
  EXPECT_THAT(pids(set.targets()), ElementsAre(10));
}

TEST(TargetSet, NamesAreShownWithoutControlCharacters) {
  Target target;
  target.name = "job\n";
  target.started_as = "\x1b[2J";
  EXPECT_EQ(display_name(target), "job\\n (started as \\x1b[2J)");
}

}  // namespace
}  // namespace tier
