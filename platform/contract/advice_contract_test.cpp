// What every PageAdvisor does: the kernel's, about a child that maps a file, and the fake machine's.
#include <fcntl.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <chrono>
#include <filesystem>
#include <thread>

#include "platform/fake/fake_machine.h"
#include "platform/linux/file.h"
#include "platform/linux/page_advisor.h"
#include "platform/linux/pages.h"
#include "platform/linux/process_table.h"

namespace tier {
namespace {

constexpr Bytes kSize = 4_MiB;

// A program that maps a file and has read nothing of it; nothing of the file is in memory.
struct Rig {
  virtual ~Rig() = default;
  virtual PageAdvisor& advisor() = 0;
  virtual const PageLocator& locator() = 0;
  virtual Pid pid() = 0;
  virtual std::uint64_t start_time() = 0;
  virtual AddressRange range() = 0;
  virtual Bytes cached(AddressRange part) = 0;  // of the file, in memory
  virtual void end() = 0;
  Bytes page = 4_KiB;
};

struct FakeRig final : Rig {
  FakeRig() : machine({.nodes = {{.id = 0}}}) {
    machine.spawn({.pid = 7, .start_time = 70});
    machine.map({7}, {.start = 0x10000000, .size = kSize, .node = -1, .backing = Backing::kFile});
  }
  PageAdvisor& advisor() override { return machine; }
  const PageLocator& locator() override { return machine; }
  Pid pid() override { return {7}; }
  std::uint64_t start_time() override { return 70; }
  AddressRange range() override { return {0x10000000, 0x10000000 + kSize.value}; }
  Bytes cached(AddressRange part) override { return machine.cached({7}, part); }
  void end() override { machine.exit({7}); }
  FakeMachine machine;
};

// The build folder's file system: a temporary one may have no device behind it.
struct LinuxRig final : Rig {
  LinuxRig() {
    page = table.base_page_size();
    path = std::filesystem::current_path() / ("advice-contract-" + std::to_string(getpid()));
    file = FileDescriptor(::open(path.c_str(), O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600));
    const std::string bytes(kSize.value, 'x');
    EXPECT_EQ(::write(file.get(), bytes.data(), bytes.size()), static_cast<ssize_t>(bytes.size()));
    EXPECT_EQ(::fsync(file.get()), 0);
    EXPECT_EQ(::posix_fadvise(file.get(), 0, 0, POSIX_FADV_DONTNEED), 0);
    // Twice the size: behind the file's pages the child has a hole.
    map = ::mmap(nullptr, 2 * kSize.value, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    EXPECT_NE(map, MAP_FAILED);
    EXPECT_EQ(::mmap(map, kSize.value, PROT_READ, MAP_PRIVATE | MAP_FIXED, file.get(), 0), map);
    ::munmap(static_cast<char*>(map) + kSize.value, kSize.value);
    child = ::fork();
    if (child == 0) {
      ::prctl(PR_SET_PDEATHSIG, SIGKILL);
      for (;;) ::pause();
    }
    started = table.describe({child}).value_or(Target{}).start_time;
  }
  ~LinuxRig() override {
    end();
    ::munmap(map, kSize.value);
    std::filesystem::remove(path);
  }
  PageAdvisor& advisor() override { return real; }
  const PageLocator& locator() override { return pages; }
  Pid pid() override { return {child}; }
  std::uint64_t start_time() override { return started; }
  AddressRange range() override {
    const auto start = reinterpret_cast<Address>(map);
    return {start, start + kSize.value};
  }
  // Of the file's pages, whoever maps them.
  Bytes cached(AddressRange part) override {
    std::array<unsigned char, kSize.value / 4096> state{};
    EXPECT_EQ(::mincore(reinterpret_cast<void*>(part.start), part.size().value, state.data()), 0);
    Bytes sum;
    for (const unsigned char each : state) sum += Bytes{(each & 1U) * page.value};
    return sum;
  }
  void end() override {
    if (child <= 0) return;
    ::kill(child, SIGKILL);
    ::waitpid(child, nullptr, 0);
    child = 0;
  }

  LinuxProcessTable table;
  LinuxPageAdvisor real;
  LinuxPages pages;
  std::filesystem::path path;
  FileDescriptor file;
  void* map = nullptr;
  pid_t child = 0;
  std::uint64_t started = 0;
};

using MakeRig = std::unique_ptr<Rig> (*)();
class AdviceContract : public ::testing::TestWithParam<MakeRig> {
 protected:
  AddressRange part(std::uint64_t from, std::uint64_t to) const {
    return {rig_->range().start + from, rig_->range().start + to};
  }
  Result<Bytes> advise(std::vector<AddressRange> ranges) {
    return rig_->advisor().will_need(rig_->pid(), rig_->start_time(), ranges);
  }
  // The kernel reads on after the call has returned; how long it may take says nothing of it.
  Bytes cached_at_last(AddressRange range) {
    for (int turn = 0; turn < 1000 && rig_->cached(range) < range.size(); ++turn)
      std::this_thread::sleep_for(std::chrono::milliseconds(10));
    return rig_->cached(range);
  }
  const std::unique_ptr<Rig> rig_ = GetParam()();
};
INSTANTIATE_TEST_SUITE_P(Fake, AdviceContract, ::testing::Values([]() -> std::unique_ptr<Rig> {
                           return std::make_unique<FakeRig>();
                         }));
INSTANTIATE_TEST_SUITE_P(Linux, AdviceContract, ::testing::Values([]() -> std::unique_ptr<Rig> {
                           return std::make_unique<LinuxRig>();
                         }));

TEST_P(AdviceContract, ReadsInAllThatWasAdvisedAndMapsNothing) {
  const AddressRange wanted = part(0, 3 << 20), rest = part(3 << 20, 4 << 20);
  if (rig_->cached(rig_->range()).value > 0) GTEST_SKIP() << "this file system gives no page up";
  const auto taken = advise({wanted});
  ASSERT_TRUE(taken) << taken.error().text();
  EXPECT_EQ(*taken, wanted.size());
  EXPECT_EQ(cached_at_last(wanted), wanted.size());
  EXPECT_LT(rig_->cached(rest), rest.size());
  const Address page = wanted.start;
  EXPECT_LT(rig_->locator().locate(rig_->pid(), {&page, 1}).status.front(), 0);
}

TEST_P(AdviceContract, PassesOverWhatIsNotMapped) {
  const AddressRange beyond{rig_->range().end, rig_->range().end + (256 << 10)};
  const auto taken = advise({part(0, 256 << 10), beyond});
  ASSERT_TRUE(taken) << taken.error().text();
  EXPECT_EQ(*taken, 256_KiB);
  const auto nothing = advise({beyond});
  ASSERT_FALSE(nothing);
  EXPECT_EQ(nothing.error().kind, ErrorKind::kFailed);
}

TEST_P(AdviceContract, ManyRangesAreAllTaken) {
  std::vector<AddressRange> every_other;  // more than the call takes at once
  const Bytes page{rig_->page.value};
  for (int i = 0; i < 500; ++i) {
    const std::uint64_t at = static_cast<std::uint64_t>(i) * 2 * page.value;
    every_other.push_back(part(at, at + page.value));
  }
  std::vector<AddressRange> all = every_other;
  for (int times = 0; times < 2; ++times) all.insert(all.end(), every_other.begin(), every_other.end());
  const auto taken = advise(all);
  ASSERT_TRUE(taken) << taken.error().text();
  EXPECT_EQ(taken->value, 1500 * page.value);
}

TEST_P(AdviceContract, AProcessThatHasGoneIsAFailure) {
  const AddressRange whole = rig_->range();
  const Pid pid = rig_->pid();
  const auto another = rig_->advisor().will_need(pid, rig_->start_time() + 1, {&whole, 1});
  ASSERT_FALSE(another);
  EXPECT_EQ(another.error().kind, ErrorKind::kFailed);
  EXPECT_NE(another.error().message.find(std::to_string(pid.value)), std::string::npos);
  rig_->end();
  const auto gone = rig_->advisor().will_need(pid, rig_->start_time(), {&whole, 1});
  ASSERT_FALSE(gone);
  EXPECT_EQ(gone.error().kind, ErrorKind::kFailed);
}

}  // namespace
}  // namespace tier
