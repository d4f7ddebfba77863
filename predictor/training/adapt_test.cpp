#include "predictor/training/adapt.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <set>

#include "predictor/training/task_fixture.h"

namespace tier {
namespace {

constexpr std::size_t kRegions = 16, kTicks = 64;
const std::vector<float> kNone = {0, 0}, kOther = {3, -3};

// Its context moves far more than that of weights not trained yet: else the decay would hold z where it is.
std::shared_ptr<const NamedModel> some_model() {
  NamedModel named{Model::random({{kFeatures, 8, 1}, {2, true}, true}, 5), "hash", {}};
  const std::size_t size = named.model.network_size();
  for (float& value : named.model.values().subspan(size, 2 * size)) value *= 10;
  return std::make_shared<const NamedModel>(std::move(named));
}

AdaptationSettings settings_of(Kernels kernels = Kernels::kPlain) {
  AdaptationSettings settings;
  settings.kernels = kernels;
  return settings;
}

// What comes in ticks from `begin` to `end` is what the model says with that context.
void make_true(TrainingTask& task, const Model& model, std::span<const float> z, std::size_t begin,
               std::size_t end) {
  auto pass = Pass::make(model.shape().network, {task.ticks, task.regions, {}}, Kernels::kPlain);
  ASSERT_TRUE(pass);
  std::vector<float> weights(model.network_size());
  model.generate(z, weights);
  ASSERT_TRUE((*pass)->forward(weights, {&task}));
  const std::size_t width = task.regions * kHorizons.size();
  std::copy_n((*pass)->mean().begin() + static_cast<std::ptrdiff_t>(begin * width), (end - begin) * width,
              task.came.begin() + static_cast<std::ptrdiff_t>(begin * width));
}

// Baselines that differ, so that gates matter.
TrainingTask support(std::uint64_t seed) {
  TrainingTask task = alternating_task(kRegions, kTicks, seed);
  std::mt19937_64 random(seed);
  for (float& baseline : task.baselines) baseline = 10.0F + static_cast<float>(random() % 1000);
  for (float& feature : task.features) feature += static_cast<float>(random() % 100) / 100;
  return task;
}

std::unique_ptr<Adaptation> make(const TrainingTask& task, AdaptationStart start,
                                 const AdaptationSettings& settings = settings_of()) {
  auto made = Adaptation::make(some_model(), task, std::move(start), settings);
  EXPECT_TRUE(made) << (made ? "" : made.error().text());
  return std::move(*made);
}

AdaptationReport run(Adaptation& adaptation) {
  while (adaptation.step()) {
  }
  return adaptation.report();
}

TEST(Adaptation, GradientOfTheContextIsThatOfFiniteDifferences) {
  TrainingTask task = support(1);
  make_true(task, some_model()->model, kOther, 0, kTicks);
  const auto adaptation = make(task, {kNone, kNone, {}});
  std::vector<float> z = {0.4F, -0.7F}, gradient, unused;
  ASSERT_TRUE(adaptation->training_loss(z, &gradient));
  ASSERT_EQ(gradient.size(), 2U);
  for (std::size_t r = 0; r < z.size(); ++r) {
    constexpr float kStep = 2e-2F;
    std::vector<float> above = z, below = z;
    above[r] += kStep, below[r] -= kStep;
    const double slope =
        (*adaptation->training_loss(above, nullptr) - *adaptation->training_loss(below, nullptr)) /
        (2 * kStep);
    EXPECT_GT(std::abs(slope), 1e-4);
    EXPECT_NEAR(gradient[r], slope, 0.03 * std::abs(slope)) << r;
  }
}

class Adaptations : public ::testing::TestWithParam<Kernels> {};
INSTANTIATE_TEST_SUITE_P(Kernels, Adaptations, ::testing::Values(Kernels::kOnednn, Kernels::kPlain));

TEST_P(Adaptations, FindAContextThatTheTruthNeeds) {
  TrainingTask task = support(2);
  make_true(task, some_model()->model, kOther, 0, kTicks);
  const auto adaptation = make(task, {kNone, kNone, {}}, settings_of(GetParam()));
  const AdaptationReport report = run(*adaptation);
  EXPECT_EQ(report.verdict, AdaptationVerdict::kAdapted);
  EXPECT_LT(report.adapted, 0.8 * report.current);
  EXPECT_GT(report.z[0], 0.5F);
  EXPECT_LT(report.z[1], -0.5F);
}

TEST(Adaptation, RollsBackWhereTheTicksHeldBackDoNotImprove) {
  TrainingTask task = support(3);
  const std::size_t split = kTicks - settings_of().held_back;
  make_true(task, some_model()->model, kOther, 0, split);
  make_true(task, some_model()->model, kNone, split, kTicks);
  const AdaptationReport report = run(*make(task, {kNone, kNone, {}}));
  EXPECT_EQ(report.verdict, AdaptationVerdict::kKept);
  EXPECT_EQ(report.z, kNone);
  EXPECT_GT(report.steps, 0U);
  EXPECT_GT(report.adapted, report.current);
}

TEST(Adaptation, DoesNotSeeWhatIsHeldBack) {
  TrainingTask task = support(4), other = task;
  make_true(task, some_model()->model, kOther, 0, kTicks);
  other.came = task.came;
  const std::size_t split = kTicks - settings_of().held_back, width = kRegions * kHorizons.size();
  for (std::size_t i = split * width; i < other.came.size(); ++i) other.came[i] = 1;
  // Nor by horizons that reach into it.
  for (std::size_t t = split - 4; t < split; ++t)
    for (std::size_t r = 0; r < kRegions; ++r) other.came[(t * kRegions + r) * kHorizons.size() + 1] = 1;
  const std::vector<float> z = {1, 1};
  EXPECT_EQ(*make(task, {kNone, kNone, {}})->training_loss(z, nullptr),
            *make(other, {kNone, kNone, {}})->training_loss(z, nullptr));
}

TEST(Adaptation, IsNeverWorseThanBeforeOnWhatIsHeldBack) {
  std::mt19937_64 random(7);
  const auto draw = [&] { return static_cast<float>(random() % 600) / 100 - 3; };
  std::set<AdaptationVerdict> verdicts;
  for (std::uint64_t seed = 0; seed < 12; ++seed) {
    TrainingTask task = support(seed);
    const std::vector<float> truth = {draw(), draw()}, later = {draw(), draw()};
    make_true(task, some_model()->model, truth, 0, kTicks);
    if (seed % 3 == 0) make_true(task, some_model()->model, later, kTicks - 24, kTicks);
    const std::vector<float> current = {draw(), draw()};
    const auto adaptation = make(task, {kNone, current, seed % 2 == 0 ? truth : std::vector<float>{}});
    const AdaptationReport report = run(*adaptation);
    verdicts.insert(report.verdict);
    EXPECT_LE(*adaptation->held_back_loss(report.z), *adaptation->held_back_loss(current) + 1e-12) << seed;
  }
  EXPECT_GT(verdicts.size(), 1U);
}

TEST(Adaptation, TakesWhatWasStoredWhereItIsRight) {
  TrainingTask task = support(5);
  make_true(task, some_model()->model, kOther, 0, kTicks);
  const AdaptationReport report = run(*make(task, {kNone, kNone, kOther}));
  EXPECT_EQ(report.verdict, AdaptationVerdict::kStored);
  EXPECT_EQ(report.z, kOther);
}

TEST(Adaptation, DropsAnOffsetThatHasBecomeWrong) {
  TrainingTask task = support(6);
  make_true(task, some_model()->model, kNone, 0, kTicks);
  const AdaptationReport report = run(*make(task, {kNone, kOther, {}}));
  EXPECT_EQ(report.verdict, AdaptationVerdict::kDropped);
  EXPECT_EQ(report.z, kNone);
}

TEST(Adaptation, OneStepIsOnePass) {
  const auto adaptation = make(support(7), {kNone, kNone, kOther});
  std::size_t steps = 0, passes = 0;
  for (bool more = true; more; ++steps) {
    more = adaptation->step();
    EXPECT_LE(adaptation->report().passes, passes + 1);
    passes = adaptation->report().passes;
  }
  // Three starts on old and new ticks, fifteen steps, the end; then nothing more happens.
  EXPECT_EQ(steps, 3U + 3 + 15 + 1);
  EXPECT_EQ(adaptation->report().steps, 15U);
  EXPECT_FALSE(adaptation->step());
  EXPECT_EQ(adaptation->report().passes, passes);
}

TEST(Adaptation, SaysWhatItCannotWorkWith) {
  const auto error_of = [](std::shared_ptr<const NamedModel> model, std::size_t ticks,
                           AdaptationStart start) {
    const auto made =
        Adaptation::make(std::move(model), alternating_task(8, ticks, 1), std::move(start), settings_of());
    return made ? ErrorKind::kFailed : made.error().kind;
  };
  EXPECT_EQ(error_of(some_model(), 40, {kNone, kNone, {}}), ErrorKind::kUsage);
  EXPECT_EQ(error_of(some_model(), 64, {kNone, {1}, {}}), ErrorKind::kUsage);
  EXPECT_EQ(error_of(some_model(), 64, {kNone, kNone, {NAN, 0}}), ErrorKind::kUsage);
  const auto without = std::make_shared<const NamedModel>(
      NamedModel{Model::random({{kFeatures, 8, 1}, {0, true}, true}, 5), "hash", {}});
  EXPECT_EQ(error_of(without, 64, {{}, {}, {}}), ErrorKind::kUsage);
}

// A model that gives no number: nothing is taken from it.
TEST(Adaptation, ALossThatIsNoNumberEndsItAndChangesNothing) {
  NamedModel named = *some_model();
  for (float& value : named.model.values().subspan(0, named.model.network_size())) value = NAN;
  auto made = Adaptation::make(std::make_shared<const NamedModel>(named), support(8), {kNone, kOther, {}},
                               settings_of());
  ASSERT_TRUE(made);
  EXPECT_FALSE((*made)->step());
  EXPECT_EQ((*made)->report().verdict, AdaptationVerdict::kKept);
  EXPECT_EQ((*made)->report().z, kOther);
}

}  // namespace
}  // namespace tier
