#include "sim/machine/description.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>

#include "sim/machine/loaded_latency.h"
#include "sim/machine/machine_fixture.h"

namespace tier::sim {
namespace {

std::string written(const std::string& text) {
  const auto path = std::filesystem::path(testing::TempDir()) /
                    (std::string(testing::UnitTest::GetInstance()->current_test_info()->name()) + ".toml");
  std::ofstream(path) << text;
  return path.string();
}

TEST(MachineDescription, EveryPresetIsSoundAndNamesItsSource) {
  for (const MachineDescription& machine : machine_presets()) {
    EXPECT_TRUE(check(machine)) << machine.name;
    EXPECT_FALSE(machine.source.empty());
    EXPECT_TRUE(machine_preset(machine.name));
  }
  EXPECT_FALSE(machine_preset("pdp-11").has_value());
}

TEST(MachineDescription, TheRatioCountsSlowPartsPerFastPart) {
  const auto base = *machine_preset("ddr5-cxl");
  const auto machine = with_ratio(base, 9_GiB, 8);
  EXPECT_EQ(machine.tiers[0].capacity, 1_GiB);
  EXPECT_GE(machine.tiers[1].capacity, 9_GiB);
  const auto three = with_ratio(*machine_preset("hbm-ddr5-cxl"), 10_GiB, 1);
  EXPECT_NEAR(static_cast<double>(three.tiers[0].capacity.value + three.tiers[1].capacity.value),
              static_cast<double>((5_GiB).value), 2);
}

TEST(MachineDescription, WhatIsWrongIsNamed) {
  const auto refused = [](auto spoil) {
    MachineDescription machine = plain_machine(2);
    spoil(machine);
    const auto checked = check(machine);
    return checked ? std::string("accepted") : checked.error().message;
  };
  using testing::HasSubstr;
  EXPECT_THAT(refused([](auto& m) { m.tiers.clear(); }), HasSubstr("0 tiers"));
  EXPECT_THAT(refused([](auto& m) { m.tiers[1].bandwidth = 0; }), HasSubstr("slow lacks"));
  EXPECT_THAT(refused([](auto& m) { m.tiers[0].load_curve = {{0.5, 2}, {0.4, 3}}; }), HasSubstr("curve"));
  EXPECT_THAT(refused([](auto& m) { m.tiers[0].load_curve = {{0, 0.5}}; }), HasSubstr("curve"));
  EXPECT_THAT(refused([](auto& m) { m.tiers[0].background = -1; }), HasSubstr("background"));
  EXPECT_THAT(refused([](auto& m) { m.store_wait = 0; }), HasSubstr("store_wait"));
  EXPECT_THAT(refused([](auto& m) { m.migration.copy_bandwidth = 0; }), HasSubstr("migration"));
  EXPECT_THAT(refused([](auto& m) { m.cpus = 0; }), HasSubstr("CPUs"));
  EXPECT_THAT(refused([](auto& m) { m.huge_page = 1_KiB; }), HasSubstr("huge"));
  using testing::Not;
  EXPECT_THAT(refused([](auto& m) { m.name = "a\tb", m.tiers.clear(); }), Not(HasSubstr("\t")))
      << "names come from files: what cannot be printed is escaped";
  EXPECT_THAT(refused([](auto& m) { m.tiers[1].name = "c\x1b[2J", m.tiers[1].bandwidth = 0; }),
              Not(HasSubstr("\x1b")));
  EXPECT_FALSE(machine_preset("no\nsuch").has_value());
  EXPECT_THAT(machine_preset("no\nsuch").error().message, Not(HasSubstr("\n")));
}

TEST(MachineDescription, FilesAreReadAndWrongOnesRefusedByLine) {
  const std::string good = R"(
name = "mine"
cpus = 8
[migration]
fixed_us = 100
copy_gb_s = 2.5
[[tier]]
name = "near"
capacity_mib = 1024
latency_ns = 90
bandwidth_gb_s = 100
load_curve = [[0, 1], [1.0, 4]]
[[tier]]
name = "far"
capacity_mib = 8192
latency_ns = 250
bandwidth_gb_s = 20
background_gb_s = 1.5
[prefetch]
on = false
)";
  const auto machine = load_machine(written(good));
  ASSERT_TRUE(machine) << machine.error().text();
  EXPECT_EQ(machine->tiers[1].capacity, 8_GiB);
  EXPECT_DOUBLE_EQ(machine->tiers[1].background, 1.5e9);
  EXPECT_EQ(machine->migration.fixed, std::chrono::microseconds(100));
  EXPECT_FALSE(machine->prefetch.on);
  EXPECT_DOUBLE_EQ(machine->tiers[0].load_curve[1].factor, 4);

  const auto unknown = load_machine(written(good.substr(0, good.find("[prefetch]")) + "colour = \"red\"\n"));
  ASSERT_FALSE(unknown);
  EXPECT_THAT(unknown.error().message, testing::HasSubstr("tier[1].colour"));
  const auto broken = load_machine(written("name = \n"));
  ASSERT_FALSE(broken);
  EXPECT_THAT(broken.error().message, testing::HasSubstr(".toml:1"));
  const auto curve = load_machine(written("[[tier]]\nload_curve = [1, 2]\n"));
  ASSERT_FALSE(curve);
  EXPECT_THAT(curve.error().message, testing::HasSubstr("load_curve"));
  EXPECT_FALSE(load_machine("/nonexistent.toml").has_value());
}

// "nan" is a number of TOML.
TEST(MachineDescription, WhatIsNoNumberIsRefused) {
  const std::string rest = R"(
[[tier]]
name = "near"
capacity_mib = 1024
latency_ns = 90
bandwidth_gb_s = 100
)";
  ASSERT_TRUE(load_machine(written("[migration]\nfixed_us = 1" + rest)));
  for (const char* key : {"fixed_us", "per_page_us", "interruption_us", "copy_gb_s"}) {
    const auto machine = load_machine(written(std::string("[migration]\n") + key + " = nan" + rest));
    ASSERT_FALSE(machine) << key;
    EXPECT_THAT(machine.error().message, testing::HasSubstr(std::string(key) + " must be a number from 0"));
  }
  const auto curve = load_machine(written(rest + "load_curve = [[nan, 1]]\n"));
  ASSERT_FALSE(curve);
  EXPECT_THAT(curve.error().message, testing::HasSubstr("no curve"));
}

TEST(LoadFactor, FollowsTheCurveAndRisesBeyondIt) {
  TierDescription tier;
  tier.load_curve = {{0, 1}, {0.5, 2}, {1, 4}};
  EXPECT_DOUBLE_EQ(load_factor(tier, 0.25), 1.5);
  EXPECT_DOUBLE_EQ(load_factor(tier, 0.75), 3);
  EXPECT_DOUBLE_EQ(load_factor(tier, 1), 4);
  EXPECT_GT(load_factor(tier, 1.1), 8);
  tier.load_curve.clear();
  EXPECT_DOUBLE_EQ(load_factor(tier, 0.9), 1);
  EXPECT_GT(load_factor(tier, 1.1), 2);
}

}  // namespace
}  // namespace tier::sim
