#include "prefetch/tuner/tuner.h"

#include <gtest/gtest.h>

#include <cmath>
#include <functional>
#include <random>

namespace tier {
namespace {

using namespace std::chrono_literals;

// A node whose progress depends on the settings as told, with a percent of noise.
class Node {
 public:
  using Worth = std::function<double(const std::vector<std::size_t>&)>;  // log of the progress
  Node(std::size_t controls, std::size_t settings, Worth worth, TunerSettings rules = {})
      : worth_(std::move(worth)), tuner_(rules, made(controls, settings)), settings_(controls) {
    feedback_.scopes.resize(controls);
    for (ScopeFeedback& each : feedback_.scopes) each.weight = 1.0 / static_cast<double>(controls);
  }

  // Mean of the log progress over these intervals, without noise.
  double run(unsigned intervals) {
    double sum = 0;
    for (unsigned i = 0; i < intervals; ++i) {
      const double level = worth_(settings_);
      sum += level;
      feedback_.node.time += 1s;
      feedback_.node.progress.reset();
      if (!blind) feedback_.node.progress = 1e9 * std::exp(level + noise_(random_));
      const auto next = tuner_.decide(feedback_);
      for (std::size_t c = 0; c < next.size(); ++c) transitions += next[c] != settings_[c] ? 1U : 0U;
      settings_ = next;
    }
    return intervals > 0 ? sum / intervals : 0;
  }

  void look(AccessPattern pattern) {
    for (ScopeFeedback& each : feedback_.scopes) each.pattern = pattern;
  }
  PrefetchFeedback& feedback() { return feedback_; }
  PrefetchTuner& tuner() { return tuner_; }
  const std::vector<std::size_t>& settings() const { return settings_; }
  unsigned transitions = 0;
  bool blind = false;

 private:
  // Settings 1, 2, … prefetch less and less than the default.
  static std::vector<TunedControl> made(std::size_t controls, std::size_t settings) {
    TunedControl one;
    for (std::size_t s = settings; s-- > 0;) one.order.push_back(s);
    return std::vector<TunedControl>(controls, one);
  }

  Worth worth_;
  PrefetchTuner tuner_;
  std::vector<std::size_t> settings_;
  PrefetchFeedback feedback_;
  std::mt19937_64 random_{7};
  std::normal_distribution<double> noise_{0, 0.01};
};

// By the share of the controls that have each setting.
Node::Worth by_share(std::vector<double> gains) {
  return [gains = std::move(gains)](const std::vector<std::size_t>& settings) {
    double sum = 0;
    for (const std::size_t s : settings) sum += gains[s] / static_cast<double>(settings.size());
    return sum;
  };
}

TEST(PrefetchTuner, TakesWhatGainsAndStaysThere) {
  Node node(4, 3, by_share({0, 0.1, 0.2}));
  node.run(20);
  EXPECT_EQ(node.settings(), std::vector<std::size_t>(4, 2));
  EXPECT_GT(node.run(100), 0.19) << "slices of the default must be rare";
  const Arms* arms = node.tuner().arms(node.tuner().context(0));
  ASSERT_NE(arms, nullptr);
  EXPECT_NEAR(arms->arms[2].gain, 0.2, 0.03);
}

TEST(PrefetchTuner, KeepsTheDefaultWhereNothingIsBetterAndLosesLittleToFindOut) {
  Node node(4, 3, by_share({0, -0.3, -0.6}));
  EXPECT_GT(node.run(200), -0.005);
  EXPECT_EQ(node.settings(), std::vector<std::size_t>(4, 0));
  EXPECT_LE(node.transitions, 4U * 4U) << "what is clearly worse is not tried again soon";
}

TEST(PrefetchTuner, DoesNotFollowNoise) {
  Node node(4, 3, by_share({0, 0, 0}));
  node.run(300);
  EXPECT_LE(node.transitions, 4U * 24U);
  EXPECT_NEAR(node.run(1), 0, 1e-9);
}

TEST(PrefetchTuner, TheDefaultWinsItsSlicesWhenTheGainHasGone) {
  bool gains = true;
  Node node(4, 2, [&](const std::vector<std::size_t>& s) { return s[0] == 0 ? 0.0 : gains ? 0.1 : -0.1; });
  node.run(30);
  ASSERT_EQ(node.settings()[0], 1U);
  gains = false;
  node.run(12);
  EXPECT_EQ(node.settings()[0], 0U) << "a fall of a fifth is looked into at once";
}

TEST(PrefetchTuner, TheDefaultWinsAlsoWhereTheGainFadesUnseen) {
  double gain = 0.1;
  Node node(4, 2, [&](const std::vector<std::size_t>& s) { return s[0] == 0 ? 0.0 : gain; });
  node.run(30);
  ASSERT_EQ(node.settings()[0], 1U);
  for (; gain > -0.04; gain -= 0.001) node.run(1);  // too slow to be seen as a change
  node.run(150);
  EXPECT_EQ(node.settings()[0], 0U);
}

TEST(PrefetchTuner, AContextThatComesBackNeedsNoNewTrial) {
  AccessPattern pattern = AccessPattern::kSequential;
  Node node(4, 2, [&](const std::vector<std::size_t>& s) {
    const double gain = pattern == AccessPattern::kSequential ? -0.2 : 0.2;
    return s[0] == 0 ? 0.0 : gain;
  });
  const auto phase = [&](AccessPattern next) {
    pattern = next;
    node.look(next);
    return node.run(40);
  };
  phase(AccessPattern::kSequential);
  phase(AccessPattern::kRandom);
  EXPECT_GT(phase(AccessPattern::kSequential), -0.025);
  EXPECT_GT(phase(AccessPattern::kRandom), 0.17);
  EXPECT_EQ(node.settings()[0], 1U);
}

TEST(PrefetchTuner, NoReadingIsNoDecision) {
  Node node(4, 3, by_share({0, 0.1, 0.2}));
  node.blind = true;
  node.run(50);
  EXPECT_EQ(node.settings(), std::vector<std::size_t>(4, 0));
  EXPECT_EQ(node.tuner().undecided(), 50U);
  for (const double wrong : {std::nan(""), -1.0, 0.0, std::numeric_limits<double>::infinity()}) {
    node.feedback().node.progress = wrong;
    EXPECT_EQ(node.tuner().decide(node.feedback()), std::vector<std::size_t>(4, 0));
  }
  node.feedback().node.progress = 1e9;
  for (ScopeFeedback& each : node.feedback().scopes) each.weight = 0;  // nobody whose it could be
  EXPECT_EQ(node.tuner().decide(node.feedback()), std::vector<std::size_t>(4, 0));
  EXPECT_EQ(node.tuner().undecided(), 55U);
}

TEST(PrefetchTuner, IsFrozenWhilePagesMove) {
  Node node(4, 2, by_share({0, 0.2}));
  node.run(20);
  ASSERT_EQ(node.settings()[0], 1U);
  node.feedback().node.migrating = true;
  const unsigned before = node.transitions;
  node.run(100);
  EXPECT_EQ(node.transitions, before);
}

TEST(PrefetchTuner, TriesNothingWhileAnotherDoes) {
  Node node(4, 2, by_share({0, 0.2}));
  node.feedback().node.may_explore = false;
  node.run(50);
  EXPECT_EQ(node.transitions, 0U);
}

TEST(PrefetchTuner, ChangesNoControlMoreOftenThanAllowed) {
  TunerSettings rules;
  rules.transitions_per_minute = 4;
  rules.retry = rules.dwell = 0;
  Node node(1, 3, by_share({0, 0.001, 0.001}), rules);
  std::vector<std::size_t> last(1);
  std::deque<unsigned> changed;
  for (unsigned second = 0; second < 600; ++second) {
    node.run(1);
    if (node.settings() != last) changed.push_back(second);
    last = node.settings();
    while (!changed.empty() && second - changed.front() >= 60) changed.pop_front();
    // Back to the default is always open.
    ASSERT_LE(changed.size(), 5U);
  }
}

TEST(PrefetchTuner, FollowsAContextAtOnceAlsoWhileItMeasuresLonger) {
  TunerSettings rules;
  rules.block = 5, rules.settle = 5, rules.sustain = 1;
  AccessPattern pattern = AccessPattern::kSequential;
  Node node(
      1, 2,
      [&](const std::vector<std::size_t>& s) {
        return s[0] == 0 ? 0.0 : pattern == AccessPattern::kSequential ? -0.5 : 0.5;
      },
      rules);
  const auto phase = [&](AccessPattern next, unsigned intervals) {
    pattern = next;
    node.look(next);
    return node.run(intervals);
  };
  phase(AccessPattern::kSequential, 200);
  phase(AccessPattern::kRandom, 200);
  ASSERT_EQ(node.settings()[0], 1U);
  for (int turn = 0; turn < 4; ++turn) {
    phase(AccessPattern::kSequential, 1);
    EXPECT_EQ(node.settings()[0], 0U);
    phase(AccessPattern::kSequential, 40);
    phase(AccessPattern::kRandom, 1);
    EXPECT_EQ(node.settings()[0], 1U);
    phase(AccessPattern::kRandom, 40);
  }
}

TEST(PrefetchTuner, ChangesOfMoreThanAMinuteAgoHinderNothing) {
  TunerSettings rules;
  rules.transitions_per_minute = 6, rules.sustain = 1;
  AccessPattern pattern = AccessPattern::kSequential;
  Node node(
      1, 2,
      [&](const std::vector<std::size_t>& s) {
        return s[0] == 0 ? 0.0 : pattern == AccessPattern::kSequential ? -0.5 : 0.5;
      },
      rules);
  const auto phase = [&](AccessPattern next) {
    pattern = next;
    node.look(next);
    node.run(40);
  };
  for (int turn = 0; turn < 20; ++turn) {
    phase(AccessPattern::kSequential);
    EXPECT_EQ(node.settings()[0], 0U) << turn;
    phase(AccessPattern::kRandom);
    EXPECT_EQ(node.settings()[0], 1U) << turn;
  }
}

TEST(PrefetchTuner, WhatWasBrokenOffIsNotMeasuredAsTheOther) {
  TunerSettings rules;
  rules.block = 10;  // and nothing settles: the next interval counts
  Node node(1, 2, by_share({0, -1.5}), rules);
  node.run(60);
  const Arms* arms = node.tuner().arms(node.tuner().context(0));
  ASSERT_NE(arms, nullptr);
  ASSERT_TRUE(arms->arms[1].tried());
  EXPECT_NEAR(arms->arms[1].gain, -1.5, 0.05);
}

TEST(PrefetchTuner, AControlThatSomebodyPutBackIsNotBelievedToBeSet) {
  Node node(4, 2, by_share({0, 0.2}));
  node.run(20);
  ASSERT_EQ(node.settings()[0], 1U);
  node.tuner().put_back();
  node.feedback().node.progress = 1e9;
  const auto next = node.tuner().decide(node.feedback());
  EXPECT_EQ(next, std::vector<std::size_t>(4, 1)) << "what was learnt stays, and is asked for again";
}

TEST(Trial, ALoadThatChangesMeanwhileVoidsIt) {
  Level before;
  for (int i = 0; i < 4; ++i) before.add(1);
  Trial trial({}, before, 0.01);
  EXPECT_EQ(trial.see(0.5), TrialState::kAfter) << "clearly worse: broken off at once";
  EXPECT_EQ(trial.see(0.5), TrialState::kAfter);
  EXPECT_EQ(trial.see(0.5), TrialState::kVoid) << "and it is no better afterwards: it was not the setting";
}

TEST(PrefetchTuner, BreaksOffAtOnceWhatLeavesNoHope) {
  TunerSettings rules;
  rules.block = 10, rules.settle = 10;
  Node node(1, 2, by_share({0, -1.5}), rules);
  unsigned bad = 0;
  for (unsigned i = 0; i < 100; ++i) {
    bad += node.settings()[0] == 1 ? 1U : 0U;
    node.run(1);
  }
  EXPECT_GE(bad, 2U) << "it must have been tried";
  EXPECT_LE(bad, 3U) << "and not for a whole measurement, nor while it settles";
  const Arms* arms = node.tuner().arms(node.tuner().context(0));
  ASSERT_NE(arms, nullptr);
  EXPECT_LT(arms->arms[1].gain, -1) << "what it cost is known";
}

TEST(Trial, OneIntervalAloneMustStandOut) {
  Level before;
  for (int i = 0; i < 4; ++i) before.add(1);
  Trial trial({}, before, 0.01);
  EXPECT_EQ(trial.see(1.04), TrialState::kDuring);
  EXPECT_EQ(trial.see(1.04), TrialState::kWon);
  EXPECT_NEAR(trial.gain(), 0.04, 1e-9);
}

TEST(ContextTracker, HeedsNoSingleOddInterval) {
  ContextTracker contexts({0}, 3);
  PrefetchFeedback feedback;
  feedback.scopes = {{AccessPattern::kRandom, 0.9, {}, 1}};
  contexts.see(feedback, true);
  EXPECT_EQ(contexts.of(0).pattern, AccessPattern::kRandom);
  EXPECT_TRUE(contexts.of(0).slow);
  feedback.scopes[0].pattern = AccessPattern::kSequential;
  EXPECT_EQ(contexts.see(feedback, true), 0);
  contexts.see(feedback, true);
  EXPECT_EQ(contexts.of(0).pattern, AccessPattern::kRandom);
  EXPECT_EQ(contexts.see(feedback, true), 1);
  EXPECT_EQ(contexts.of(0).pattern, AccessPattern::kSequential);
}

TEST(ContextTracker, APatternThatCannotBeToldIsNoOtherPattern) {
  ContextTracker contexts({0}, 1);
  PrefetchFeedback feedback;
  feedback.scopes = {{AccessPattern::kRandom, {}, {}, 1}};
  contexts.see(feedback, true);
  feedback.scopes[0].pattern = AccessPattern::kUnknown;
  EXPECT_EQ(contexts.see(feedback, true), 0);
  EXPECT_EQ(contexts.of(0).pattern, AccessPattern::kRandom);
}

TEST(ContextTracker, BandwidthIsJudgedOnTheDefaultAlone) {
  ContextTracker contexts({0}, 1);
  PrefetchFeedback feedback;
  feedback.scopes = {{AccessPattern::kRandom, 0.9, {}, 1}};
  feedback.node.slow_use = 0.9;
  contexts.see(feedback, true);
  EXPECT_TRUE(contexts.of(0).busy);
  feedback.node.slow_use = 0.3;
  contexts.see(feedback, false);
  EXPECT_TRUE(contexts.of(0).busy) << "it is our setting that made it fall";
  contexts.see(feedback, true);
  EXPECT_FALSE(contexts.of(0).busy);
}

}  // namespace
}  // namespace tier
