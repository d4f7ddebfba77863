#include "prefetch/guard/knob_guard.h"

#include <gtest/gtest.h>
#include <sys/resource.h>

#include <csignal>

#include "platform/fake/fake_knobs.h"

namespace tier {
namespace {

using namespace std::chrono_literals;
namespace fs = std::filesystem;

const std::string kBoot(kTierBootIdSize, 'b');
constexpr Knob kKnob{kTierKnobRegister, 0, 0x1A4};
constexpr std::uint64_t kFound = 0xABCD'0000'0000'0820;  // bit 11 is not ours to touch
constexpr ControlledKnob kWhich{kKnob, 0x2F, 1};

class KnobGuardTest : public ::testing::Test {
 protected:
  KnobGuardTest() {
    fs::remove(path_);
    knobs_.at(kKnob) = kFound;
  }
  ~KnobGuardTest() override { fs::remove(path_); }

  KnobJournal journal() {
    auto opened = KnobJournal::open(path_, kBoot);
    EXPECT_TRUE(opened) << (opened ? "" : opened.error().text());
    return *std::move(opened);
  }
  std::unique_ptr<KnobGuard> guard() {
    auto made = std::make_unique<KnobGuard>(knobs_, journal(), 10s,
                                            [this](const KnobWrite& write) { log_.push_back(write); });
    EXPECT_TRUE(made->begin(0s));
    return made;
  }

  const fs::path path_ = fs::temp_directory_path() / ("guard-" + std::to_string(getpid()) + ".journal");
  FakeKnobs knobs_;
  std::vector<KnobWrite> log_;
};

TEST_F(KnobGuardTest, WritesTheBitsOfTheMaskAndPutsThemBack) {
  {
    const auto guard = this->guard();
    ASSERT_TRUE(guard->set(kWhich, 0xF));
    EXPECT_EQ(knobs_.at(kKnob), (kFound & ~0x2FULL) | 0xF);
    ASSERT_TRUE(guard->set(kWhich, 0xF));  // nothing to change, nothing written
    EXPECT_EQ(knobs_.writes.size(), 1U);
    ASSERT_EQ(log_.size(), 1U);
    EXPECT_EQ(log_[0].before, kFound);
    EXPECT_EQ(log_[0].after, knobs_.at(kKnob));
    ASSERT_TRUE(guard->set(kWhich, 0x3));
    EXPECT_EQ(guard->controlled(), 1U);
  }
  EXPECT_EQ(knobs_.at(kKnob), kFound);
}

TEST_F(KnobGuardTest, BitsThatHardwareMovesStayAsTheyAre) {
  {
    const auto guard = this->guard();
    ASSERT_TRUE(guard->set(kWhich, 0xF));
    knobs_.at(kKnob) ^= 1ULL << 12;
    ASSERT_TRUE(guard->set(kWhich, 0x1));
  }
  EXPECT_EQ(knobs_.at(kKnob), kFound ^ 1ULL << 12);
}

TEST_F(KnobGuardTest, WhatSomebodyElseWroteIsLeftToHim) {
  {
    const auto guard = this->guard();
    ASSERT_TRUE(guard->set(kWhich, 0xF));
    knobs_.at(kKnob) = kFound ^ 0x4;
    const auto refused = guard->set(kWhich, 0x3);
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().kind, ErrorKind::kDiffers);
    EXPECT_FALSE(guard->set(kWhich, 0xF).has_value());
    EXPECT_EQ(guard->controlled(), 0U);
  }
  EXPECT_EQ(knobs_.at(kKnob), kFound ^ 0x4);
}

TEST_F(KnobGuardTest, SomebodyElsesValueSurvivesTheRestore) {
  const auto guard = this->guard();
  ASSERT_TRUE(guard->set(kWhich, 0xF));
  knobs_.at(kKnob) = kFound ^ 0x4;
  const auto report = guard->restore();
  ASSERT_TRUE(report);
  EXPECT_EQ(report->summary.foreign, 1U);
  EXPECT_EQ(knobs_.at(kKnob), kFound ^ 0x4);
  EXPECT_FALSE(guard->set(kWhich, 0x3).has_value());
}

TEST_F(KnobGuardTest, AWriteThatDoesNotHoldIsTakenBackAndNotTriedAgain) {
  knobs_.stuck = 0x2;
  const auto guard = this->guard();
  const auto refused = guard->set(kWhich, 0xF);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().kind, ErrorKind::kUnsupported);
  EXPECT_EQ(knobs_.at(kKnob), kFound);
  const std::size_t writes = knobs_.writes.size();
  EXPECT_FALSE(guard->set(kWhich, 0x1).has_value());
  EXPECT_EQ(knobs_.writes.size(), writes);
}

TEST_F(KnobGuardTest, ARegisterThatIsNotThereIsNotWritten) {
  const auto guard = this->guard();
  EXPECT_FALSE(guard->set({{kTierKnobRegister, 0, 0x6D}, 0x1}, 1).has_value());
  knobs_.faulty.insert(kKnob.index);
  EXPECT_FALSE(guard->set(kWhich, 0xF).has_value());
  EXPECT_EQ(knobs_.at(kKnob), kFound);
}

TEST_F(KnobGuardTest, ALeaseThatIsNotRenewedPutsEverythingBack) {
  const auto guard = this->guard();
  ASSERT_TRUE(guard->set(kWhich, 0xF));
  EXPECT_FALSE(guard->expire(10s));
  const auto report = guard->expire(11s);
  ASSERT_TRUE(report && *report);
  EXPECT_EQ((*report)->summary.restored, 1U);
  EXPECT_EQ(knobs_.at(kKnob), kFound);
  EXPECT_FALSE(guard->set(kWhich, 0xF).has_value());
  EXPECT_FALSE(guard->expire(12s)) << "it is told once";
  guard->renew(12s);
  EXPECT_TRUE(guard->set(kWhich, 0xF));
}

TEST_F(KnobGuardTest, TheNextProcessPutsBackWhatADeadOneLeft) {
  auto first = guard();
  ASSERT_TRUE(first->set(kWhich, 0xF));
  ASSERT_TRUE(first->set(kWhich, 0x1));
  const FakeKnobs at_death = knobs_;
  const fs::path kept = path_.string() + ".kept";
  fs::copy_file(path_, kept, fs::copy_options::overwrite_existing);
  first.reset();
  knobs_ = at_death, fs::rename(kept, path_);
  KnobGuard second(knobs_, journal(), 10s);
  const auto report = second.begin(0s);
  ASSERT_TRUE(report);
  EXPECT_EQ(report->summary.restored, 1U);
  EXPECT_EQ(knobs_.at(kKnob), kFound);
  const auto again = second.restore();
  ASSERT_TRUE(again);
  EXPECT_EQ(again->summary.restored, 0U) << "it is noted in the journal";
  EXPECT_TRUE(second.set(kWhich, 0x3));
}

TEST_F(KnobGuardTest, AnOfflineCpusRegisterIsReachedThroughTheOneThatSharesIt) {
  {
    const auto guard = this->guard();
    ASSERT_TRUE(guard->set(kWhich, 0xF));
    knobs_.offline = {0};
  }
  EXPECT_EQ(knobs_.at(kKnob), kFound);
  EXPECT_EQ(knobs_.writes.back().unit, 1U);
}

TEST_F(KnobGuardTest, WhatCannotBePutBackIsRefusedUntilTheCpuComesBack) {
  const auto guard = this->guard();
  ASSERT_TRUE(guard->set(kWhich, 0xF));
  knobs_.offline = {0, 1};
  const auto report = guard->restore();
  ASSERT_TRUE(report);
  EXPECT_EQ(report->summary.failed, 1U);
  knobs_.offline.clear();
  EXPECT_FALSE(guard->set(kWhich, 0x3).has_value()) << "what it held is known to the journal alone";
  knobs_.at(kKnob) = 0x800;  // as reset leaves it
  ASSERT_TRUE(guard->forget_cpu(0));
  ASSERT_TRUE(guard->set(kWhich, 0x3));
  ASSERT_TRUE(guard->restore());
  EXPECT_EQ(knobs_.at(kKnob), 0x800U);
}

TEST_F(KnobGuardTest, ALapsedLeaseIsTriedAgainWhileTheJournalCannotBeRead) {
  const auto guard = this->guard();
  ASSERT_TRUE(guard->set(kWhich, 0xF));
  const fs::path aside = path_.string() + ".aside";
  fs::rename(path_, aside), fs::create_directory(path_);
  const auto failed = guard->expire(11s);
  ASSERT_TRUE(failed);
  EXPECT_FALSE(*failed);
  fs::remove(path_), fs::rename(aside, path_);
  const auto report = guard->expire(12s);
  ASSERT_TRUE(report && *report);
  EXPECT_EQ(knobs_.at(kKnob), kFound);
}

TEST_F(KnobGuardTest, AnUndoneWriteIsNotedAsSuchOnlyWhereItHeld) {
  const auto guard = this->guard();
  ASSERT_TRUE(guard->set(kWhich, 0x1));
  knobs_.stuck = 0x1;  // from now on what was written stays
  EXPECT_FALSE(guard->set(kWhich, 0xE).has_value());
  knobs_.stuck = 0;
  ASSERT_TRUE(guard->restore());
  EXPECT_EQ(knobs_.at(kKnob), kFound);
}

// As a kill between a write that took in part and its undoing leaves it.
TEST_F(KnobGuardTest, AWriteThatTookInPartIsPutBackByTheNextProcess) {
  constexpr std::uint64_t kPart = (kFound & ~0x2FULL) | 0xD;
  const auto guard = this->guard();
  knobs_.stuck = 0x2;
  knobs_.writes_left = 1;
  EXPECT_FALSE(guard->set(kWhich, 0xF).has_value());
  EXPECT_EQ(knobs_.at(kKnob), kPart);
  knobs_.writes_left.reset();
  KnobGuard next(knobs_, journal(), 10s);
  const auto report = next.begin(0s);
  ASSERT_TRUE(report);
  EXPECT_EQ(report->summary.restored, 1U);
  EXPECT_EQ(knobs_.at(kKnob), kFound);
}

TEST_F(KnobGuardTest, WhatWasLeftOnACpuThatCameBackIsNotReplayed) {
  const auto guard = this->guard();
  ASSERT_TRUE(guard->set(kWhich, 0xF));
  knobs_.offline = {0, 1};
  ASSERT_TRUE(guard->restore());
  knobs_.offline.clear();
  ASSERT_TRUE(guard->forget_cpu(0));
  knobs_.at(kKnob) = (kFound & ~0x2FULL) | 0xF;  // as firmware has it now; tierd's by chance
  ASSERT_TRUE(guard->restore());
  EXPECT_EQ(knobs_.at(kKnob), (kFound & ~0x2FULL) | 0xF);
}

TEST_F(KnobGuardTest, ReadAheadIsOneNumberAndPutBackAsAWhole) {
  constexpr Knob kDevice{kTierKnobReadahead, 8 << 20 | 16, 0}, kSwap{kTierKnobPageCluster, 0, 0};
  knobs_.at(kDevice) = 128, knobs_.at(kSwap) = 3;
  {
    const auto guard = this->guard();
    ASSERT_TRUE(guard->set({kDevice}, 0));
    ASSERT_TRUE(guard->set({kSwap}, 0));
    ASSERT_TRUE(guard->forget_cpu(8 << 20 | 16)) << "of CPUs alone";
    ASSERT_TRUE(guard->set({kDevice}, 4096));
    EXPECT_EQ(knobs_.at(kDevice), 4096U);
    EXPECT_EQ(guard->controlled(), 2U);
  }
  EXPECT_EQ(knobs_.at(kDevice), 128U);
  EXPECT_EQ(knobs_.at(kSwap), 3U);
}

TEST_F(KnobGuardTest, WithoutTheJournalNothingIsWritten) {
  const auto child = [&] {
    const auto guard = this->guard();
    std::signal(SIGXFSZ, SIG_IGN);
    const rlimit none{0, 0};
    setrlimit(RLIMIT_FSIZE, &none);
    const auto refused = guard->set(kWhich, 0xF);
    const bool good = !refused && refused.error().kind == ErrorKind::kFailed && knobs_.at(kKnob) == kFound;
    std::_Exit(good ? 0 : 1);
  };
  EXPECT_EXIT(child(), ::testing::ExitedWithCode(0), "");
}

}  // namespace
}  // namespace tier
