#include "platform/linux/metrics.h"

#include <gtest/gtest.h>

#include "platform/fake/tree.h"

namespace tier {
namespace {

TreeDirectory sensors() {
  return {{"sys/class/powercap/intel-rapl:0",
           {{"name", "package-0\n"}, {"energy_uj", "1000000\n"}, {"max_energy_range_uj", "9000000\n"}}},
          {"sys/class/powercap/intel-rapl:0:0", {{"name", "dram\n"}, {"energy_uj", "5\n"}}},
          {"sys/class/powercap/intel-rapl:1", {{"name", "psys\n"}, {"energy_uj", "5\n"}}},
          {"sys/class/hwmon/hwmon0",
           {{"name", "nvme\n"}, {"temp1_label", "Package id 9\n"}, {"temp1_input", "99000\n"}}},
          {"sys/class/hwmon/hwmon1",
           {{"name", "coretemp\n"},
            {"temp1_label", "Package id 0\n"},
            {"temp1_input", "61500\n"},
            {"temp2_label", "Core 0\n"},
            {"temp2_input", "70000\n"}}}};
}

class MetricsTest : public ::testing::Test {
 protected:
  TemporaryTree tree_{sensors()};
  ManualClock clock_;
  LinuxMetrics metrics_{clock_, tree_.root()};
};

TEST_F(MetricsTest, RatesNeedTwoReadingsLevelsOne) {
  const MachineReadings first = metrics_.read();
  EXPECT_EQ(first.temperature, 61.5) << "the package, not a core, and not a disk";
  EXPECT_FALSE(first.power);
  clock_.advance(std::chrono::seconds(2));
  tree_.write("sys/class/powercap/intel-rapl:0/energy_uj", "7000000\n");
  const MachineReadings second = metrics_.read();
  EXPECT_DOUBLE_EQ(second.power.value(), 3);
  EXPECT_FALSE(second.refaults || second.local_bandwidth || second.remote_bandwidth)
      << "meters count these: nothing is read twice";
}

TEST_F(MetricsTest, TheEnergyCounterWraps) {
  (void)metrics_.read();
  clock_.advance(std::chrono::seconds(1));
  tree_.write("sys/class/powercap/intel-rapl:0/energy_uj", "500000\n");
  EXPECT_DOUBLE_EQ(metrics_.read().power.value(), 8.5) << "9 J and back to half a joule, from one";
}

TEST_F(MetricsTest, NonsenseIsNoReadingAndTheNextGoodOneCountsAgain) {
  (void)metrics_.read();
  for (const char* bad : {"", "nan\n", "-5\n", "1e9\n", "99999999999999999999999\n", "Unavailable\n"}) {
    clock_.advance(std::chrono::seconds(1));
    for (const char* file :
         {"sys/class/powercap/intel-rapl:0/energy_uj", "sys/class/hwmon/hwmon1/temp1_input"})
      tree_.write(file, bad);
    const MachineReadings readings = metrics_.read();
    EXPECT_FALSE(readings.power) << bad;
    EXPECT_FALSE(readings.temperature) << bad;
  }
  tree_.write("sys/class/hwmon/hwmon1/temp1_input", "300000\n");
  EXPECT_FALSE(metrics_.read().temperature) << "not connected";
  for (int i = 1; i <= 2; ++i) {
    clock_.advance(std::chrono::seconds(1));
    tree_.write("sys/class/powercap/intel-rapl:0/energy_uj", std::to_string(2'000'000 * i));
    EXPECT_EQ(metrics_.read().power.has_value(), i == 2);
  }
}

TEST(LinuxMetrics, AMachineWithoutSensorsHasNoReadings) {
  ManualClock clock;
  LinuxMetrics metrics(clock, "/no/such/root");
  for (int i = 0; i < 2; ++i) {
    const MachineReadings r = metrics.read();
    EXPECT_FALSE(r.power || r.temperature);
    clock.advance(std::chrono::seconds(1));
  }
}

TEST(LinuxMetrics, ThermalZonesStandInWhereNoChipTells) {
  const TemporaryTree tree(
      {{"sys/class/thermal/thermal_zone0", {{"type", "acpitz\n"}, {"temp", "20000\n"}}},
       {"sys/class/thermal/thermal_zone1", {{"type", "x86_pkg_temp\n"}, {"temp", "45000\n"}}}});
  ManualClock clock;
  EXPECT_EQ(LinuxMetrics(clock, tree.root()).read().temperature, 45);
}

}  // namespace
}  // namespace tier
