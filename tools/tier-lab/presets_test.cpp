#include "tools/tier-lab/presets.h"

#include <gtest/gtest.h>

#include "tools/tier-lab/machine.h"

namespace tier::lab {
namespace {

// The plugin's options for two nodes of a preset.
PluginOptions options_of(const std::string& preset) {
  const Result<Scenario> scenario = parse_scenario(R"(
name = "p"
[topology]
preset = ")" + preset + R"("
distances = [[10, 20], [20, 10]]
[[topology.node]]
size_mib = 256
cpus = [0, 1]
[[topology.node]]
size_mib = 256
[workload]
command = ["w"]
[run]
instruction_ps = 1000  # the guest's clock is then the machine's
)",
                                                   "p.toml", {});
  EXPECT_TRUE(scenario) << scenario.error().text();
  return scenario ? plugin_options(*scenario, "out") : PluginOptions{};
}

// Nanoseconds of a dependent load of `node` while others read at `use` of its bandwidth.
double loaded_ns(const PluginOptions& options, std::size_t node, double use) {
  MemoryModel model(options.core, options.tiers, options.latencies);
  const auto apart = static_cast<double>(options.tiers[node].read_line_ps) / use;
  Moment now = {0, 1'000'000};
  if (use > 0)
    for (double at = 0; at < 4e7; at += apart) {
      now.ps = static_cast<std::uint64_t>(at);
      model.load(1, node, true, 0, now);
    }
  return static_cast<double>(model.load(0, node, false, 0, now).wait_ps) / 1000;
}

// GB/s that one core streams from `node`.
double streamed_gb_s(const PluginOptions& options, std::size_t node) {
  MemoryModel model(options.core, options.tiers, options.latencies);
  Moment now = {1'000'000, 1000};
  constexpr int kLines = 10'000;
  for (int i = 0; i < kLines; ++i) now.ps += model.load(0, node, true, 0, now).wait_ps;
  return 64.0 * kLines / (static_cast<double>(now.ps - 1'000'000) / 1000);
}

// Tang et al., EuroSys'24, 3.2: 97 and 250 ns unloaded; latency begins to rise at 75 to 83 % of the
// bandwidth.
TEST(Presets, Ddr5AndCxlHaveTheirMeasuredCurves) {
  const PluginOptions options = options_of("ddr5-cxl");
  EXPECT_NEAR(loaded_ns(options, 0, 0), 97, 1);
  EXPECT_NEAR(loaded_ns(options, 1, 0), 250, 1);
  for (const std::size_t node : {0U, 1U}) {
    const double idle = loaded_ns(options, node, 0);
    EXPECT_LT(loaded_ns(options, node, 0.5), 1.25 * idle) << node;
    EXPECT_GT(loaded_ns(options, node, 0.83), 1.5 * idle) << node;
    EXPECT_GT(loaded_ns(options, node, 0.93), 2 * idle) << node;
  }
}

// McCalpin, ISC'23: reads of HBM reach 2.3 times those of DDR5 with all cores, but a core alone, whose misses
// in flight are limited, reads HBM no faster than DDR5.
TEST(Presets, XeonMaxHasBandwidthThatOneCoreCannotUse) {
  const PluginOptions options = options_of("xeon-max-flat");
  EXPECT_NEAR(
      static_cast<double>(options.tiers[0].read_line_ps) / static_cast<double>(options.tiers[1].read_line_ps),
      2.3, 0.1);
  EXPECT_GT(loaded_ns(options, 1, 0), loaded_ns(options, 0, 0));
  EXPECT_LT(streamed_gb_s(options, 1), streamed_gb_s(options, 0));
  EXPECT_LT(streamed_gb_s(options, 0), 35);
  EXPECT_EQ(find_preset("xeon-max-flat")->fast_node, 1U);
}

// Schieffer et al., ICPP'24: 486 GB/s from LPDDR5X, 297 GB/s through NVLink-C2C.
TEST(Presets, GraceReadsItsOwnMemoryFaster) {
  const PluginOptions options = options_of("gh200");
  EXPECT_NEAR(64.0 * 1000 / static_cast<double>(options.tiers[0].read_line_ps), 486, 5);
  EXPECT_NEAR(64.0 * 1000 / static_cast<double>(options.tiers[1].read_line_ps), 297, 3);
  EXPECT_EQ(options.core.window, 320U);
}

TEST(Presets, AKeyOfTheNodeReplacesThePresets) {
  const Result<Scenario> scenario = parse_scenario(R"(
name = "p"
[topology]
preset = "ddr5-cxl"
distances = [[10, 20], [20, 10]]
[[topology.node]]
size_mib = 256
cpus = [0, 1]
read_latency_ns = 111
[[topology.node]]
size_mib = 256
[workload]
command = ["w"]
[core]
fill_buffers = 10
[run]
instruction_ps = 1000
)",
                                                   "p.toml", {});
  ASSERT_TRUE(scenario) << scenario.error().text();
  EXPECT_EQ(scenario->topology.nodes[0].read_latency_ns, 111U);
  EXPECT_EQ(scenario->topology.nodes[0].write_latency_ns, 111U);
  EXPECT_EQ(scenario->topology.nodes[1].read_latency_ns, 250U);
  EXPECT_EQ(scenario->topology.fast_node(), 0U);
  EXPECT_EQ(scenario->core.fill_buffers, 10U);
}

}  // namespace
}  // namespace tier::lab
