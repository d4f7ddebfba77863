#include "platform/linux/sampling/damon_sysfs.h"

#include <gtest/gtest.h>

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

TEST(DamonSysfs, NamesTheFileThatCouldNotBeWritten) {
  const TemporaryTree tree(TreeDirectory{{"kdamonds/nr_kdamonds", "0\n"}});
  DamonSysfs sysfs(tree.root(), tree.root() + "/module");
  const auto claimed = sysfs.claim();
  ASSERT_FALSE(claimed);
  EXPECT_NE(claimed.error().message.find("nr_contexts"), std::string::npos);
}

}  // namespace
}  // namespace tier
