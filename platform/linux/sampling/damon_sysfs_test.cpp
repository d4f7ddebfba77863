#include "platform/linux/sampling/damon_sysfs.h"

#include <gtest/gtest.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include "platform/api/file_descriptor.h"
#include "platform/fake/tree.h"
#include "platform/linux/file.h"

namespace tier {
namespace {

TreeDirectory region() { return {{"start", "0"}, {"end", "0"}}; }

// As the kernel shows it after the claim; plain files, so folders are all there from the start.
TreeDirectory damon(const char* kdamonds) {
  const TreeDirectory target = {
      {"pid_target", "0"}, {"regions/nr_regions", "0"}, {"regions/0", region()}, {"regions/1", region()}};
  const TreeDirectory context = {{"operations", "vaddr"},
                                 {"monitoring_attrs/intervals/sample_us", "5000"},
                                 {"monitoring_attrs/intervals/aggr_us", "100000"},
                                 {"monitoring_attrs/intervals/update_us", "1000000"},
                                 {"monitoring_attrs/nr_regions/min", "10"},
                                 {"monitoring_attrs/nr_regions/max", "1000"},
                                 {"targets/nr_targets", "0"},
                                 {"targets/0", target}};
  return {{"kdamonds/nr_kdamonds", kdamonds},
          {"kdamonds/0/state", "off\n"},
          {"kdamonds/0/pid", "77\n"},
          {"kdamonds/0/contexts/nr_contexts", "0"},
          {"kdamonds/0/contexts/0", context}};
}

std::string text(const TemporaryTree& tree, const std::string& path) {
  return *read_file(tree.root() + "/kdamonds/" + path);
}

TEST(DamonSysfs, RefusesWhatBelongsToSomebodyElse) {
  const TemporaryTree tree(damon("1\n"));
  DamonSysfs sysfs(tree.root(), tree.root() + "/module");
  const auto claimed = sysfs.claim();
  ASSERT_FALSE(claimed);
  EXPECT_NE(claimed.error().message.find("somebody else runs DAMON"), std::string::npos);
  sysfs.release();
  EXPECT_EQ(text(tree, "nr_kdamonds"), "1\n");  // untouched
  EXPECT_EQ(text(tree, "0/contexts/nr_contexts"), "0");
}

TEST(DamonSysfs, RefusesBesideTheKernelsOwnUser) {
  TreeDirectory entries = damon("0\n");
  entries.push_back({"module/damon_stat/parameters/enabled", "Y\n"});
  const TemporaryTree tree(entries);
  DamonSysfs sysfs(tree.root(), tree.root() + "/module");
  const auto claimed = sysfs.claim();
  ASSERT_FALSE(claimed);
  EXPECT_NE(claimed.error().message.find("damon_stat"), std::string::npos);
  EXPECT_EQ(text(tree, "nr_kdamonds"), "0\n");
}

TEST(DamonSysfs, SaysWhenThereIsNoDamon) {
  const TemporaryTree tree(TreeDirectory{{"other", "1"}});
  DamonSysfs sysfs(tree.root(), tree.root() + "/module");
  const auto claimed = sysfs.claim();
  ASSERT_FALSE(claimed);
  EXPECT_EQ(claimed.error().kind, ErrorKind::kUnsupported);
  EXPECT_NE(claimed.error().fix.find("CONFIG_DAMON_SYSFS"), std::string::npos);
}

TEST(DamonSysfs, RunsTargetsAndGivesBack) {
  const TemporaryTree tree(damon("0\n"));
  {
    DamonSysfs sysfs(tree.root(), tree.root() + "/module");
    ASSERT_TRUE(sysfs.claim());
    EXPECT_EQ(text(tree, "nr_kdamonds"), "1");
    EXPECT_EQ(text(tree, "0/contexts/0/operations"), "fvaddr");
    const std::vector<DamonTarget> targets = {{Pid{42}, {{0x200000, 0x400000}, {0x400000, 0x500000}}}};
    ASSERT_TRUE(sysfs.run(targets, {std::chrono::microseconds(500), std::chrono::milliseconds(10)}));
    EXPECT_EQ(text(tree, "0/state"), "on");
    EXPECT_EQ(text(tree, "0/contexts/0/targets/0/pid_target"), "42");
    EXPECT_EQ(text(tree, "0/contexts/0/targets/0/regions/1/end"), std::to_string(0x500000));
    EXPECT_EQ(text(tree, "0/contexts/0/monitoring_attrs/intervals/sample_us"), "500");
    EXPECT_EQ(text(tree, "0/contexts/0/monitoring_attrs/nr_regions/max"),
              "3");  // never below DAMON's minimum
    ASSERT_TRUE(sysfs.restart({std::chrono::milliseconds(5), std::chrono::milliseconds(100)}));
    EXPECT_EQ(text(tree, "0/state"), "on");
    EXPECT_EQ(text(tree, "0/contexts/0/monitoring_attrs/intervals/sample_us"), "5000");
    EXPECT_EQ(sysfs.kdamond_pid()->value, 77);
  }
  EXPECT_EQ(text(tree, "0/state"), "off");
  EXPECT_EQ(text(tree, "nr_kdamonds"), "0");
}

// As a tierd leaves it that is killed while its kdamond runs.
TreeDirectory left_behind(const char* record) {
  TreeDirectory entries = damon("1\n");
  entries.push_back({"boot_id", "0a1b2c3d-0000-0000-0000-000000000000\n"});
  entries.push_back({"run/damon.claim", record});
  return entries;
}
constexpr const char* kThisBoot = "0a1b2c3d-0000-0000-0000-000000000000 4711\n";

void make_ours(TemporaryTree& tree) {
  tree.write("kdamonds/0/state", "on\n");
  tree.write("kdamonds/0/contexts/nr_contexts", "1\n");
  tree.write("kdamonds/0/contexts/0/operations", "fvaddr\n");
  tree.write("kdamonds/0/contexts/0/monitoring_attrs/intervals/update_us", "3600000000\n");
}

DamonRecord record_in(const TemporaryTree& tree) {
  return DamonRecord(tree.root() + "/run", tree.root() + "/boot_id");
}

TEST(DamonSysfs, WhatAKilledTierdLeftIsTakenOver) {
  TemporaryTree tree(left_behind(kThisBoot));
  make_ours(tree);
  EXPECT_EQ(damon_owner(tree.root(), 1, record_in(tree)), DamonOwner::kKilledTierd);
  {
    DamonSysfs sysfs(tree.root(), tree.root() + "/module", record_in(tree));
    const auto claimed = sysfs.claim();
    ASSERT_TRUE(claimed) << claimed.error().text();
    EXPECT_EQ(text(tree, "0/state"), "off") << "its kdamond was stopped";
    EXPECT_EQ(text(tree, "nr_kdamonds"), "1");
    EXPECT_EQ(sysfs.unrecorded(), "");
    EXPECT_EQ(damon_owner(tree.root(), 1, record_in(tree)), DamonOwner::kThisProcess);
  }
  EXPECT_EQ(text(tree, "nr_kdamonds"), "0");
  EXPECT_EQ(record_in(tree).holder(), DamonRecord::Holder::kNone) << "given back";
}

TEST(DamonSysfs, EachClaimMarksItsContext) {
  TemporaryTree tree(left_behind(""));
  tree.write("kdamonds/nr_kdamonds", "0\n");
  DamonSysfs sysfs(tree.root(), tree.root() + "/module", record_in(tree));
  ASSERT_TRUE(sysfs.claim());
  EXPECT_EQ(text(tree, "0/contexts/0/monitoring_attrs/intervals/update_us"), "3600000000");
  EXPECT_EQ(text(tree, "0/contexts/0/operations"), "fvaddr");
}

void expect_refused(TemporaryTree& tree, const char* why) {
  DamonSysfs sysfs(tree.root(), tree.root() + "/module", record_in(tree));
  const auto claimed = sysfs.claim();
  ASSERT_FALSE(claimed);
  EXPECT_NE(claimed.error().message.find(why), std::string::npos) << claimed.error().message;
  EXPECT_FALSE(claimed.error().fix.empty());
  EXPECT_EQ(text(tree, "0/state"), "on\n") << "untouched";
}

TEST(DamonSysfs, WhatAStrangerHasRewrittenSinceIsHis) {
  const std::pair<const char*, const char*> rewritten[] = {
      {"kdamonds/0/contexts/0/operations", "vaddr\n"},
      {"kdamonds/0/contexts/0/monitoring_attrs/intervals/update_us", "1000000\n"},
      {"kdamonds/0/contexts/nr_contexts", "0\n"},
      {"kdamonds/nr_kdamonds", "2\n"}};
  for (const auto& [path, value] : rewritten) {
    TemporaryTree tree(left_behind(kThisBoot));
    make_ours(tree);
    tree.write(path, value);
    expect_refused(tree, "somebody else runs DAMON");
  }
}

TEST(DamonSysfs, ALooksAlikeWithoutARecordOfThisBootIsAStrangers) {
  for (const char* record : {"", "junk", "0a1b2c3d-0000-0000-0000-000000000000", "another-boot 4711\n"}) {
    TemporaryTree tree(left_behind(record));
    make_ours(tree);
    expect_refused(tree, "somebody else runs DAMON");
  }
}

TEST(DamonSysfs, ALivingTierdIsNamed) {
  TemporaryTree tree(left_behind(kThisBoot));
  make_ours(tree);
  int ready[2];
  ASSERT_EQ(pipe(ready), 0);
  const FileDescriptor reader(ready[0]), writer(ready[1]);
  const pid_t other = fork();
  if (other == 0) {
    DamonRecord record = record_in(tree);
    if (!record.hold().has_value() || write(writer.get(), "r", 1) != 1) _exit(1);
    pause();
  }
  char byte = 0;
  ASSERT_EQ(read(reader.get(), &byte, 1), 1);
  expect_refused(tree, "another tierd that runs uses DAMON");
  kill(other, SIGKILL);
  waitpid(other, nullptr, 0);
  EXPECT_EQ(damon_owner(tree.root(), 1, record_in(tree)), DamonOwner::kKilledTierd)
      << "the lock died with it";
}

TEST(DamonSysfs, WithoutARuntimeDirectoryItRunsAndSaysWhatIsLost) {
  TemporaryTree tree(damon("0\n"));
  DamonSysfs sysfs(tree.root(), tree.root() + "/module", DamonRecord(tree.root() + "/no/such"));
  ASSERT_TRUE(sysfs.claim());
  EXPECT_NE(sysfs.unrecorded().find("/no/such"), std::string::npos);
}

TEST(DamonSysfs, NamesTheFileThatCouldNotBeWritten) {
  const TemporaryTree tree(TreeDirectory{{"kdamonds/nr_kdamonds", "0\n"}});
  DamonSysfs sysfs(tree.root(), tree.root() + "/module");
  const auto claimed = sysfs.claim();
  ASSERT_FALSE(claimed);
  EXPECT_NE(claimed.error().message.find("nr_contexts"), std::string::npos);
}

}  // namespace
}  // namespace tier
