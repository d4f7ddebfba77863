#include "sim/prefetch/trial.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <numeric>

#include "sim/prefetch/meters.h"
#include "sim/prefetch/oracle.h"
#include "sim/prefetch/rivals/rivals.h"

namespace tier::sim {
namespace {

constexpr std::size_t kIntervals = 600;
constexpr std::uint64_t kSeeds[] = {1, 2, 3, 4, 5};

PrefetchCourse drawn(const std::string& scenario, std::uint64_t seed) {
  const auto course = prefetch_scenario_called(scenario)->draw(seed, kIntervals);
  EXPECT_TRUE(course) << course.error().text();
  return *course;
}

struct Trial {
  PrefetchCourse course;
  PrefetchRun best, usual;
  Trial(const std::string& scenario, std::uint64_t seed)
      : course(drawn(scenario, seed)),
        best(run_settings(course, best_settings(course))),
        usual(run_settings(course, {course.phases.size(), std::vector<std::size_t>(course.scopes, 0)})) {}
  PrefetchScore operator()(const std::string& policy, std::uint64_t seed = 1) const {
    const auto made = prefetch_rival_called(policy)->make(course.scopes, course.settings, seed);
    return score(course, *run_policy(course, *made, seed), usual, best);
  }
  double best_gain() const { return score(course, best, usual, best).gain; }
};

TEST(Scenarios, FillEveryIntervalAndDifferBySeed) {
  for (const PrefetchScenario& scenario : prefetch_scenarios()) {
    const PrefetchCourse one = drawn(scenario.name, 1), other = drawn(scenario.name, 2);
    std::size_t next = 0;
    for (const PrefetchPhase& phase : one.phases) {
      EXPECT_EQ(phase.begin, next);
      EXPECT_EQ(phase.model->scopes(), one.scopes);
      next += phase.intervals;
    }
    EXPECT_EQ(next, kIntervals);
    EXPECT_EQ(one.intensity.size(), kIntervals);
    const auto of = [](const PrefetchCourse& course) {
      const PrefetchModel& model = *course.phases[0].model;
      return model.solve(uniform_settings(model, 0), 1).progress;
    };
    EXPECT_NE(of(one), of(other)) << scenario.name;
    EXPECT_EQ(of(one), of(drawn(scenario.name, 1))) << scenario.name;
  }
  EXPECT_THAT(prefetch_scenario_called("calm").error().fix, testing::HasSubstr("selfish"));
}

TEST(Oracle, NeverBelowAnyUniformSetting) {
  for (const PrefetchScenario& scenario : prefetch_scenarios())
    for (const std::uint64_t seed : kSeeds) {
      const Trial trial(scenario.name, seed);
      for (std::size_t k = 0; k < trial.course.settings; ++k) {
        const std::vector<std::size_t> uniform(trial.course.scopes, k);
        const PrefetchRun run = run_settings(trial.course, {trial.course.phases.size(), uniform});
        EXPECT_GE(trial.best_gain(), score(trial.course, run, trial.usual, trial.best).gain)
            << scenario.name << " " << seed << " " << k;
      }
    }
}

TEST(Scenarios, WhoWinsWhere) {
  for (const std::uint64_t seed : kSeeds) {
    EXPECT_LT(Trial("rich", seed)("static:2").gain, -0.15);
    EXPECT_GT(Trial("saturated", seed)("static:2").gain, 0.05);
    const Trial mixed("mixed", seed);
    for (const char* uniform : {"static:0", "static:1", "static:2"})
      EXPECT_GT(mixed.best_gain(), mixed(uniform).gain + 0.02) << "a mix is best";
    EXPECT_LT(Trial("knee", seed)("static:2").gain, -0.04);
    EXPECT_NEAR(Trial("indifferent", seed)("static:2").gain, 0, 0.005);
    EXPECT_LT(Trial("indifferent", seed).best_gain(), 0.005);
    EXPECT_GT(Trial("selfish", seed)("static:2").gain, 0.04);
    const Trial strided("strided", seed);
    EXPECT_GT(strided("static:1").gain, std::max(0.0, strided("static:2").gain) + 0.03);
    EXPECT_GT(Trial("readahead", seed).best_gain(), 0.04);
    const Trial alternating("alternating", seed);
    EXPECT_GT(alternating.best_gain(), std::max(0.0, alternating("static:2").gain));
  }
}

TEST(TwoThreshold, CyclesAtTheKneeAndLosesByIt) {
  for (const std::uint64_t seed : kSeeds) {
    const PrefetchScore knee = Trial("knee", seed)("two-threshold");
    EXPECT_LT(knee.gain, -0.02);
    EXPECT_GT(knee.transitions, 100);
    const PrefetchScore saturated = Trial("saturated", seed)("two-threshold");
    EXPECT_GT(saturated.gain, 0.05) << "what it was made for";
    EXPECT_LT(saturated.transitions, knee.transitions / 10);
  }
}

TEST(EpsilonGreedy, FallsIntoTheSelfishTrap) {
  for (const std::uint64_t seed : kSeeds) {
    const Trial trial("selfish", seed);
    EXPECT_LT(trial("epsilon-greedy").gain, 0.6 * trial.best_gain());
  }
}

// Of one scope alone its own reward is the right one.
TEST(EpsilonGreedy, LearnsWhereScopesDoNotShare) {
  PrefetchFeedback feedback;
  feedback.scopes.resize(1);
  feedback.scopes[0].weight = 1;
  const auto bandit = make_epsilon_greedy(1, 3, 1);
  std::size_t setting = 0, right = 0;
  for (int i = 0; i < 1000; ++i) {
    feedback.scopes[0].progress = setting == 1 ? 1.1 : 1.0;
    setting = bandit->decide(feedback)[0];
    right += setting == 1;
  }
  EXPECT_GT(right, 850U);
  for (int i = 0; i < 100; ++i) {
    feedback.scopes[0].progress = i % 2 == 0 ? 0.2 : 2.0;
    setting = bandit->decide(feedback)[0];
  }
  EXPECT_EQ(setting, 0U) << "too much scatter: the default";
}

TEST(TwoThreshold, WaitsForBothThresholdsToHold) {
  const auto policy = make_two_threshold(2, 3, 1);
  PrefetchFeedback feedback;
  feedback.scopes.resize(2);
  const auto after = [&](double slow, int intervals) {
    feedback.node.fast_use = 0.1, feedback.node.slow_use = slow;
    std::vector<std::size_t> settings;
    for (int i = 0; i < intervals; ++i) settings = policy->decide(feedback);
    return settings;
  };
  EXPECT_THAT(after(0.85, 4), testing::Each(0U));
  EXPECT_THAT(after(0.7, 1), testing::Each(0U));
  EXPECT_THAT(after(0.85, 4), testing::Each(0U)) << "the time begins anew";
  EXPECT_THAT(after(0.85, 1), testing::Each(2U));
  EXPECT_THAT(after(0.7, 20), testing::Each(2U)) << "between the thresholds nothing changes";
  EXPECT_THAT(after(0.5, 5), testing::Each(0U));
  feedback.node.fast_use = feedback.node.slow_use = {};
  EXPECT_THAT(policy->decide(feedback), testing::Each(0U)) << "no reading";
}

TEST(Rivals, AreFoundByName) {
  EXPECT_TRUE(prefetch_rival_called("static:1"));
  EXPECT_TRUE(prefetch_rival_called("oracle")->oracle);
  for (const char* wrong : {"static:", "static:x", "static:1x", "limoncello"})
    EXPECT_THAT(prefetch_rival_called(wrong).error().fix, testing::HasSubstr("two-threshold")) << wrong;
}

class Wrong final : public PrefetchPolicy {
 public:
  explicit Wrong(std::vector<std::size_t> settings) : settings_(std::move(settings)) {}
  std::vector<std::size_t> decide(const PrefetchFeedback&) override { return settings_; }

 private:
  std::vector<std::size_t> settings_;
};

TEST(RunPolicy, RefusesSettingsThatThereAreNot) {
  const PrefetchCourse course = drawn("rich", 1);
  Wrong few({0});
  EXPECT_FALSE(run_policy(course, few, 1).has_value());
  Wrong unknown(std::vector<std::size_t>(course.scopes, 3));
  EXPECT_THAT(run_policy(course, unknown, 1).error().message, testing::HasSubstr("setting 3 of 3"));
}

TEST(Score, OfTheOracleIsPerfectAndOfTheDefaultNothing) {
  const Trial trial("alternating", 1);
  const PrefetchScore best = score(trial.course, trial.best, trial.usual, trial.best);
  EXPECT_THAT(best.settled, testing::Each(0.0));
  EXPECT_THAT(best.settling, testing::Each(0U));
  const PrefetchScore usual = trial("default");
  EXPECT_EQ(usual.gain, 0);
  EXPECT_EQ(usual.transitions, 0);
  EXPECT_LT(usual.settled[1], -0.04) << "the saturated phase";
  EXPECT_EQ(usual.settling[1], trial.course.phases[1].intervals) << "never near";
}

// --- meters --------------------------------------------------------------------------------------------

TEST(Meters, AreNoisyByWhatTheySayAndTheSameForAll) {
  const PrefetchCourse course = drawn("mixed", 1);
  const PrefetchModel& model = *course.phases[0].model;
  const PrefetchState state = model.solve(uniform_settings(model, 0), 1);
  PrefetchMeters meters(1, course.scopes), again(1, course.scopes);
  double sum = 0, squares = 0, count = 0, wrong = 0, seen = 0;
  int without = 0, migrating = 0, elsewhere = 0;
  for (int i = 0; i < 4000; ++i) {
    const PrefetchFeedback feedback = meters.read(state);
    const PrefetchFeedback same = again.read(state);
    EXPECT_EQ(feedback.node.progress, same.node.progress);
    EXPECT_EQ(feedback.scopes[3].progress, same.scopes[3].progress);
    without += !feedback.node.progress;
    migrating += feedback.node.migrating;
    elsewhere += !feedback.node.may_explore;
    double weights = 0;
    for (std::size_t s = 0; s < course.scopes; ++s) {
      weights += feedback.scopes[s].weight;
      if (state.scopes[s].weight == 0) continue;
      ++seen, wrong += feedback.scopes[s].pattern != state.scopes[s].pattern;
    }
    EXPECT_LE(weights, 1 + 1e-9);
    if (!feedback.node.progress || feedback.node.migrating) continue;
    const double off = std::log(*feedback.node.progress / state.progress);
    sum += off, squares += off * off, ++count;
  }
  EXPECT_NEAR(sum / count, 0, 0.001);
  EXPECT_NEAR(std::sqrt(squares / count), 0.01, 0.001);
  EXPECT_NEAR(without, 40, 25);
  EXPECT_NEAR(migrating, 4000 * 6.5 / 200, 80);
  EXPECT_GT(elsewhere, 20);
  EXPECT_NEAR(wrong / seen, 0.05 * 5 / 6, 0.003) << "one draw in six of the wrong ones is right";
}

}  // namespace
}  // namespace tier::sim
