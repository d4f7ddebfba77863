#include "tierd/daemon/unmatched.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tierd/daemon/listed_processes.h"

namespace tier {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

TargetSettings three_names() {
  TargetSettings settings;
  settings.executables = {"redis-srver", "sqlite3"};
  settings.cgroups = {"/jobs/a"};
  settings.pids = {Pid{77}};
  return settings;
}

TEST(Unmatched, SaysWhatANameWasComparedWithAndWhatIsNearest) {
  ListedProcesses table;
  table.add(10, "redis-check-rdb").started_as = "redis-server";
  table.add(11, "sqlite3");
  EXPECT_THAT(unmatched_targets(three_names(), table),
              ElementsAre(AllOf(HasSubstr("no process is called \"redis-srver\""),
                                HasSubstr("the name that it was started by"),
                                HasSubstr("the nearest is \"redis-server\"")),
                          HasSubstr("control group \"/jobs/a\""), HasSubstr("no process 77")));
}

TEST(Unmatched, IsSilentWhereEverythingMatches) {
  ListedProcesses table;
  table.add(10, "redis-srver").cgroup = "/jobs/a";
  table.add(77, "sqlite3");
  EXPECT_THAT(unmatched_targets(three_names(), table), IsEmpty());
}

TEST(Unmatched, RepeatsNoOverlongNames) {
  TargetSettings settings;
  settings.executables = {std::string(5000, '9')};
  EXPECT_LT(unmatched_targets(settings, ListedProcesses{}).at(0).size(), 350U);
}

TEST(Unmatched, TheDaemonTellsTheSameOfWhatItHasSeen) {
  ListedProcesses table;
  table.add(10, "redis-server");
  table.add(11, "sqlite3").cgroup = "/jobs/b";
  TargetSet set(table, three_names(), Pid{1});
  EXPECT_THAT(set.unmatched(), IsEmpty()) << "it has not looked yet";
  set.refresh();
  EXPECT_THAT(set.unmatched(),
              ElementsAre(HasSubstr("the nearest is \"redis-server\""),
                          HasSubstr("control group \"/jobs/a\""), HasSubstr("no process 77")));
  table.add(12, "redis-srver").cgroup = "/jobs/a/deep";
  table.add(77, "job");
  set.refresh();
  EXPECT_THAT(set.unmatched(), IsEmpty());
}

TEST(Unmatched, AnExcludedProcessIsNotCalledAbsent) {
  ListedProcesses table;
  table.add(10, "redis-server").started_as = "agent";
  TargetSettings settings;
  settings.executables = {"redis-server"};
  settings.exclude = {"agent"};
  TargetSet set(table, settings, Pid{1});
  set.refresh();
  EXPECT_THAT(set.unmatched(), ElementsAre(HasSubstr("targets.exclude names them")));
}

}  // namespace
}  // namespace tier
