#include "platform/linux/sampling/feature_probe.h"

#include <gtest/gtest.h>

#include "platform/fake/tree.h"

namespace tier {
namespace {

KernelTrials everything_works() {
  const auto works = [] { return Result<void>(); };
  return {works, works, works, works, works, [](const std::string&) { return true; }};
}

const TreeDirectory kGoodMachine = {
    {"sys/kernel/btf/vmlinux", "x"},
    {"sys/kernel/mm/damon/admin/kdamonds/nr_kdamonds", "0\n"},
    {"sys/bus/event_source/devices/cpu",
     TreeDirectory{{"type", "4\n"}, {"format/event", "config:0-7\n"}, {"events/mem-loads", "event=0xcd\n"}}},
    {"proc/self/status", "Name:\ttierd\nCapEff:\t000001ffffffffff\n"},
    {"proc/pressure/memory", "some avg10=0.00 avg60=0.00 avg300=0.00 total=0\n"},
    {"sys/devices/system/node/node0/access0/initiators/read_latency", "100\n"}};

FeatureState find(const std::vector<FeatureState>& all, Feature feature) {
  for (const FeatureState& state : all)
    if (state.feature == feature) return state;
  ADD_FAILURE() << "feature " << static_cast<int>(feature) << " was not probed";
  return {};
}

TEST(FeatureProbe, EveryFeatureInOrder) {
  const TemporaryTree tree(kGoodMachine);
  const auto all = LinuxFeatureProbe(tree.root(), everything_works()).probe();
  ASSERT_EQ(all.size(), static_cast<std::size_t>(Feature::kHmat) + 1);
  for (std::size_t i = 0; i < all.size(); ++i) {
    EXPECT_EQ(static_cast<std::size_t>(all[i].feature), i);
    EXPECT_TRUE(all[i].present) << all[i].name << ": " << all[i].reason;
    EXPECT_FALSE(all[i].first_kernel.empty());
    EXPECT_FALSE(all[i].fix.empty());
  }
}

TEST(FeatureProbe, EmptyMachineHasReasonsAndFixes) {
  const TemporaryTree tree(TreeDirectory{{"proc/version", "x"}});
  KernelTrials trials;
  const auto fails = [] { return Result<void>(fail(ErrorKind::kPermission, "EPERM", "be root")); };
  trials = {fails, fails, fails, fails, fails, [](const std::string&) { return false; }};
  for (const FeatureState& state : LinuxFeatureProbe(tree.root(), trials).probe()) {
    EXPECT_FALSE(state.present) << state.name;
    EXPECT_FALSE(state.reason.empty()) << state.name;
    EXPECT_FALSE(state.fix.empty()) << state.name;
  }
}

TEST(FeatureProbe, SomebodyElsesDamon) {
  TemporaryTree tree(kGoodMachine);
  tree.write("sys/kernel/mm/damon/admin/kdamonds/nr_kdamonds", "1\n");
  const FeatureState damon =
      find(LinuxFeatureProbe(tree.root(), everything_works()).probe(), Feature::kDamonVaddr);
  EXPECT_FALSE(damon.present);
  EXPECT_NE(damon.reason.find("somebody else runs DAMON"), std::string::npos);
}

TEST(FeatureProbe, DamonLeftByAKilledTierdCanBeHad) {
  TemporaryTree tree(kGoodMachine);
  const std::string kdamonds = "sys/kernel/mm/damon/admin/kdamonds/";
  tree.write(kdamonds + "nr_kdamonds", "1\n");
  tree.write(kdamonds + "0/contexts/nr_contexts", "1\n");
  tree.write(kdamonds + "0/contexts/0/operations", "fvaddr\n");
  tree.write(kdamonds + "0/contexts/0/monitoring_attrs/intervals/update_us", "3600000000\n");
  tree.write("proc/sys/kernel/random/boot_id", "this-boot\n");
  tree.write("run/tierd/damon.claim", "this-boot 4711\n");
  const auto damon = [&] {
    return find(LinuxFeatureProbe(tree.root(), everything_works()).probe(), Feature::kDamonVaddr);
  };
  EXPECT_TRUE(damon().present) << damon().reason;
  tree.write("proc/sys/kernel/random/boot_id", "another-boot\n");
  EXPECT_FALSE(damon().present);
}

TEST(FeatureProbe, MissingCapabilitiesAreNamed) {
  TemporaryTree tree(kGoodMachine);
  tree.write("proc/self/status", "CapEff:\t0000000000080000\n");  // CAP_SYS_PTRACE alone
  const FeatureState move =
      find(LinuxFeatureProbe(tree.root(), everything_works()).probe(), Feature::kMovePages);
  EXPECT_FALSE(move.present);
  EXPECT_NE(move.reason.find("CAP_SYS_NICE"), std::string::npos);
  EXPECT_EQ(move.reason.find("CAP_SYS_PTRACE"), std::string::npos);
}

TEST(FeatureProbe, NoBtf) {
  const TemporaryTree tree(TreeDirectory{{"proc/version", "x"}});
  const FeatureState btf = find(LinuxFeatureProbe(tree.root(), everything_works()).probe(), Feature::kBtf);
  EXPECT_FALSE(btf.present);
  EXPECT_NE(btf.fix.find("CONFIG_DEBUG_INFO_BTF"), std::string::npos);
  EXPECT_EQ(btf.first_kernel, "5.4");
}

}  // namespace
}  // namespace tier
