// A process that writes registers is killed (SIGKILL) at 256 points; the restore program then runs, as
// systemd would run it. Registers are files of the MSR device's layout.
#include <fmt/format.h>
#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <csignal>
#include <cstdlib>
#include <fstream>
#include <map>
#include <random>
#include <vector>

#include "platform/linux/msr_file.h"
#include "platform/linux/msr_registers.h"
#include "prefetch/registers/register_guard.h"

namespace tier {
namespace {

namespace fs = std::filesystem;

constexpr std::uint32_t kCpus = 4;
constexpr std::array<std::uint32_t, 2> kRegs = {0x1A4, 0x6D};
constexpr std::array<std::uint64_t, 2> kMasks = {0x2F, (1ULL << 14) | (1ULL << 42)};
constexpr int kPoints = 256;

// Kills this process before or after one of its accesses.
class Deadly final : public Registers {
 public:
  Deadly(Registers& real, unsigned access, bool before) : real_(real), left_(access), before_(before) {}
  Result<std::uint64_t> read(std::uint32_t cpu, std::uint32_t reg) override {
    die(true);
    auto value = real_.read(cpu, reg);
    die(false);
    return value;
  }
  Result<void> write(std::uint32_t cpu, std::uint32_t reg, std::uint64_t value) override {
    die(true);
    auto done = real_.write(cpu, reg, value);
    die(false);
    return done;
  }

 private:
  void die(bool before) {
    if (before == before_ && left_-- == 0) kill(getpid(), SIGKILL);
  }
  Registers& real_;
  unsigned left_;
  bool before_;
};

class RegisterKillTest : public ::testing::Test {
 protected:
  RegisterKillTest() {
    fs::remove_all(folder_);
    for (std::uint32_t cpu = 0; cpu < kCpus; ++cpu) {
      fs::create_directories(folder_ / std::to_string(cpu));
      std::ofstream(device(cpu)) << "";
    }
    std::ofstream(folder_ / "boot_id") << boot_ << "\n";
  }
  ~RegisterKillTest() override { fs::remove_all(folder_); }

  fs::path device(std::uint32_t cpu) const { return folder_ / std::to_string(cpu) / "msr"; }
  std::uint64_t read(std::uint32_t cpu, std::uint32_t reg) const {
    std::uint64_t value = 0;
    EXPECT_EQ(tier_msr_read(folder_.c_str(), cpu, reg, &value), 0);
    return value;
  }
  void write(std::uint32_t cpu, std::uint32_t reg, std::uint64_t value) const {
    EXPECT_EQ(tier_msr_write(folder_.c_str(), cpu, reg, value), 0);
  }

  // Never returns.
  void run_until_killed(unsigned seed) const {
    std::mt19937_64 random(seed);
    MsrRegisters real(folder_.string());
    Deadly registers(real, static_cast<unsigned>(random() % 60), random() % 2 == 0);
    auto journal = RegisterJournal::open(journal_, boot_);
    if (!journal) std::_Exit(3);
    RegisterGuard guard(registers, *std::move(journal), std::chrono::seconds(10));
    (void)guard.begin({});
    for (;;) {
      const std::size_t i = random() % kRegs.size();
      (void)guard.set({static_cast<std::uint32_t>(random() % kCpus), kTierNoCpu, kRegs[i], kMasks[i]},
                      random());
    }
  }
  int restore() const {
    const int status = std::system(fmt::format("{} --journal {} --devices {} --boot-id {} > {}",
                                               TIER_RESTORE_PROGRAM, journal_.string(), folder_.string(),
                                               (folder_ / "boot_id").string(), (folder_ / "out").string())
                                       .c_str());
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
  }

  // A value of the register that tierd neither found nor wrote last, nor was about to write.
  std::uint64_t somebody_elses(std::pair<std::uint32_t, std::uint32_t> key, std::mt19937_64& random) const {
    TierJournalRecord record{}, last{};
    std::ifstream journal(journal_, std::ios::binary);
    while (journal.read(reinterpret_cast<char*>(&record), sizeof record))
      if (record.cpu == key.first && record.reg == key.second) last = record;
    for (;;) {
      const std::uint64_t other = (last.after & ~last.mask) | (random() & last.mask);
      bool known = false;
      for (const std::uint64_t value : {last.original, last.before, last.after})
        known |= (value & last.mask) == (other & last.mask);
      if (!known) return other;
    }
  }

  const fs::path folder_ = fs::temp_directory_path() / ("registers-" + std::to_string(getpid()));
  const fs::path journal_ = folder_ / "journal";
  const std::string boot_ = std::string(kTierBootIdSize, 'b');
};

TEST_F(RegisterKillTest, EveryRegisterIsBitExactAfterTheRestoreProgramRan) {
  unsigned left_written = 0, foreign = 0;
  for (unsigned point = 0; point < kPoints; ++point) {
    std::mt19937_64 random(1000 + point);
    fs::remove(journal_);
    std::map<std::pair<std::uint32_t, std::uint32_t>, std::uint64_t> expected;
    for (std::uint32_t cpu = 0; cpu < kCpus; ++cpu)
      for (const std::uint32_t reg : kRegs) write(cpu, reg, expected[{cpu, reg}] = random());
    const pid_t child = fork();
    if (child == 0) run_until_killed(point);
    int status = 0;
    ASSERT_EQ(waitpid(child, &status, 0), child);
    ASSERT_TRUE(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL) << status;
    std::vector<std::pair<std::uint32_t, std::uint32_t>> changed;
    for (const auto& [key, value] : expected)
      if (read(key.first, key.second) != value) changed.push_back(key);
    left_written += changed.empty() ? 0 : 1;
    // At every third point somebody else has written one of them since.
    const bool taken = point % 3 == 0 && !changed.empty();
    if (taken) {
      const auto key = changed[random() % changed.size()];
      expected[key] = somebody_elses(key, random);
      write(key.first, key.second, expected[key]);
      ++foreign;
    }
    for (const int code : {restore(), restore()}) EXPECT_EQ(code, taken ? 6 : 0) << point;
    for (const auto& [key, value] : expected)
      EXPECT_EQ(read(key.first, key.second), value) << point << " CPU " << key.first;
  }
  EXPECT_GT(left_written, kPoints / 2U) << "most kills must leave something to restore";
  EXPECT_GT(foreign, 20U);
}

TEST_F(RegisterKillTest, TheProgramRefusesWhatItDoesNotKnow) {
  EXPECT_EQ(WEXITSTATUS(std::system(TIER_RESTORE_PROGRAM " --nonsense 2>/dev/null")), 2);
  EXPECT_EQ(WEXITSTATUS(std::system(TIER_RESTORE_PROGRAM " --boot-id /nowhere 2>/dev/null")), 1);
}

}  // namespace
}  // namespace tier
