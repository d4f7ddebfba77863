// The file-demand meter beside readers whose bytes are known, on a device of the test's own.
#include <fcntl.h>
#include <unistd.h>

#include <fstream>
#include <memory>

#include "native_support.h"
#include "platform/linux/file.h"
#include "platform/linux/linux_knobs.h"
#include "platform/linux/meters/file_demand.h"
#include "tools/readahead-bench/readers.h"

namespace tier {
namespace {

struct Demand {
  double bytes = 0, sequential = 0, strided = 0;
};

class FileDemandNativeTest : public ::testing::Test {
 protected:
  // The device is made once: it takes a second.
  static void SetUpTestSuite() {
    RigSettings settings;
    settings.disk = {std::chrono::microseconds(20), 4e9};
    settings.files = 6;
    auto made = Rig::make(settings);
    if (made)
      rig = std::move(*made);
    else
      why_not = made.error().text();
  }
  static void TearDownTestSuite() { rig.reset(); }

  void SetUp() override {
    if (!rig) GTEST_SKIP() << why_not;
    auto started = FileDemandMeter::start(clock_);
    if (!started) GTEST_SKIP() << started.error().text();
    meter_ = std::move(*started);
  }

  Demand total() {
    Demand demand;
    for (const CounterReading& reading : meter_->read()) {
      if (reading.unit != rig->device().number) continue;
      if (reading.signal == Signal::kFileDemand) demand.bytes = static_cast<double>(reading.value);
      if (reading.signal == Signal::kFileSequential) demand.sequential = static_cast<double>(reading.value);
      if (reading.signal == Signal::kFileStrided) demand.strided = static_cast<double>(reading.value);
    }
    return demand;
  }

  // What the meter counted of so many passes over a file each; `asked`: what the reader knows.
  Demand pass_files(const ReadPattern& pattern, unsigned passes, std::uint64_t readahead_kib, double& asked) {
    const auto set = knobs_.write({kTierKnobReadahead, rig->device().number, 0}, readahead_kib);
    EXPECT_TRUE(set) << set.error().text();
    const Demand before = total();
    asked = 0;
    const std::vector<std::string>& files = rig->device().files;
    for (unsigned pass = 0; pass < passes; ++pass) {
      const auto done = read_pass(files[pass % files.size()], pattern, pass, [&](std::size_t bytes) {
        asked += static_cast<double>(bytes);
        return true;
      });
      EXPECT_TRUE(done) << done.error().text();
    }
    const Demand after = total();
    return {after.bytes - before.bytes, after.sequential - before.sequential, after.strided - before.strided};
  }

  static inline std::unique_ptr<Rig> rig;
  static inline std::string why_not;
  SteadyClock clock_;
  LinuxKnobs knobs_;
  std::unique_ptr<FileDemandMeter> meter_;
};

struct Expectation {
  ReadPattern pattern;
  unsigned passes;                           // over one file each
  double counted, tolerance;                 // of what the reader asked for
  double least_sequential, most_sequential;  // shares of what was counted
  double least_strided;
};

// Strided by mmap: one page of eight lies within what fault-around maps, so all that is passed counts. Random
// by mmap: one jump of hundred ends that near to the last one.
constexpr Expectation kExpectations[] = {{{ReadOrder::kSequential, ReadCall::kRead}, 1, 1, 0.05, 0.95, 1, 0},
                                         {{ReadOrder::kStrided, ReadCall::kRead}, 2, 1, 0.05, 0, 0.1, 0.9},
                                         {{ReadOrder::kRandom, ReadCall::kRead}, 12, 1, 0.05, 0, 0.15, 0},
                                         {{ReadOrder::kSequential, ReadCall::kMmap}, 1, 1, 0.05, 0.95, 1, 0},
                                         {{ReadOrder::kStrided, ReadCall::kMmap}, 2, 8, 0.05, 0.9, 1, 0},
                                         {{ReadOrder::kRandom, ReadCall::kMmap}, 12, 1, 0.1, 0, 0.15, 0}};

TEST_F(FileDemandNativeTest, CountsTheSameUnderEverySetting) {
  for (const Expectation& each : kExpectations)
    for (const std::uint64_t readahead_kib : {0U, 128U}) {
      SCOPED_TRACE(to_string(each.pattern) + " at " + std::to_string(readahead_kib) + " KiB");
      double asked = 0;
      const Demand demand = pass_files(each.pattern, each.passes, readahead_kib, asked);
      ASSERT_GT(asked, 0);
      EXPECT_NEAR(demand.bytes / asked / each.counted, 1, each.tolerance);
      EXPECT_GE(demand.sequential / demand.bytes, each.least_sequential);
      EXPECT_LE(demand.sequential / demand.bytes, each.most_sequential);
      EXPECT_GE(demand.strided / demand.bytes, each.least_strided);
    }
}

TEST_F(FileDemandNativeTest, CountsTheDeviceItselfToo) {
  const FileDescriptor device(open(rig->device().path.c_str(), O_RDONLY | O_CLOEXEC));
  ASSERT_TRUE(device.valid());
  std::vector<char> buffer(1U << 20);
  const Demand before = total();
  ASSERT_EQ(pread(device.get(), buffer.data(), buffer.size(), 1U << 20), 1 << 20);
  EXPECT_NEAR(total().bytes - before.bytes, 1 << 20, 1 << 17);
}

// The file keeps the setting that it was opened with: why a controller's decision takes a while to show.
TEST_F(FileDemandNativeTest, ASettingCountsForFilesOpenedAfterwards) {
  const Knob knob{kTierKnobReadahead, rig->device().number, 0};
  const auto requests = [&] {  // reads that the device has served (Documentation/admin-guide/iostats.rst)
    std::ifstream stat("/sys/dev/block/" + std::to_string(knob.unit >> 20) + ":" +
                       std::to_string(knob.unit & 0xFFFFF) + "/stat");
    std::uint64_t reads = 0;
    stat >> reads;
    return reads;
  };
  const auto requests_of_reading = [&](bool open_before) {
    EXPECT_TRUE(knobs_.write(knob, 512));
    const std::string& path = rig->device().files.front();
    FileDescriptor file;
    if (open_before) file = FileDescriptor(open(path.c_str(), O_RDONLY | O_CLOEXEC));
    EXPECT_TRUE(knobs_.write(knob, 4));
    if (!open_before) file = FileDescriptor(open(path.c_str(), O_RDONLY | O_CLOEXEC));
    EXPECT_EQ(posix_fadvise(file.get(), 0, 0, POSIX_FADV_DONTNEED), 0);
    const std::uint64_t before = requests();
    std::vector<char> buffer(4096);
    for (int i = 0; i < 512; ++i)
      EXPECT_EQ(read(file.get(), buffer.data(), buffer.size()), static_cast<ssize_t>(buffer.size()));
    return requests() - before;
  };
  const std::uint64_t old_setting = requests_of_reading(true), new_setting = requests_of_reading(false);
  EXPECT_LT(old_setting, 64U);
  EXPECT_GT(new_setting, 256U);
}

}  // namespace
}  // namespace tier
