// The kill run over plain files in place of the kernel's: of the MSR device's layout, and a block device's
// read-ahead. On registers that behave: register_kill.cpp.
#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdlib>
#include <fstream>

#include "platform/linux/linux_knobs.h"
#include "tests/native/kill_run.h"

namespace tier {
namespace {

namespace fs = std::filesystem;

constexpr std::uint32_t kCpus = 4;
constexpr std::uint32_t kDevice = 8 << 20 | 16;

class PlainFiles final : public KillRig {
 public:
  explicit PlainFiles(const fs::path& folder)
      : cpus_((folder / "cpu").string()), block_((folder / "block").string()) {
    for (std::uint32_t cpu = 0; cpu < kCpus; ++cpu) {
      fs::create_directories(fs::path(cpus_) / std::to_string(cpu));
      std::ofstream(fs::path(cpus_) / std::to_string(cpu) / "msr") << "";
    }
    fs::create_directories(fs::path(block_) / "8:16/queue");
    std::ofstream(fs::path(block_) / "8:16/queue/read_ahead_kb") << "128\n";
  }
  TierKnobFiles files() const override { return {cpus_.c_str(), block_.c_str(), "/nowhere"}; }
  std::vector<ControlledKnob> controlled() const override {
    std::vector<ControlledKnob> all = {{{kTierKnobReadahead, kDevice, 0}, 0xFFFF}};
    for (std::uint32_t cpu = 0; cpu < kCpus; ++cpu) {
      all.push_back({{kTierKnobRegister, cpu, 0x1A4}, 0x2F});
      all.push_back({{kTierKnobRegister, cpu, 0x6D}, (1ULL << 14) | (1ULL << 42)});
    }
    return all;
  }
  std::uint64_t get(const Knob& knob) override {
    const auto value = LinuxKnobs(files()).read(knob);
    EXPECT_TRUE(value) << (value ? "" : value.error().text());
    return value ? *value : 0;
  }
  void set(const Knob& knob, std::uint64_t value) override {
    EXPECT_TRUE(LinuxKnobs(files()).write(knob, value));
  }

 private:
  const std::string cpus_, block_;
};

TEST(PrefetchKill, EveryKnobIsBitExactAfterTheRestoreProgramRan) {
  const fs::path folder = fs::temp_directory_path() / ("knobs-" + std::to_string(getpid()));
  fs::remove_all(folder);
  PlainFiles files(folder);
  const KillCounts counts = run_kills(files, {.kills = 256, .seed = 1, .folder = folder});
  for (const std::string& fault : counts.faults) ADD_FAILURE() << fault;
  EXPECT_EQ(counts.kills, 256U);
  EXPECT_GT(counts.left_written, 128U) << "most kills must leave something to restore";
  EXPECT_GT(counts.foreign, 20U);
  EXPECT_GT(counts.rewritten, 20U);
  fs::remove_all(folder);
}

// The restore program reads no configuration: it is told the known path alone.
TEST(PrefetchKill, AJournalElsewhereIsFoundByTheKnownPath) {
  const fs::path folder = fs::temp_directory_path() / ("known-" + std::to_string(getpid()));
  fs::remove_all(folder);
  PlainFiles files(folder);
  fs::create_directory(folder / "run");
  const fs::path known = folder / "run" / "prefetch.journal";
  const KillCounts counts = run_kills(files, {.kills = 96, .seed = 2, .folder = folder, .known = known});
  for (const std::string& fault : counts.faults) ADD_FAILURE() << fault;
  EXPECT_EQ(counts.kills, 96U);
  EXPECT_GT(counts.left_written, 40U) << "most kills must leave something to restore";
  EXPECT_TRUE(fs::is_symlink(known));
  fs::remove_all(folder);
}

TEST(PrefetchKill, TheProgramSaysThatALinkLeadsNowhere) {
  const fs::path folder = fs::temp_directory_path() / ("nowhere-" + std::to_string(getpid()));
  fs::create_directories(folder);
  fs::create_symlink(folder / "gone", folder / "known");
  const std::string restore = TIER_RESTORE_PROGRAM " --journal " + folder.string();
  EXPECT_EQ(WEXITSTATUS(std::system((restore + "/known >/dev/null 2>&1").c_str())), 1);
  EXPECT_EQ(WEXITSTATUS(std::system((restore + "/none >/dev/null 2>&1").c_str())), 0);
  fs::remove_all(folder);
}

TEST(PrefetchKill, TheProgramRefusesWhatItDoesNotKnow) {
  EXPECT_EQ(WEXITSTATUS(std::system(TIER_RESTORE_PROGRAM " --nonsense 2>/dev/null")), 2);
  EXPECT_EQ(WEXITSTATUS(std::system(TIER_RESTORE_PROGRAM " --boot-id /nowhere 2>/dev/null")), 1);
}

}  // namespace
}  // namespace tier
