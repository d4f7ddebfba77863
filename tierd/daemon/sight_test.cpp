#include "tierd/daemon/sight.h"

#include <gtest/gtest.h>

namespace tier {
namespace {

constexpr TargetId kWatched{1}, kGuest{2};

// Ticks of one second.
class SightTest : public testing::Test {
 protected:
  bool tick(double user_seconds, std::uint64_t samples) {
    const TargetTick job{kWatched, user_seconds, samples, samples};
    return sight_.tick(1, {&job, 1}, rate_);
  }
  bool ticks(int count, double user_seconds, std::uint64_t samples) {
    bool changed = false;
    for (int i = 0; i < count; ++i) changed |= tick(user_seconds, samples);
    return changed;
  }
  SightRate rate_;
  Sight sight_;
};

TEST_F(SightTest, NothingIsMovedBeforeSamplesHaveArrived) {
  EXPECT_EQ(sight_.state(), SightState::kStarting);
  EXPECT_FALSE(sight_.may_move());
  tick(1, 9);
  EXPECT_FALSE(sight_.may_move()) << "nine samples are no proof";
  tick(1, 9);
  EXPECT_EQ(sight_.state(), SightState::kSees);
  EXPECT_TRUE(sight_.may_move());
}

TEST_F(SightTest, ProgramsThatRunWithoutSamplesMakeItBlind) {
  ticks(3, 1, 200);
  tick(1, 0);
  EXPECT_EQ(sight_.state(), SightState::kSees) << "one tick may be chance";
  EXPECT_FALSE(sight_.may_move()) << "but moves wait";
  EXPECT_TRUE(ticks(10, 1, 0));
  EXPECT_EQ(sight_.state(), SightState::kBlind);
  EXPECT_NE(sight_.reason().find("11.0 s of CPU in 11 s without samples"), std::string::npos)
      << sight_.reason();
}

TEST_F(SightTest, AShortGapHoldsMovesOnlyUntilSamplesComeBack) {
  ticks(3, 1, 200);
  ticks(2, 1, 0);
  EXPECT_FALSE(sight_.may_move());
  tick(1, 200);
  EXPECT_TRUE(sight_.may_move());
}

TEST_F(SightTest, IdleProgramsAreNoReason) {
  ticks(3, 1, 200);
  ticks(100, 0, 0);
  EXPECT_EQ(sight_.state(), SightState::kIdle);
  EXPECT_TRUE(sight_.may_move());
}

TEST_F(SightTest, AProgramThatUsesLittleCpuIsNotMistakenForOneThatIsUnseen) {
  ticks(3, 1, 200);
  // A hundredth of a CPU under a tick of 100 Hz: one sample a second, every fifth of them missing.
  for (int i = 0; i < 1000; ++i) tick(0.01, i % 5 == 0 ? 0 : 1);
  EXPECT_NE(sight_.state(), SightState::kBlind);
  EXPECT_TRUE(sight_.may_move());
}

TEST_F(SightTest, LittleCpuWithoutASingleSampleMakesItBlindInTheEnd) {
  ticks(3, 1, 200);
  ticks(10, 0.05, 0);
  EXPECT_NE(sight_.state(), SightState::kBlind);
  ticks(11, 0.05, 0);
  EXPECT_EQ(sight_.state(), SightState::kBlind);
}

TEST_F(SightTest, BlindIsLeftByProofAlone) {
  ticks(20, 1, 0);
  ASSERT_EQ(sight_.state(), SightState::kBlind);
  tick(1, 3);
  EXPECT_EQ(sight_.state(), SightState::kBlind) << "stray samples";
  EXPECT_FALSE(sight_.may_move());
  ticks(10, 0, 0);
  EXPECT_FALSE(sight_.may_move()) << "programs that rest prove nothing";
  for (int i = 0; i < 12; ++i) {
    tick(1, 1);
    ticks(29, 1, 0);
    EXPECT_FALSE(sight_.may_move()) << "strays are no proof, however many";
  }
  EXPECT_EQ(sight_.state(), SightState::kBlind);
  tick(1, 50);
  EXPECT_EQ(sight_.state(), SightState::kSees);
}

TEST_F(SightTest, OtherSourcesHaveToProveThemselves) {
  ticks(3, 1, 200);
  sight_.sources_changed(true);
  EXPECT_EQ(sight_.state(), SightState::kStarting);
  EXPECT_FALSE(sight_.may_move());
  ticks(20, 1, 0);
  sight_.sources_changed(true);
  EXPECT_EQ(sight_.state(), SightState::kBlind) << "a new source is no sight yet";
  tick(1, 200);
  EXPECT_TRUE(sight_.may_move());
}

TEST_F(SightTest, ASourceThatWasFoundBesideRestingProgramsIsNoAlarm) {
  ticks(20, 1, 0);
  sight_.sources_changed(true);
  ticks(100, 0, 0);
  EXPECT_EQ(sight_.state(), SightState::kStarting);
  EXPECT_FALSE(sight_.dark());
  EXPECT_FALSE(sight_.may_move());
}

TEST_F(SightTest, WhenNobodyIsLeftItIsNotBlind) {
  ticks(20, 1, 0);
  ASSERT_EQ(sight_.state(), SightState::kBlind);
  sight_.tick(1, {});
  EXPECT_EQ(sight_.state(), SightState::kStarting);
}

TEST_F(SightTest, LongTicksOfAProgramThatUsesLittleCpuAreSeen) {
  // 0.3 % of a CPU at 250 Hz: 45 samples in a minute.
  rate_.per_cpu_second = 250;
  const TargetTick job{kWatched, 0.18, 45, 45};
  for (int i = 0; i < 100; ++i) sight_.tick(60, {&job, 1}, rate_);
  EXPECT_EQ(sight_.state(), SightState::kSees);
  EXPECT_TRUE(sight_.may_move());
}

TEST_F(SightTest, AThinnedRateIsNotTakenForBlindness) {
  // One tick of a hundred is a sample: 2.5 a second of CPU time.
  rate_.per_cpu_second = 2.5;
  ticks(3, 64, 160);
  for (int i = 0; i < 200; ++i) tick(0.1, i % 4 == 0 ? 1 : 0);
  EXPECT_NE(sight_.state(), SightState::kBlind);
  ticks(300, 0.1, 0);
  EXPECT_EQ(sight_.state(), SightState::kBlind) << "75 samples were due";
}

TEST_F(SightTest, OneBusyCpuOfManyIsNoSight) {
  // 64 CPUs, of which 63 have no tick.
  rate_.per_cpu_second = 250;
  ticks(3, 1, 200);
  ticks(20, 64, 200);
  EXPECT_EQ(sight_.state(), SightState::kBlind);
  EXPECT_FALSE(sight_.may_move());
}

TEST_F(SightTest, ASourceMayBeSilentForAsLongAsItSays) {
  rate_.silence = 20;
  ticks(3, 1, 200);
  for (int round = 0; round < 5; ++round) {
    ticks(19, 1, 0);
    EXPECT_TRUE(sight_.may_move());
    tick(1, 300);
  }
  ticks(30, 1, 0);
  EXPECT_FALSE(sight_.may_move());
  ticks(11, 1, 0);
  EXPECT_EQ(sight_.state(), SightState::kBlind);
}

TEST_F(SightTest, SamplesOfAProgramThatShowNoAddressDoNotShowItsPages) {
  rate_.per_cpu_second = 250;
  const TargetTick both[] = {{kWatched, 1, 250, 200}, {kGuest, 1, 250, 0}};
  for (int i = 0; i < 3; ++i) sight_.tick(1, both, rate_);
  EXPECT_EQ(sight_.unseen(), std::set<TargetId>{kGuest});
}

TEST_F(SightTest, AFewSamplesOfAProgramWithManyThreadsDoNotShowIt) {
  rate_.per_cpu_second = 250;
  const TargetTick both[] = {{kWatched, 1, 250, 200}, {kGuest, 60, 250, 200}};
  for (int i = 0; i < 10; ++i) sight_.tick(1, both, rate_);
  EXPECT_EQ(sight_.unseen(), std::set<TargetId>{kGuest});
}

TEST_F(SightTest, WithoutAnySourceItIsBlindAtOnce) {
  sight_.sources_changed(false);
  EXPECT_EQ(sight_.state(), SightState::kBlind);
  ticks(3, 1, 200);
  EXPECT_FALSE(sight_.may_move());
  EXPECT_NE(sight_.reason().find("no access source"), std::string::npos);
}

TEST_F(SightTest, OneProgramThatNobodySeesIsToldFromOthers) {
  bool changed = false;
  for (int i = 0; i < 10; ++i) {
    const TargetTick both[] = {{kWatched, 1, 100, 100}, {kGuest, 1, 0}};
    changed |= sight_.tick(1, both);
  }
  EXPECT_TRUE(changed);
  EXPECT_EQ(sight_.unseen(), std::set<TargetId>{kGuest});
  EXPECT_TRUE(sight_.may_move()) << "the others are seen";
  const TargetTick seen[] = {{kWatched, 1, 100, 100}, {kGuest, 1, 1, 1}};
  EXPECT_TRUE(sight_.tick(1, seen));
  EXPECT_TRUE(sight_.unseen().empty());
}

TEST_F(SightTest, ANewProgramIsHeldUntilItsFirstSampleOrUntilItIsKnownToRest) {
  const TargetTick both[] = {{kWatched, 0, 10, 10}, {kGuest, 0, 0}};
  sight_.tick(1, both);
  EXPECT_EQ(sight_.held(), std::set<TargetId>{kGuest}) << "its CPU time is not known yet";
  sight_.tick(1, both);
  EXPECT_TRUE(sight_.held().empty()) << "it rests";
  const TargetTick runs[] = {{kWatched, 0, 10, 10}, {kGuest, 1, 0}};
  EXPECT_TRUE(sight_.tick(1, runs));
  EXPECT_EQ(sight_.held(), std::set<TargetId>{kGuest});
  EXPECT_TRUE(sight_.unseen().empty()) << "which is no verdict yet";
  const TargetTick sampled[] = {{kWatched, 0, 10, 10}, {kGuest, 1, 1, 1}};
  sight_.tick(1, sampled);
  sight_.tick(1, runs);
  EXPECT_TRUE(sight_.held().empty()) << "what was sampled once may be sampled seldom";
}

TEST_F(SightTest, SamplesCountAsProofAsTheyArrive) {
  sight_.arrived(10);
  EXPECT_TRUE(sight_.may_move());
  tick(1, 10);
  EXPECT_EQ(sight_.state(), SightState::kSees);
}

TEST_F(SightTest, SamplesWhoseCodeIsLookedAtLaterSpeakAgainstNoProgram) {
  const TargetTick busy{kWatched, 1, 500, 1, 499}, opaque{kWatched, 1, 500, 1, 0};
  for (int i = 0; i < 5; ++i) sight_.tick(1, {&busy, 1});
  EXPECT_EQ(sight_.state(), SightState::kSees);
  EXPECT_TRUE(sight_.unseen().empty());
  for (int i = 0; i < 5; ++i) sight_.tick(1, {&opaque, 1});
  EXPECT_EQ(sight_.unseen(), std::set<TargetId>{kWatched}) << "these were looked at and show nothing";
}

TEST_F(SightTest, FewSamplesProveNothingAgainstOneProgram) {
  // All that the budget allows on a large machine: nine samples a second for a hundred busy programs.
  std::vector<TargetTick> all;
  for (std::uint32_t i = 0; i < 100; ++i)
    all.push_back({TargetId{i + 1}, 1, i < 9 ? 1u : 0u, i < 9 ? 1u : 0u});
  for (int i = 0; i < 60; ++i) sight_.tick(1, all);
  EXPECT_TRUE(sight_.unseen().empty()) << "5.4 samples were promised to each, far from enough";
}

}  // namespace
}  // namespace tier
