#include "tools/tier-lab/plugin/tier_options.h"

#include <gmock/gmock.h>

#include <sstream>

namespace tier::lab {
namespace {

using ::testing::HasSubstr;

PluginOptions full() {
  PluginOptions options;
  options.out = "/somewhere/events.jsonl";
  options.count = false;
  options.shift = 0;
  options.charge = true;
  options.own_clocks = true;
  options.llc = {1 << 20, 8, 128};
  options.ranges = {{0, 0x10000000, 0}, {0x100000000, 0x180000000, 1}};
  options.core = {10, 32, 224, 56};
  options.tiers = {{610, 620, 40'000}, {3051, 3052, 60'000}};
  options.latencies = {{{80'000, 81'000}, {240'000, 250'000}}, {{160'000, 162'000}, {240'000, 250'000}}};
  return options;
}

PluginOptions parsed(const std::string& arguments) {
  PluginOptions options;
  std::istringstream text(arguments.substr(1));
  for (std::string one; std::getline(text, one, ',');)
    EXPECT_TRUE(parse_plugin_argument(one, options)) << one;
  return options;
}

TEST(TierOptions, WhatTierLabWritesThePluginReads) {
  const PluginOptions sent = full(), got = parsed(plugin_arguments(sent));
  EXPECT_EQ(plugin_arguments(got), plugin_arguments(sent));
  EXPECT_EQ(got.out, sent.out);
  EXPECT_TRUE(got.charge);
  EXPECT_TRUE(got.own_clocks);
  EXPECT_FALSE(got.count);
  EXPECT_EQ(got.shift, 0U);
  EXPECT_EQ(got.llc.line_bytes, 128U);
  EXPECT_EQ(got.ranges[1].end, 0x180000000U);
  EXPECT_EQ(got.core.window, 224U);
  EXPECT_EQ(got.tiers[1].bank_ps, 60'000U);
  EXPECT_EQ(got.latencies[1][0].write_ps, 162'000U);
  EXPECT_EQ(plugin_options_problem(got, 2), "");
}

TEST(TierOptions, NonsenseIsRefused) {
  for (const char* bad : {"", "out", "out=", "charge=yes", "shift=64", "shift=x", "llc=1-2", "map=0-10",
                          "map=10-0-0", "map=0-10-99", "core=0-1-1-1", "core=1-1-1", "tier=1-2",
                          "latency=1-80-80", "latency=0-80", "latency=0--80-80", "colour=red"}) {
    PluginOptions options;
    EXPECT_FALSE(parse_plugin_argument(bad, options)) << bad;
  }
}

TEST(TierOptions, AChargeNeedsAllFigures) {
  PluginOptions options = full();
  EXPECT_THAT(plugin_options_problem(options, 3), HasSubstr("each vCPU"));
  options.tiers.pop_back();
  EXPECT_THAT(plugin_options_problem(options, 2), HasSubstr("one tier for each node"));
  options = full();
  options.latencies[0].pop_back();
  EXPECT_THAT(plugin_options_problem(options, 2), HasSubstr("a latency for each node"));
  options.charge = false;
  EXPECT_EQ(plugin_options_problem(options, 2), "");
  options.out.clear();
  EXPECT_THAT(plugin_options_problem(options, 2), HasSubstr("out=FILE"));
}

}  // namespace
}  // namespace tier::lab
