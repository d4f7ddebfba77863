#include "platform/linux/prefetch_machine.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

namespace tier {
namespace {

namespace fs = std::filesystem;
using ::testing::ElementsAre;

class PrefetchMachineTest : public ::testing::Test {
 protected:
  PrefetchMachineTest() {
    write("/sys/devices/system/cpu/online", "0-3,5\n");
    write("/sys/devices/system/cpu/cpu0/topology/core_cpus_list", "0-1\n");
    write("/sys/devices/system/cpu/cpu2/topology/core_cpus_list", "2\n");
    write("/sys/devices/system/cpu/cpu2/topology/cluster_cpus_list", "2-5\n");
    std::string text;
    for (int cpu = 0; cpu < 6; ++cpu)
      text += "processor\t: " + std::to_string(cpu) +
              "\nvendor_id\t: GenuineIntel\ncpu family\t: 6\nmodel\t\t: 151\nmodel name\t: x: y\n\n";
    write("/proc/cpuinfo", text);
    write("/sys/devices/cpu_core/cpus", "0-1\n");
    write("/sys/devices/cpu_atom/cpus", "2-5\n");
    write("/sys/block/sdb/dev", "8:16\n");
    write("/sys/block/zram0/dev", "254:0\n");
    write("/sys/block/odd/dev", "8:x\n");
    write("/sys/block/nvme0n1/dev", "259:0\n");
    write("/proc/swaps", "Filename\tType\tSize\tUsed\tPriority\n");
  }
  ~PrefetchMachineTest() override { fs::remove_all(root_); }

  void write(const std::string& path, const std::string& text) {
    fs::create_directories(fs::path(root_ + path).parent_path());
    std::ofstream(root_ + path) << text;
  }

  const std::string root_ = fs::temp_directory_path() / ("prefetch-machine-" + std::to_string(getpid()));
};

// As lists that were read while a CPU came or went.
TEST_F(PrefetchMachineTest, ACpuIsInOneGroupWhereListsDisagree) {
  write("/sys/devices/system/cpu/cpu2/topology/core_cpus_list", "1-3\n");
  const auto machine = read_prefetch_machine(root_);
  ASSERT_TRUE(machine) << machine.error().text();
  ASSERT_EQ(machine->cores.size(), 3U);
  EXPECT_THAT(machine->cores[0].cpus, ElementsAre(0, 1));
  EXPECT_EQ(machine->cores[1].id, 2U);
  EXPECT_THAT(machine->cores[1].cpus, ElementsAre(2, 3));
}

TEST_F(PrefetchMachineTest, ReadsCoresModulesAndTheirKind) {
  const auto machine = read_prefetch_machine(root_);
  ASSERT_TRUE(machine) << machine.error().text();
  ASSERT_EQ(machine->cores.size(), 4U);
  EXPECT_THAT(machine->cores[0].cpus, ElementsAre(0, 1));
  EXPECT_THAT(machine->cores[1].cpus, ElementsAre(2));
  EXPECT_THAT(machine->cores[3].cpus, ElementsAre(5)) << "no topology is told of it: alone";
  EXPECT_EQ(machine->cores[0].identity.core, CoreKind::kPerformance);
  EXPECT_EQ(machine->cores[1].identity.core, CoreKind::kEfficient);
  EXPECT_EQ(machine->cores[0].identity.vendor, "GenuineIntel");
  EXPECT_EQ(machine->cores[0].identity.model, 151U);
  ASSERT_EQ(machine->modules.size(), 3U);
  EXPECT_EQ(machine->modules[2].id, 2U);
  EXPECT_THAT(machine->modules[2].cpus, ElementsAre(2, 3, 5)) << "4 is offline";
}

TEST_F(PrefetchMachineTest, ReadsDevicesThatCanReadAheadAndSwap) {
  auto machine = read_prefetch_machine(root_);
  ASSERT_TRUE(machine);
  ASSERT_EQ(machine->devices.size(), 2U);
  EXPECT_EQ(machine->devices[0].name, "nvme0n1");
  EXPECT_EQ(machine->devices[1].major, 8U);
  EXPECT_EQ(machine->devices[1].minor, 16U);
  EXPECT_FALSE(machine->swap);
  write("/proc/swaps", "Filename\tType\n/dev/zram0\tpartition\n");
  machine = read_prefetch_machine(root_);
  ASSERT_TRUE(machine);
  EXPECT_TRUE(machine->swap);
}

TEST_F(PrefetchMachineTest, DevicesThatHoldNothingAreLeftOut) {
  write("/sys/block/loop0/dev", "7:0\n");
  write("/sys/block/loop0/size", "0\n");
  write("/sys/block/loop1/dev", "7:1\n");
  write("/sys/block/loop1/size", "8192\n");
  std::vector<std::string> names;
  for (const BlockDevice& device : read_block_devices(root_)) names.push_back(device.name);
  EXPECT_THAT(names, ElementsAre("loop1", "nvme0n1", "sdb"));
}

TEST_F(PrefetchMachineTest, SaysWhatMakesNoSense) {
  write("/sys/devices/system/cpu/online", "zero\n");
  const auto machine = read_prefetch_machine(root_);
  ASSERT_FALSE(machine);
  EXPECT_NE(machine.error().message.find("cpu/online"), std::string::npos);
}

TEST_F(PrefetchMachineTest, CpusThatTellNothingAreUnknown) {
  write("/proc/cpuinfo",
        "processor : 99999999999\nvendor_id\nprocessor : 0\nmodel : many\nCPU part : 0xd40\n");
  const auto machine = read_prefetch_machine(root_);
  ASSERT_TRUE(machine);
  EXPECT_EQ(machine->cores[0].identity.vendor, "");
  EXPECT_EQ(machine->cores[0].identity.model, 0U);
}

TEST(PrefetchMachine, ReadsThisOne) {
  const auto machine = read_prefetch_machine();
  ASSERT_TRUE(machine) << machine.error().text();
  EXPECT_FALSE(machine->cores.empty());
  EXPECT_FALSE(machine->cores[0].identity.has({0, 4, 0})) << "no fifth word";
}

TEST_F(PrefetchMachineTest, TellsWhichCpusAreOnlineNow) {
  const auto state = read_machine_state(root_);
  ASSERT_TRUE(state) << (state ? "" : state.error().text());
  EXPECT_THAT(state->cpus, ElementsAre(0, 1, 2, 3, 5));
  EXPECT_GE(state->slept, std::chrono::milliseconds(-1));
  write("/sys/devices/system/cpu/online", "none\n");
  EXPECT_FALSE(read_machine_state(root_).has_value());
}

}  // namespace
}  // namespace tier
