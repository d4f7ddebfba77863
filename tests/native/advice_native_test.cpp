// What advice ahead of need is worth on the running kernel, in faults that waited for the device. A program
// maps a file of which nothing is in memory and reads one region of it per tick; the forecast names the next
// ones.
#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <csignal>
#include <filesystem>
#include <numeric>
#include <random>
#include <thread>

#include "platform/linux/file.h"
#include "platform/linux/page_advisor.h"
#include "platform/linux/pages.h"
#include "platform/linux/process_table.h"
#include "prefetch/advice/advice_loop.h"

namespace tier {
namespace {

using namespace std::chrono_literals;

constexpr std::size_t kRegions = 64, kRead = 32;
constexpr std::uint64_t kRegion = 2 << 20, kSize = kRegions * kRegion;

// A file of which no page is in memory, mapped here and in the program.
class ColdFile {
 public:
  ColdFile() : page_(static_cast<std::size_t>(::sysconf(_SC_PAGESIZE))) {
    file_ = FileDescriptor(::open(path_.c_str(), O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600));
    const std::string bytes(kRegion, 'x');
    for (std::size_t i = 0; i < kRegions; ++i)
      EXPECT_EQ(::write(file_.get(), bytes.data(), bytes.size()), static_cast<ssize_t>(bytes.size()));
    EXPECT_EQ(::fsync(file_.get()), 0);
    EXPECT_EQ(::posix_fadvise(file_.get(), 0, 0, POSIX_FADV_DONTNEED), 0);
    map_ = ::mmap(nullptr, kSize, PROT_READ, MAP_PRIVATE, file_.get(), 0);
    EXPECT_NE(map_, MAP_FAILED);
  }
  ~ColdFile() {
    ::munmap(map_, kSize);
    std::filesystem::remove(path_);
  }
  ColdFile(const ColdFile&) = delete;
  ColdFile& operator=(const ColdFile&) = delete;
  const char* data() const { return static_cast<const char*>(map_); }
  std::size_t page() const { return page_; }
  AddressRange region(std::size_t i) const {
    const auto start = reinterpret_cast<Address>(map_) + i * kRegion;
    return {start, start + kRegion};
  }
  std::uint64_t in_memory(std::size_t i) const {
    std::array<unsigned char, kRegion / 4096> state{};
    EXPECT_EQ(::mincore(reinterpret_cast<void*>(region(i).start), kRegion, state.data()), 0);
    std::uint64_t bytes = 0;
    for (const unsigned char each : state) bytes += (each & 1U) * page_;
    return bytes;
  }

 private:
  std::size_t page_;
  std::filesystem::path path_ = std::filesystem::current_path() / ("advice-" + std::to_string(getpid()));
  FileDescriptor file_;
  void* map_ = nullptr;
};

// Reads the regions it is told to, pages in an order of chance, and answers with its major faults so far.
class Reader {
 public:
  // `at_random`: it told the kernel so (MADV_RANDOM), as databases do, and nothing is read ahead for it.
  Reader(const ColdFile& file, bool at_random) : at_random_(at_random) {
    EXPECT_EQ(::pipe(commands_.data()), 0);
    EXPECT_EQ(::pipe(answers_.data()), 0);
    child_ = ::fork();
    if (child_ == 0) serve(file);
  }
  ~Reader() {
    ::kill(child_, SIGKILL);
    ::waitpid(child_, nullptr, 0);
    for (const int fd : commands_) ::close(fd);
    for (const int fd : answers_) ::close(fd);
  }
  Reader(const Reader&) = delete;
  Reader& operator=(const Reader&) = delete;
  Pid pid() const { return {child_}; }
  long read(std::size_t region) {
    long faults = -1;
    EXPECT_EQ(::write(commands_[1], &region, sizeof(region)), static_cast<ssize_t>(sizeof(region)));
    EXPECT_EQ(::read(answers_[0], &faults, sizeof(faults)), static_cast<ssize_t>(sizeof(faults)));
    return faults;
  }

 private:
  [[noreturn]] void serve(const ColdFile& file) {
    ::prctl(PR_SET_PDEATHSIG, SIGKILL);
    ::madvise(const_cast<char*>(file.data()), kSize, at_random_ ? MADV_RANDOM : MADV_NORMAL);
    std::size_t region = 0;
    while (::read(commands_[0], &region, sizeof(region)) == static_cast<ssize_t>(sizeof(region))) {
      const std::size_t pages = kRegion / file.page();
      // 257 is odd, so that every page has its turn, and far from the last: no reading ahead is of use.
      for (std::size_t i = 0; i < pages; ++i) {
        const volatile char* at = file.data() + region * kRegion + i * 257 % pages * file.page();
        static_cast<void>(*at);
      }
      rusage usage{};
      ::getrusage(RUSAGE_SELF, &usage);
      if (::write(answers_[1], &usage.ru_majflt, sizeof(usage.ru_majflt)) < 0) break;
    }
    ::_exit(0);
  }
  bool at_random_;
  std::array<int, 2> commands_{}, answers_{};
  pid_t child_ = 0;
};

struct Outcome {
  long faults = 0;
  AdviceState state;
};

// `right`: the forecast names the regions that are read; else as many of the others.
Outcome run(bool at_random, bool armed, bool right) {
  const ColdFile file;
  Reader reader(file, at_random);
  const LinuxPages pages;
  LinuxPageAdvisor advisor;
  Target target = LinuxProcessTable().describe(reader.pid()).value_or(Target{});
  target.id = {1};
  AdviceLoop loop(pages, advisor, {file.page()});
  loop.arm(armed);
  std::vector<std::size_t> order(kRegions);
  std::iota(order.begin(), order.end(), 0U);
  std::shuffle(order.begin(), order.end(), std::mt19937(1));
  Outcome out;
  for (std::size_t turn = 0; turn < kRead + 4; ++turn) {
    RegionSnapshot snapshot;
    ForecastSet forecasts;
    snapshot.tick = {turn + 1};
    const std::size_t named = turn < kRead ? order[right ? turn : kRead + turn] : kRegions;
    for (std::size_t i = 0; i < kRegions; ++i) {
      Region each;
      each.key = {{1}, file.region(i).start}, each.range = file.region(i), each.backing = Backing::kFile;
      forecasts.forecasts.push_back({each.key, {}});
      if (i == named) forecasts.forecasts.back().horizons.fill({1000, 1000, 1000});
      snapshot.regions.push_back(each);
    }
    const Bytes before = loop.state().advised;
    loop.tick(
        snapshot, forecasts, [&](TargetId) { return &target; }, (turn + 1) * 1s);
    // The tick that passes in between; the kernel reads on after the advice.
    for (int i = 0; i < 500 && loop.state().advised > before && file.in_memory(named) < kRegion; ++i)
      std::this_thread::sleep_for(10ms);
    if (turn < kRead) out.faults = reader.read(order[turn]);
  }
  out.state = loop.state();
  std::printf("%-10s %-6s %-6s %6ld major faults, %3lu MiB advised, %3lu MiB used, %3lu MiB judged; %s\n",
              at_random ? "at random" : "read ahead", armed ? "armed" : "off", right ? "right" : "wrong",
              out.faults, out.state.advised.value >> 20, out.state.used.value >> 20,
              out.state.judged.value >> 20, out.state.state.c_str());
  return out;
}

class AdviceNative : public ::testing::TestWithParam<bool> {};
INSTANTIATE_TEST_SUITE_P(ReadAheadOrAtRandom, AdviceNative, ::testing::Bool());

TEST_P(AdviceNative, SavesFaultsWhereTheForecastIsRightAndStandsBackWhereItIsWrong) {
  if (const ColdFile file; file.in_memory(0) == kRegion) GTEST_SKIP() << "this file system gives no page up";
  const bool at_random = GetParam();
  const Outcome without = run(at_random, false, true), with = run(at_random, true, true),
                misled = run(at_random, true, false);
  ASSERT_GT(without.faults, 0);
  EXPECT_EQ(without.state.advised, Bytes{});
  // The first four regions are a try, and until they are judged nothing more is advised.
  EXPECT_LT(2 * with.faults, without.faults);
  EXPECT_EQ(with.state.used, with.state.advised);
  EXPECT_EQ(misled.state.used, Bytes{});
  EXPECT_LE(misled.state.advised, 24_MiB);
  std::printf("ratio of major faults, with against without: %.3f\n",
              static_cast<double>(with.faults) / static_cast<double>(without.faults));
}

}  // namespace
}  // namespace tier
