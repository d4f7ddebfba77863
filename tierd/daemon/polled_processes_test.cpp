#include "tierd/daemon/polled_processes.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tierd/daemon/listed_processes.h"

namespace tier {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

std::vector<int> seen(PolledProcesses& watch, const ProcessQuestion& question, bool renew) {
  const auto look = watch.look(question, renew);
  EXPECT_TRUE(look && look->looked);
  std::vector<int> pids;
  if (look)
    for (const SeenProcess& one : look->processes) pids.push_back(one.pid.value);
  return pids;
}

TEST(PolledProcesses, APassIsSpreadOverLooks) {
  ListedProcesses table;
  for (int pid = 1; pid <= 10; ++pid) table.add(pid, "job");
  PolledProcesses watch(table, {}, 4);
  const ProcessQuestion everybody;
  EXPECT_THAT(seen(watch, everybody, true), ElementsAre(1, 2, 3, 4));
  const std::uint64_t glances = table.glances;
  EXPECT_THAT(seen(watch, everybody, false), ElementsAre(5, 6, 7, 8));
  EXPECT_EQ(table.glances - glances, 4U);
  EXPECT_THAT(seen(watch, everybody, true), ElementsAre(9, 10)) << "the pass goes on";
  EXPECT_THAT(seen(watch, everybody, false), IsEmpty());
}

TEST(PolledProcesses, TellsOnceOfEveryProgramAndAlwaysOfThoseAskedFor) {
  ListedProcesses table;
  table.add(1, "job"), table.add(2, "sh");
  PolledProcesses watch(table);
  ProcessQuestion question;
  EXPECT_THAT(seen(watch, question, true), ElementsAre(1, 2));
  question.asked = {Pid{1}, Pid{9}};
  EXPECT_THAT(seen(watch, question, true), ElementsAre(1));
  table.processes[2].program = 5;
  EXPECT_THAT(seen(watch, question, true), ElementsAre(1, 2));
  EXPECT_THAT(seen(watch, question, true), ElementsAre(1));
  watch.forget();
  EXPECT_THAT(seen(watch, question, true), ElementsAre(1, 2));
  question.others = false;
  watch.forget();
  EXPECT_THAT(seen(watch, question, true), ElementsAre(1));
}

TEST(PolledProcesses, BySizeItTellsAtEveryPass) {
  ListedProcesses table;
  table.add(1, "big", 1_GiB), table.add(2, "small", 1_MiB), table.add(3, "kthreadd", {});
  PolledProcesses watch(table);
  ProcessQuestion question;
  question.minimum = 64_MiB;
  EXPECT_THAT(seen(watch, question, true), ElementsAre(1));
  table.processes[2].resident = 2_GiB;
  EXPECT_THAT(seen(watch, question, true), ElementsAre(1, 2));
}

TEST(PolledProcesses, KernelThreadsAreNotLookedAtAgainAtOnce) {
  ListedProcesses table;
  for (int pid = 1; pid <= 100; ++pid) table.add(pid, "kworker", {});
  PolledProcesses watch(table);
  seen(watch, {}, true);
  const std::uint64_t glances = table.glances;
  for (int pass = 0; pass < 8; ++pass) seen(watch, {}, true);
  EXPECT_EQ(table.glances, glances);
  for (int pid = 1; pid <= 100; ++pid) table.add(pid, "job", 1_MiB, 2);  // the numbers are used again
  std::size_t found = 0;
  for (int pass = 0; pass < 20; ++pass) found += seen(watch, {}, true).size();
  EXPECT_EQ(found, 100U);
}

}  // namespace
}  // namespace tier
