#include "tierd/ledger/comparison.h"

#include <gtest/gtest.h>

#include <cmath>
#include <random>

namespace tier {
namespace {

constexpr std::uint64_t kRegion = (2_MiB).value;
constexpr ControlGroup kGroup{1};  // a 64th

// Regions of heavy-tailed demand, some easy to serve from the fast tier and some not; phases that all of them
// share, and bad spells of each that last for many ticks. Those that follow the chosen forecast wait `effect`
// of their stall on the slowest tier less.
class World {
 public:
  World(unsigned seed, double effect, int regions = 800) : random_(seed), effect_(effect) {
    std::lognormal_distribution<double> heavy(0, 1.5);
    for (int i = 0; i < regions; ++i) {
      Member member;
      // Another address space for every seed: the hash is the same, the groups are not.
      member.key = {{seed + 1}, static_cast<Address>(i) * kRegion};
      member.demand = heavy(random_);
      member.best = member.demand > 1.5 ? 0.4 : 1;
      members_.push_back(member);
    }
  }

  void add_giant(bool in_control) {
    Member giant{{{99}, 0}, 2000, 0.4, 0};
    while (kGroup.has(giant.key) != in_control) giant.key.start += kRegion;
    members_.push_back(giant);
  }

  void tick(Comparison& comparison) {
    std::normal_distribution<double> normal;
    phase_ = 0.98 * phase_ + 0.02 * normal(random_);
    std::uint64_t control = 0;
    for (Member& member : members_) {
      const bool in_control = comparison.group().has(member.key);
      control += in_control;
      if (coin_(random_) < 0.02) member.spell = 0.2 * coin_(random_);
      GroupSums sums;
      sums.slowest = member.demand * (0.5 + coin_(random_));
      sums.best = sums.slowest * member.best;
      sums.squares = sums.slowest * sums.slowest;
      const bool chosen = in_control == comparison.trial();
      const double share = member.best + member.spell + phase_ - (chosen ? effect_ : 0);
      sums.waited = sums.slowest * share;
      comparison.add(member.key, sums);
    }
    comparison.close_tick(control);
  }

 private:
  struct Member {
    RegionKey key;
    double demand = 0, best = 0, spell = 0;
  };
  std::mt19937 random_;
  std::uniform_real_distribution<double> coin_{0, 1};
  std::vector<Member> members_;
  double effect_, phase_ = 0;
};

Comparison quick(ControlGroup group = kGroup) {
  ComparisonSettings settings;
  settings.group = group;
  settings.block = 10, settings.least_blocks = 8;
  return Comparison(settings);
}

struct Outcome {
  int covered = 0, right = 0, wrong = 0;
};

Outcome outcomes(double effect, ControlGroup group, bool trial) {
  Outcome out;
  for (unsigned seed = 0; seed < 100; ++seed) {
    Comparison comparison = quick();
    comparison.begin_stage(group, trial);
    World world(seed, effect);
    for (int t = 0; t < 160; ++t) world.tick(comparison);
    const auto found = comparison.recent();
    if (!found) continue;
    const double half = found->half(kNormal95);
    out.covered += std::abs(found->share - effect) <= half;
    out.right += evidence_of(found) == (effect > 0 ? Evidence::kSaves : Evidence::kLoses);
    out.wrong += evidence_of(found) == (effect > 0 ? Evidence::kLoses : Evidence::kSaves);
  }
  return out;
}

TEST(Comparison, CoversAKnownAdvantageAndFindsItsSign) {
  const Outcome better = outcomes(0.15, kGroup, false);
  EXPECT_GE(better.covered, 90);
  EXPECT_GE(better.right, 90);
  EXPECT_EQ(better.wrong, 0);
}

TEST(Comparison, CoversAKnownLossAndFindsItsSign) {
  const Outcome worse = outcomes(-0.15, kGroup, false);
  EXPECT_GE(worse.covered, 90);
  EXPECT_GE(worse.right, 90);
  EXPECT_EQ(worse.wrong, 0);
}

TEST(Comparison, FindsNoDifferenceWhereThereIsNone) {
  const Outcome same = outcomes(0, kGroup, false);
  EXPECT_GE(same.covered, 90);
  const Outcome wide = outcomes(0, {32}, false);
  EXPECT_GE(wide.covered, 90);
}

TEST(Comparison, OnTrialTheControlGroupIsTheChosenOne) {
  const Outcome better = outcomes(0.15, kGroup, true);
  EXPECT_GE(better.covered, 90);
  EXPECT_GE(better.right, 90);
}

TEST(Comparison, AFewRegionsOrATickAreNoEvidence) {
  Comparison comparison = quick();
  World few(1, 0.5, 20);
  for (int t = 0; t < 200; ++t) few.tick(comparison);
  EXPECT_EQ(evidence_of(comparison.recent()), Evidence::kTooLittle);
  Comparison young = quick();
  World world(1, 0.5);
  for (int t = 0; t < 79; ++t) world.tick(young);
  EXPECT_FALSE(young.recent()) << "eight blocks at least";
  world.tick(young);
  EXPECT_TRUE(young.recent());
}

// One region with half of all demand says little of forecasts, whichever group it is in.
TEST(Comparison, OneGiantIsNoEvidence) {
  for (const bool in_control : {true, false}) {
    int found = 0;
    for (unsigned seed = 0; seed < 20; ++seed) {
      Comparison comparison = quick();
      World world(seed, 0);
      world.add_giant(in_control);
      for (int t = 0; t < 160; ++t) world.tick(comparison);
      const Evidence evidence = evidence_of(comparison.recent());
      found += evidence == Evidence::kSaves || evidence == Evidence::kLoses;
    }
    EXPECT_LE(found, 3) << in_control;
  }
}

TEST(Comparison, RolesChangeOnlyAfterTheSameWordManyTimes) {
  Comparison comparison = quick();
  World bad(5, -0.3);
  int changed = 0;
  for (int t = 1; t <= 200 && changed == 0; ++t) {
    bad.tick(comparison);
    if (comparison.block_closed() && comparison.roles_should_change()) changed = t;
  }
  EXPECT_GE(changed, 10 * (8 + 9)) << "eight blocks for the first word, then nine more that say it";
  comparison.begin_stage(kGroup, true);
  World good(5, 0.3);
  EXPECT_FALSE(comparison.roles_should_change());
  for (int t = 0; t < 300; ++t) good.tick(comparison);
  EXPECT_TRUE(comparison.roles_should_change()) << "now it saves, on trial";
}

TEST(Comparison, MemoryIsBoundedAndALongStageKeepsAllItsTicks) {
  Comparison comparison = quick();
  World world(7, 0.1, 300);
  for (int t = 0; t < 6000; ++t) world.tick(comparison);
  EXPECT_LE(comparison.bytes_used(), 512u << 10);
  ASSERT_TRUE(comparison.stage());
  EXPECT_EQ(comparison.stage()->ticks, 6000u);
  EXPECT_EQ(comparison.recent()->ticks, 600u);
  const double before = comparison.stage()->saved();
  comparison.begin_stage(kGroup, false);
  EXPECT_FALSE(comparison.stage());
  ASSERT_TRUE(comparison.life());
  EXPECT_DOUBLE_EQ(comparison.life()->saved, before) << "what was found is not forgotten";
}

TEST(Estimate, StudentsQuantiles) {
  Estimate estimate;
  estimate.error = 1;
  const auto half = [&](double degrees, double normal) {
    estimate.degrees = degrees;
    return estimate.half(normal);
  };
  // Tables of Student's t.
  EXPECT_NEAR(half(3, kNormal99), 5.841, 0.001);
  EXPECT_NEAR(half(4, kNormal95), 2.776, 0.001);
  EXPECT_NEAR(half(10, kNormal95), 2.228, 0.001);
  EXPECT_NEAR(half(60, kNormal95), 2.000, 0.001);
  EXPECT_NEAR(half(10, kNormal99), 3.169, 0.001);
}

}  // namespace
}  // namespace tier
