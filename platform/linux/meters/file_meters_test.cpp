#include "platform/linux/meters/file_meters.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>

#include "platform/fake/tree.h"
#include "platform/linux/proc_text.h"

namespace tier {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

constexpr std::uint32_t kSda = 8 << 20, kSda1 = 8 << 20 | 1, kNvme = 259 << 20;

struct Seen {
  Signal signal;
  std::uint32_t unit;
  std::uint64_t value;
  bool operator==(const Seen&) const = default;
};
std::ostream& operator<<(std::ostream& out, const Seen& seen) {
  return out << to_string(seen.signal) << " of " << seen.unit << " = " << seen.value;
}

std::vector<Seen> seen(Meter& meter) {
  std::vector<Seen> all;
  for (const CounterReading& reading : meter.read())
    all.push_back({reading.signal, reading.unit, reading.value});
  return all;
}

class FileMeters : public ::testing::Test {
 protected:
  TemporaryTree tree_{{{"proc/vmstat", ""}}};
  ManualClock clock_;
};

TEST_F(FileMeters, VmstatOfThreeKernels) {
  tree_.write("proc/vmstat",
              "workingset_refault_anon 100\nworkingset_refault_file 20\npswpin 3\npgmajfault 4\n"
              "swap_ra 50\nswap_ra_hit 40\nzswpin 9\n");
  clock_.advance(Nanoseconds{7});
  const auto meter = make_vmstat_meter(clock_, tree_.root());
  ASSERT_TRUE(meter) << meter.error().text();
  EXPECT_THAT(seen(**meter),
              ElementsAre(Seen{Signal::kRefaults, kWholeNode, 120}, Seen{Signal::kMajorFaults, kWholeNode, 4},
                          Seen{Signal::kSwapIns, kWholeNode, 3}, Seen{Signal::kSwapReadahead, kWholeNode, 50},
                          Seen{Signal::kSwapReadaheadHits, kWholeNode, 40}));
  EXPECT_EQ((*meter)->read()[0].at, Nanoseconds{7});
  tree_.write("proc/vmstat", "workingset_refault 5\npgmajfault 4\n");
  EXPECT_THAT(seen(**meter),
              ElementsAre(Seen{Signal::kRefaults, kWholeNode, 5}, Seen{Signal::kMajorFaults, kWholeNode, 4}))
      << "before 5.9, without swap";
  tree_.write("proc/vmstat", "pgmajfault -4\npswpin 99999999999999999999\nswap_ra\nswap_ra_hit 1 2\n");
  EXPECT_THAT(seen(**meter), IsEmpty());
}

TEST_F(FileMeters, VmstatWithoutCountersIsRefused) {
  tree_.write("proc/vmstat", "nr_free_pages 5\n");
  const auto meter = make_vmstat_meter(clock_, tree_.root());
  ASSERT_FALSE(meter);
  EXPECT_EQ(meter.error().kind, ErrorKind::kUnsupported);
  EXPECT_THAT(meter.error().message, HasSubstr("/proc/vmstat"));
  EXPECT_THAT(meter.error().fix, HasSubstr("CONFIG_VM_EVENT_COUNTERS"));
}

TEST_F(FileMeters, PressureIsInNanoseconds) {
  tree_.write("proc/pressure/memory",
              "some avg10=0.00 avg60=0.00 avg300=0.00 total=12\nfull avg10=0 total=7\n");
  const auto meter = make_psi_meter(clock_, tree_.root());
  ASSERT_TRUE(meter);
  EXPECT_THAT(seen(**meter), ElementsAre(Seen{Signal::kMemoryStall, kWholeNode, 12'000}));
  tree_.write("proc/pressure/io", "some total=3\n");
  tree_.write("proc/pressure/memory", "some avg10=0.00 total=-1\n");
  EXPECT_THAT(seen(**meter), ElementsAre(Seen{Signal::kIoStall, kWholeNode, 3'000}));
  // 2^63 ns are 9223372036854775 µs and a bit.
  for (const char* bad : {"some total=9223372036854776\n", "full total=3\n", "some total=\n", "some\n", ""}) {
    tree_.write("proc/pressure/io", bad);
    EXPECT_THAT(seen(**meter), IsEmpty()) << bad;
  }
  tree_.write("proc/pressure/io", "some total=9223372036854775\n");
  EXPECT_THAT(seen(**meter), ElementsAre(Seen{Signal::kIoStall, kWholeNode, 9'223'372'036'854'775'000U}));
}

TEST_F(FileMeters, AKernelWithoutPressureIsRefused) {
  const auto meter = make_psi_meter(clock_, tree_.root());
  ASSERT_FALSE(meter);
  EXPECT_THAT(meter.error().fix, HasSubstr("psi=1"));
}

TEST_F(FileMeters, BlockCountsWholeDevicesInBytes) {
  tree_.write("sys/block/sda/dev", "8:0\n");
  tree_.write("sys/block/zram0/dev", "253:0\n");
  tree_.write("proc/diskstats",
              "   8       0 sda 100 5 2000 30 1 2 3 4 0 5 6\n"
              "   8       1 sda1 100 5 1990 30 1 2 3 4 0 5 6\n"
              " 253       0 zram0 9 0 8 0 0 0 0 0 0 0 0\n");
  const auto meter = make_block_meter(clock_, tree_.root());
  ASSERT_TRUE(meter) << meter.error().text();
  EXPECT_THAT(seen(**meter), ElementsAre(Seen{Signal::kDeviceRead, kSda, 2000 * 512})) << "not " << kSda1;
  // A disk goes, another comes: as many lines as before.
  std::filesystem::remove_all(tree_.root() + "/sys/block/sda");
  tree_.write("sys/block/nvme0n1/dev", "259:0\n");
  tree_.write("proc/diskstats",
              " 259 0 nvme0n1 1 0 16 0 0 0 0 0 0 0 0\n 259 1 nvme0n1p1 1 0 16\n 253 0 zram0 9 0 8\n");
  EXPECT_THAT(seen(**meter), ElementsAre(Seen{Signal::kDeviceRead, kNvme, 8192}));
}

TEST_F(FileMeters, BlockLeavesOutWhatMakesNoSense) {
  tree_.write("sys/block/sda/dev", "8:0\n");
  tree_.write("proc/diskstats", "8 0 sda 1 2 3 4\n");
  const auto meter = make_block_meter(clock_, tree_.root());
  ASSERT_TRUE(meter);
  for (const char* bad : {"8 0 sda 1 2\n", "8 0 sda 1 2 -3 4\n", "8 0 sda 1 2 36028797018963968 4\n",
                          "4096 0 sda 1 2 3 4\n", "8 1048576 sda 1 2 3 4\n", "", "\n\n"}) {
    tree_.write("proc/diskstats", bad);
    EXPECT_THAT(seen(**meter), IsEmpty()) << bad;
  }
  tree_.write("proc/diskstats", "8 0 sda 1 2 36028797018963967 4\n8 0 sda 1 2 5 4\n");
  EXPECT_THAT(seen(**meter), ElementsAre(Seen{Signal::kDeviceRead, kSda, UINT64_MAX - 511})) << "once";
}

TEST_F(FileMeters, AMachineWithoutDisksIsRefused) {
  EXPECT_FALSE(make_block_meter(clock_, tree_.root()).has_value());
}

TEST_F(FileMeters, UserTimeOfEachCpu) {
  tree_.write("proc/stat", "cpu  70 5 1 1\ncpu0 40 5 9 9 9\ncpu3 30 0 9 9\nintr 5 6\ncpu4 1 1\n");
  const auto meter = make_cpu_meter(clock_, tree_.root());
  ASSERT_TRUE(meter) << meter.error().text();
  const std::uint64_t tick = 1'000'000'000U / static_cast<std::uint64_t>(sysconf(_SC_CLK_TCK));
  EXPECT_THAT(seen(**meter),
              ElementsAre(Seen{Signal::kUserTime, 0, 45 * tick}, Seen{Signal::kUserTime, 3, 30 * tick}));
  tree_.write("proc/stat",
              "cpu0 18446744073709551615 1\ncpu1 18446744073709551615 0\ncpu2 -1 0\n"
              "cpu70000 1 1\ncpux 1 1\ncpu5\ncpu6 1 1\ncpu6 2 2\n");
  EXPECT_THAT(seen(**meter), ElementsAre(Seen{Signal::kUserTime, 6, 2 * tick}));
  tree_.write("proc/stat", "");
  EXPECT_FALSE(make_cpu_meter(clock_, tree_.root()).has_value());
}

class ResctrlMeterTest : public FileMeters {
 protected:
  void cache(const std::string& id, const std::string& total, const std::string& local) {
    const std::string folder = "sys/fs/resctrl/mon_data/mon_L3_" + id;
    tree_.write(folder + "/mbm_total_bytes", total + "\n");
    tree_.write(folder + "/mbm_local_bytes", local + "\n");
  }
};

TEST_F(ResctrlMeterTest, RemoteIsWhatIsNotLocal) {
  cache("00", "1000", "400");
  cache("01", "50", "50");
  const auto meter = make_resctrl_meter(clock_, tree_.root());
  ASSERT_TRUE(meter);
  EXPECT_THAT(seen(**meter),
              ElementsAre(Seen{Signal::kLocalTraffic, 0, 400}, Seen{Signal::kRemoteTraffic, 0, 600},
                          Seen{Signal::kLocalTraffic, 1, 50}, Seen{Signal::kRemoteTraffic, 1, 0}));
}

TEST_F(ResctrlMeterTest, WhatHardwareTookAwayIsLeftOut) {
  cache("00", "1000", "400");
  cache("01", "1000", "400");
  const auto meter = make_resctrl_meter(clock_, tree_.root());
  ASSERT_TRUE(meter);
  for (const char* word : {"Unavailable", "Unassigned", "Error", ""}) {
    cache("01", word, "500");
    EXPECT_THAT(seen(**meter),
                ElementsAre(Seen{Signal::kLocalTraffic, 0, 400}, Seen{Signal::kRemoteTraffic, 0, 600},
                            Seen{Signal::kLocalTraffic, 1, 500}))
        << word;
    cache("01", "1000", word);
    EXPECT_EQ(seen(**meter).size(), 2U) << word;
  }
}

TEST_F(ResctrlMeterTest, RemoteFallsOnlyWhereACounterDoes) {
  cache("00", "1000", "400");
  const auto meter = make_resctrl_meter(clock_, tree_.root());
  ASSERT_TRUE(meter);
  (void)(*meter)->read();
  cache("00", "1010", "430");  // 20 passed between the files
  EXPECT_EQ(seen(**meter)[1], (Seen{Signal::kRemoteTraffic, 0, 600}));
  cache("00", "1100", "1200");
  EXPECT_EQ(seen(**meter)[1], (Seen{Signal::kRemoteTraffic, 0, 600})) << "more local than all";
  cache("00", "100", "40");
  EXPECT_EQ(seen(**meter)[1], (Seen{Signal::kRemoteTraffic, 0, 60}))
      << "reset: whoever reads it must see that";
}

TEST_F(ResctrlMeterTest, WhereItIsNotMountedItIsRefused) {
  const auto meter = make_resctrl_meter(clock_, tree_.root());
  ASSERT_FALSE(meter);
  EXPECT_THAT(meter.error().fix, HasSubstr("mount -t resctrl"));
}

TEST(Refaults, AreOfBothKindsWhereTheyAreToldApart) {
  EXPECT_EQ(parse_refaults("workingset_refault_file 7\n"), 7U);
  EXPECT_FALSE(parse_refaults("workingset_refault_file x\n"));
}

}  // namespace
}  // namespace tier
