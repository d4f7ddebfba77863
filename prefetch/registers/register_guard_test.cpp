#include "prefetch/registers/register_guard.h"

#include <gtest/gtest.h>
#include <sys/resource.h>

#include <csignal>

#include "platform/fake/fake_registers.h"

namespace tier {
namespace {

using namespace std::chrono_literals;
namespace fs = std::filesystem;

const std::string kBoot(kTierBootIdSize, 'b');
constexpr std::uint32_t kReg = 0x1A4;
constexpr std::uint64_t kFound = 0xABCD'0000'0000'0820;  // bit 11 is not ours to touch
constexpr ControlledRegister kWhich{0, 1, kReg, 0x2F};

class RegisterGuardTest : public ::testing::Test {
 protected:
  RegisterGuardTest() {
    fs::remove(path_);
    registers_.at(0, kReg) = kFound;
  }
  ~RegisterGuardTest() override { fs::remove(path_); }

  RegisterJournal journal() {
    auto opened = RegisterJournal::open(path_, kBoot);
    EXPECT_TRUE(opened) << (opened ? "" : opened.error().text());
    return *std::move(opened);
  }
  std::unique_ptr<RegisterGuard> guard() {
    auto made = std::make_unique<RegisterGuard>(
        registers_, journal(), 10s, [this](const RegisterWrite& write) { log_.push_back(write); });
    EXPECT_TRUE(made->begin(0s));
    return made;
  }

  const fs::path path_ = fs::temp_directory_path() / ("guard-" + std::to_string(getpid()) + ".journal");
  FakeRegisters registers_;
  std::vector<RegisterWrite> log_;
};

TEST_F(RegisterGuardTest, WritesTheBitsOfTheMaskAndPutsThemBack) {
  {
    const auto guard = this->guard();
    ASSERT_TRUE(guard->set(kWhich, 0xF));
    EXPECT_EQ(registers_.at(0, kReg), (kFound & ~0x2FULL) | 0xF);
    ASSERT_TRUE(guard->set(kWhich, 0xF));  // nothing to change, nothing written
    EXPECT_EQ(registers_.writes.size(), 1U);
    ASSERT_EQ(log_.size(), 1U);
    EXPECT_EQ(log_[0].before, kFound);
    EXPECT_EQ(log_[0].after, registers_.at(0, kReg));
    ASSERT_TRUE(guard->set(kWhich, 0x3));
    EXPECT_EQ(guard->controlled(), 1U);
  }
  EXPECT_EQ(registers_.at(0, kReg), kFound);
}

TEST_F(RegisterGuardTest, BitsThatHardwareMovesStayAsTheyAre) {
  {
    const auto guard = this->guard();
    ASSERT_TRUE(guard->set(kWhich, 0xF));
    registers_.at(0, kReg) ^= 1ULL << 12;
    ASSERT_TRUE(guard->set(kWhich, 0x1));
  }
  EXPECT_EQ(registers_.at(0, kReg), kFound ^ 1ULL << 12);
}

TEST_F(RegisterGuardTest, WhatSomebodyElseWroteIsLeftToHim) {
  {
    const auto guard = this->guard();
    ASSERT_TRUE(guard->set(kWhich, 0xF));
    registers_.at(0, kReg) = kFound ^ 0x4;
    const auto refused = guard->set(kWhich, 0x3);
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().kind, ErrorKind::kDiffers);
    EXPECT_FALSE(guard->set(kWhich, 0xF));
    EXPECT_EQ(guard->controlled(), 0U);
  }
  EXPECT_EQ(registers_.at(0, kReg), kFound ^ 0x4);
}

TEST_F(RegisterGuardTest, SomebodyElsesValueSurvivesTheRestore) {
  const auto guard = this->guard();
  ASSERT_TRUE(guard->set(kWhich, 0xF));
  registers_.at(0, kReg) = kFound ^ 0x4;
  const auto report = guard->restore();
  ASSERT_TRUE(report);
  EXPECT_EQ(report->summary.foreign, 1U);
  EXPECT_EQ(registers_.at(0, kReg), kFound ^ 0x4);
  EXPECT_FALSE(guard->set(kWhich, 0x3));
}

TEST_F(RegisterGuardTest, AWriteThatDoesNotHoldIsTakenBackAndNotTriedAgain) {
  registers_.stuck = 0x2;
  const auto guard = this->guard();
  const auto refused = guard->set(kWhich, 0xF);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().kind, ErrorKind::kUnsupported);
  EXPECT_EQ(registers_.at(0, kReg), kFound);
  const std::size_t writes = registers_.writes.size();
  EXPECT_FALSE(guard->set(kWhich, 0x1));
  EXPECT_EQ(registers_.writes.size(), writes);
}

TEST_F(RegisterGuardTest, ARegisterThatIsNotThereIsNotWritten) {
  const auto guard = this->guard();
  EXPECT_FALSE(guard->set({0, 1, 0x6D, 0x1}, 1));
  registers_.faulty.insert(kReg);
  EXPECT_FALSE(guard->set(kWhich, 0xF));
  EXPECT_EQ(registers_.at(0, kReg), kFound);
}

TEST_F(RegisterGuardTest, ALeaseThatIsNotRenewedPutsEverythingBack) {
  const auto guard = this->guard();
  ASSERT_TRUE(guard->set(kWhich, 0xF));
  EXPECT_FALSE(guard->expire(10s));
  const auto report = guard->expire(11s);
  ASSERT_TRUE(report);
  EXPECT_EQ(report->summary.restored, 1U);
  EXPECT_EQ(registers_.at(0, kReg), kFound);
  EXPECT_FALSE(guard->set(kWhich, 0xF));
  EXPECT_FALSE(guard->expire(12s)) << "it is told once";
  guard->renew(12s);
  EXPECT_TRUE(guard->set(kWhich, 0xF));
}

TEST_F(RegisterGuardTest, TheNextProcessPutsBackWhatADeadOneLeft) {
  auto first = guard();
  ASSERT_TRUE(first->set(kWhich, 0xF));
  ASSERT_TRUE(first->set(kWhich, 0x1));
  const FakeRegisters at_death = registers_;
  const fs::path kept = path_.string() + ".kept";
  fs::copy_file(path_, kept, fs::copy_options::overwrite_existing);
  first.reset();
  registers_ = at_death, fs::rename(kept, path_);
  RegisterGuard second(registers_, journal(), 10s);
  const auto report = second.begin(0s);
  ASSERT_TRUE(report);
  EXPECT_EQ(report->summary.restored, 1U);
  EXPECT_EQ(registers_.at(0, kReg), kFound);
  const auto again = second.restore();
  ASSERT_TRUE(again);
  EXPECT_EQ(again->summary.restored, 0U) << "it is noted in the journal";
  EXPECT_TRUE(second.set(kWhich, 0x3));
}

TEST_F(RegisterGuardTest, AnOfflineCpusRegisterIsReachedThroughTheOneThatSharesIt) {
  {
    const auto guard = this->guard();
    ASSERT_TRUE(guard->set(kWhich, 0xF));
    registers_.offline = {0};
  }
  EXPECT_EQ(registers_.at(0, kReg), kFound);
  EXPECT_EQ(registers_.writes.back().first, 1U);
}

TEST_F(RegisterGuardTest, WhatCannotBePutBackIsRefusedUntilTheCpuComesBack) {
  const auto guard = this->guard();
  ASSERT_TRUE(guard->set(kWhich, 0xF));
  registers_.offline = {0, 1};
  const auto report = guard->restore();
  ASSERT_TRUE(report);
  EXPECT_EQ(report->summary.failed, 1U);
  registers_.offline.clear();
  EXPECT_FALSE(guard->set(kWhich, 0x3)) << "what it held is known to the journal alone";
  registers_.at(0, kReg) = 0x800;  // as reset leaves it
  ASSERT_TRUE(guard->forget_cpu(0));
  ASSERT_TRUE(guard->set(kWhich, 0x3));
  ASSERT_TRUE(guard->restore());
  EXPECT_EQ(registers_.at(0, kReg), 0x800U);
}

TEST_F(RegisterGuardTest, WithoutTheJournalNothingIsWritten) {
  const auto child = [&] {
    const auto guard = this->guard();
    std::signal(SIGXFSZ, SIG_IGN);
    const rlimit none{0, 0};
    setrlimit(RLIMIT_FSIZE, &none);
    const auto refused = guard->set(kWhich, 0xF);
    const bool good =
        !refused && refused.error().kind == ErrorKind::kFailed && registers_.at(0, kReg) == kFound;
    std::_Exit(good ? 0 : 1);
  };
  EXPECT_EXIT(child(), ::testing::ExitedWithCode(0), "");
}

}  // namespace
}  // namespace tier
