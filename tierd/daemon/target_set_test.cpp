#include "tierd/daemon/target_set.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>

namespace tier {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::SizeIs;

// Processes and cgroups from literals.
class ListedProcesses final : public ProcessTable {
 public:
  std::map<int, Target> processes;
  std::map<std::string, std::vector<Pid>> cgroups;
  std::vector<int> forbidden;

  void add(int pid, std::string name, Bytes resident = 128_MiB, std::uint64_t start = 1) {
    Target t;
    t.pid = Pid{pid};
    t.name = std::move(name);
    t.resident = resident;
    t.start_time = start;
    processes[pid] = t;
  }
  Result<std::vector<Pid>> list() const override {
    std::vector<Pid> pids;
    for (const auto& [pid, t] : processes) pids.push_back(Pid{pid});
    return pids;
  }
  Result<Target> describe(Pid pid) const override {
    if (std::find(forbidden.begin(), forbidden.end(), pid.value) != forbidden.end()) {
      return fail(ErrorKind::kPermission, "process " + std::to_string(pid.value) + " may not be read",
                  "CAP_SYS_PTRACE");
    }
    const auto it = processes.find(pid.value);
    if (it == processes.end()) return fail(ErrorKind::kFailed, "no process " + std::to_string(pid.value));
    return it->second;
  }
  Result<std::vector<Pid>> in_cgroup(const std::string& path) const override {
    const auto it = cgroups.find(path);
    if (it == cgroups.end()) return fail(ErrorKind::kFailed, "no cgroup " + path, "check [targets] cgroups");
    return it->second;
  }
  Result<std::vector<Mapping>> mappings(Pid) const override { return std::vector<Mapping>{}; }
  std::uint64_t mappings_version(Pid) const override { return 0; }
  Result<std::unique_ptr<ProcessHandle>> open(Pid, std::uint64_t) const override {
    return fail(ErrorKind::kFailed, "not here");
  }
  Bytes base_page_size() const override { return 4_KiB; }
};

std::vector<int> pids(const std::vector<Target>& targets) {
  std::vector<int> out;
  for (const auto& t : targets) out.push_back(t.pid.value);
  return out;
}

TEST(TargetSet, WithNothingNamedWatchesBigProcessesButNeverItself) {
  ListedProcesses table;
  table.add(10, "big", 1_GiB);
  table.add(11, "small", 1_MiB);
  table.add(12, "tierd", 1_GiB);
  TargetSet set(table, {}, Pid{12});
  set.refresh();
  EXPECT_THAT(pids(set.targets()), ElementsAre(10));
}

TEST(TargetSet, NamesByPidCgroupAndExecutable) {
  ListedProcesses table;
  table.add(10, "redis-server");
  table.add(11, "sqlite3");
  table.add(12, "other", 8_GiB);
  table.add(13, "helper", 1_MiB);
  table.add(14, "agent");
  table.cgroups["jobs/a"] = {Pid{13}, Pid{14}};
  TargetSettings settings;
  settings.pids = {Pid{10}};
  settings.cgroups = {"jobs/a"};
  settings.executables = {"sqlite3"};
  settings.exclude = {"agent"};
  TargetSet set(table, settings, Pid{1});
  const auto changes = set.refresh();
  EXPECT_THAT(pids(set.targets()), testing::UnorderedElementsAre(10, 11, 13));
  EXPECT_THAT(changes.added, SizeIs(3));
  EXPECT_THAT(set.refresh().added, IsEmpty());
}

TEST(TargetSet, PidReuseIsAnotherTarget) {
  ListedProcesses table;
  table.add(10, "job", 1_GiB, 100);
  TargetSet set(table, {}, Pid{1});
  set.refresh();
  const TargetId first = set.targets().at(0).id;
  table.add(10, "job", 1_GiB, 200);
  const auto changes = set.refresh();
  EXPECT_THAT(changes.removed, ElementsAre(first));
  ASSERT_THAT(changes.added, SizeIs(1));
  EXPECT_NE(changes.added[0].id, first);
  EXPECT_EQ(set.find(first), nullptr);
}

TEST(TargetSet, ExecIsAnotherTarget) {
  ListedProcesses table;
  table.add(10, "sh", 1_GiB, 100);
  TargetSet set(table, {}, Pid{1});
  set.refresh();
  table.add(10, "solver", 1_GiB, 100);
  const auto changes = set.refresh();
  EXPECT_THAT(changes.removed, SizeIs(1));
  EXPECT_THAT(changes.added, SizeIs(1));
}

TEST(TargetSet, ExitIsRemoved) {
  ListedProcesses table;
  table.add(10, "job", 1_GiB);
  TargetSet set(table, {}, Pid{1});
  set.refresh();
  table.processes.clear();
  EXPECT_THAT(set.refresh().removed, SizeIs(1));
  EXPECT_THAT(set.targets(), IsEmpty());
}

TEST(TargetSet, TheCheapLookOnlyLosesTargets) {
  ListedProcesses table;
  table.add(10, "sh", 1_GiB);
  TargetSet set(table, {}, Pid{1});
  set.refresh();
  table.add(10, "solver", 1_GiB);
  table.add(11, "other", 1_GiB);
  const auto changes = set.refresh(false);
  EXPECT_THAT(changes.removed, SizeIs(1));
  EXPECT_THAT(changes.added, IsEmpty());
  EXPECT_THAT(set.refresh().added, SizeIs(2));
}

TEST(TargetSet, SaysOnceWhatItMayNotWatch) {
  ListedProcesses table;
  table.add(10, "secret");
  table.forbidden = {10};
  TargetSettings settings;
  settings.pids = {Pid{10}};
  settings.cgroups = {"gone"};
  TargetSet set(table, settings, Pid{1});
  EXPECT_THAT(set.refresh().problems,
              testing::UnorderedElementsAre(HasSubstr("no cgroup gone"), HasSubstr("CAP_SYS_PTRACE")));
  EXPECT_THAT(set.refresh().problems, IsEmpty());
}

TEST(TargetSet, TheLimitKeepsTheBiggest) {
  ListedProcesses table;
  for (int i = 0; i < 5; ++i) table.add(10 + i, "job", Bytes{(1ULL << 30) * (i + 1)});
  TargetSettings settings;
  settings.limit = 2;
  TargetSet set(table, settings, Pid{1});
  const auto changes = set.refresh();
  EXPECT_THAT(pids(set.targets()), testing::UnorderedElementsAre(13, 14));
  EXPECT_THAT(changes.problems, SizeIs(1));
}

}  // namespace
}  // namespace tier
