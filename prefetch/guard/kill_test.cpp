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

#include "platform/linux/knob_file.h"
#include "platform/linux/linux_knobs.h"
#include "prefetch/guard/knob_guard.h"

namespace tier {
namespace {

namespace fs = std::filesystem;

constexpr std::uint32_t kCpus = 4;
constexpr std::uint32_t kDevice = 8 << 20 | 16;
constexpr int kPoints = 256;

// Two registers of each CPU, and the read-ahead of a block device.
std::vector<ControlledKnob> all_knobs() {
  std::vector<ControlledKnob> all = {{{kTierKnobReadahead, kDevice, 0}, 0xFFFF}};
  for (std::uint32_t cpu = 0; cpu < kCpus; ++cpu) {
    all.push_back({{kTierKnobRegister, cpu, 0x1A4}, 0x2F});
    all.push_back({{kTierKnobRegister, cpu, 0x6D}, (1ULL << 14) | (1ULL << 42)});
  }
  return all;
}

// Kills this process before or after one of its accesses.
class Deadly final : public Knobs {
 public:
  Deadly(Knobs& real, unsigned access, bool before) : real_(real), left_(access), before_(before) {}
  Result<std::uint64_t> read(const Knob& knob) override {
    die(true);
    auto value = real_.read(knob);
    die(false);
    return value;
  }
  Result<void> write(const Knob& knob, std::uint64_t value) override {
    die(true);
    auto done = real_.write(knob, value);
    die(false);
    return done;
  }

 private:
  void die(bool before) {
    if (before == before_ && left_-- == 0) kill(getpid(), SIGKILL);
  }
  Knobs& real_;
  unsigned left_;
  bool before_;
};

class KillTest : public ::testing::Test {
 protected:
  KillTest() {
    fs::remove_all(folder_);
    for (std::uint32_t cpu = 0; cpu < kCpus; ++cpu) {
      fs::create_directories(fs::path(cpus_) / std::to_string(cpu));
      std::ofstream(fs::path(cpus_) / std::to_string(cpu) / "msr") << "";
    }
    fs::create_directories(fs::path(block_) / "8:16/queue");
    std::ofstream(fs::path(block_) / "8:16/queue/read_ahead_kb") << "128\n";
    std::ofstream(folder_ / "boot_id") << boot_ << "\n";
  }
  ~KillTest() override { fs::remove_all(folder_); }

  TierKnobFiles files() const { return {cpus_.c_str(), block_.c_str(), "/nowhere"}; }
  std::uint64_t read(const Knob& knob) const {
    const auto value = LinuxKnobs(files()).read(knob);
    EXPECT_TRUE(value) << (value ? "" : value.error().text());
    return value ? *value : 0;
  }
  void write(const Knob& knob, std::uint64_t value) const {
    // A file in place of sysfs keeps the digits beyond those that are written.
    if (knob.kind == kTierKnobReadahead) std::ofstream(fs::path(block_) / "8:16/queue/read_ahead_kb");
    EXPECT_TRUE(LinuxKnobs(files()).write(knob, value));
  }

  // Never returns.
  void run_until_killed(unsigned seed) const {
    std::mt19937_64 random(seed);
    LinuxKnobs real(files());
    Deadly knobs(real, static_cast<unsigned>(random() % 60), random() % 2 == 0);
    auto journal = KnobJournal::open(journal_, boot_);
    if (!journal) std::_Exit(3);
    KnobGuard guard(knobs, *std::move(journal), std::chrono::seconds(10));
    (void)guard.begin({});
    const auto all = all_knobs();
    for (;;) {
      const ControlledKnob& which = all[random() % all.size()];
      // As many digits as before, see write().
      const bool text = which.knob.kind == kTierKnobReadahead;
      (void)guard.set(which, text ? 100 + random() % 900 : random());
    }
  }
  int restore() const {
    const int status = std::system(fmt::format("{} --journal {} --cpus {} --block {} --boot-id {} > {}",
                                               TIER_RESTORE_PROGRAM, journal_.string(), cpus_, block_,
                                               (folder_ / "boot_id").string(), (folder_ / "out").string())
                                       .c_str());
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
  }

  // A value of the knob that tierd neither found nor wrote last, nor was about to write.
  std::uint64_t somebody_elses(const Knob& knob, std::mt19937_64& random) const {
    TierJournalRecord record{}, last{};
    std::ifstream journal(journal_, std::ios::binary);
    while (journal.read(reinterpret_cast<char*>(&record), sizeof record))
      if (!KnobOrder()(record.knob, knob) && !KnobOrder()(knob, record.knob)) last = record;
    for (;;) {
      const bool text = knob.kind == kTierKnobReadahead;
      const std::uint64_t bits = text ? 100 + random() % 900 : random();
      const std::uint64_t other = (last.after & ~last.mask) | (bits & last.mask);
      bool known = false;
      for (const std::uint64_t value : {last.original, last.before, last.after})
        known |= (value & last.mask) == (other & last.mask);
      if (!known) return other;
    }
  }

  const fs::path folder_ = fs::temp_directory_path() / ("knobs-" + std::to_string(getpid()));
  const fs::path journal_ = folder_ / "journal";
  const std::string cpus_ = (folder_ / "cpu").string(), block_ = (folder_ / "block").string();
  const std::string boot_ = std::string(kTierBootIdSize, 'b');
};

TEST_F(KillTest, EveryKnobIsBitExactAfterTheRestoreProgramRan) {
  unsigned left_written = 0, foreign = 0;
  for (unsigned point = 0; point < kPoints; ++point) {
    std::mt19937_64 random(1000 + point);
    fs::remove(journal_);
    std::map<Knob, std::uint64_t, KnobOrder> expected;
    for (const ControlledKnob& each : all_knobs()) {
      expected[each.knob] = each.knob.kind == kTierKnobReadahead ? 128 : random();
      write(each.knob, expected[each.knob]);
    }
    const pid_t child = fork();
    if (child == 0) run_until_killed(point);
    int status = 0;
    ASSERT_EQ(waitpid(child, &status, 0), child);
    ASSERT_TRUE(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL) << status;
    std::vector<Knob> changed;
    for (const auto& [knob, value] : expected)
      if (read(knob) != value) changed.push_back(knob);
    left_written += changed.empty() ? 0 : 1;
    // At every third point somebody else has written one of them since.
    const bool taken = point % 3 == 0 && !changed.empty();
    if (taken) {
      const Knob& knob = changed[random() % changed.size()];
      expected[knob] = somebody_elses(knob, random);
      write(knob, expected[knob]);
      ++foreign;
    }
    for (const int code : {restore(), restore()}) EXPECT_EQ(code, taken ? 6 : 0) << point;
    for (const auto& [knob, value] : expected)
      EXPECT_EQ(read(knob), value) << "point " << point << ", " << to_string(knob);
  }
  EXPECT_GT(left_written, kPoints / 2U) << "most kills must leave something to restore";
  EXPECT_GT(foreign, 20U);
}

TEST_F(KillTest, TheProgramRefusesWhatItDoesNotKnow) {
  EXPECT_EQ(WEXITSTATUS(std::system(TIER_RESTORE_PROGRAM " --nonsense 2>/dev/null")), 2);
  EXPECT_EQ(WEXITSTATUS(std::system(TIER_RESTORE_PROGRAM " --boot-id /nowhere 2>/dev/null")), 1);
}

}  // namespace
}  // namespace tier
