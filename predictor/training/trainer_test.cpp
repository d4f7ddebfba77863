#include "predictor/training/trainer.h"

#include <gtest/gtest.h>

#include "predictor/training/task_fixture.h"

namespace tier {
namespace {

TrainingSettings small_settings() {
  TrainingSettings settings;
  settings.steps = 200;
  settings.warm_up = 10;
  settings.pass.ticks = 32;
  settings.pass.regions = 8;
  settings.scored_after = 8;
  settings.rate = 1e-2;
  return settings;
}

ModelShape small_shape() { return {{kFeatures, 8, 1}, {2, true}, true}; }

std::vector<TrainingTask> some_tasks() {
  std::vector<TrainingTask> tasks;
  for (std::uint64_t seed = 1; seed < 4; ++seed) tasks.push_back(alternating_task(8, 60, seed));
  return tasks;
}

std::unique_ptr<Trainer> make(const TrainingSettings& settings, std::span<const TrainingTask> tasks) {
  auto trainer = Trainer::make(Model::random(small_shape(), settings.seed), settings, tasks);
  EXPECT_TRUE(trainer) << (trainer ? "" : trainer.error().text());
  return std::move(*trainer);
}

void run(Trainer& trainer, int steps) {
  for (int i = 0; i < steps; ++i) ASSERT_TRUE(trainer.step());
}

bool same(const Model& a, const Model& b) {
  return std::equal(a.values().begin(), a.values().end(), b.values().begin());
}

class Trainers : public ::testing::TestWithParam<Kernels> {};
INSTANTIATE_TEST_SUITE_P(Kernels, Trainers, ::testing::Values(Kernels::kOnednn, Kernels::kPlain));

TEST_P(Trainers, LearnWhatNoBaselineTells) {
  const auto tasks = some_tasks();
  TrainingSettings settings = small_settings();
  settings.kernels = GetParam();
  const auto trainer = make(settings, tasks);
  const std::vector<TrainingTask> others = {alternating_task(8, 60, 9)};
  const auto before = judge(trainer->model(), settings, others, 2);
  run(*trainer, 200);
  const auto after = judge(trainer->model(), settings, others, 2);
  ASSERT_TRUE(before && after);
  EXPECT_LT(after->with_context.divergence, 0.3 * before->with_context.divergence);
  EXPECT_LT(after->without.divergence, 0.5 * before->without.divergence) << "it must do without context too";
}

TEST(Trainer, TheSameSeedGivesTheSameModelWhateverTheThreads) {
  const auto tasks = some_tasks();
  TrainingSettings settings = small_settings();
  settings.lanes = 3;
  const auto one = make(settings, tasks), same_seed = make(settings, tasks);
  settings.seed = 2;
  const auto other = make(settings, tasks);
  run(*one, 10), run(*same_seed, 10), run(*other, 10);
  EXPECT_TRUE(same(one->model(), same_seed->model()));
  EXPECT_FALSE(same(one->model(), other->model()));
}

TEST(Trainer, GoesOnFromACheckpointAsIfItHadNotStopped) {
  const auto tasks = some_tasks();
  const auto whole = make(small_settings(), tasks), first = make(small_settings(), tasks),
             second = make(small_settings(), tasks);
  run(*whole, 20), run(*first, 12);
  const std::string bytes = write_tensor_file(first->checkpoint());
  const auto file = parse_tensor_file(std::as_bytes(std::span(bytes)), "checkpoint");
  ASSERT_TRUE(file);
  ASSERT_TRUE(second->restore(*file));
  EXPECT_EQ(second->steps_done(), 12U);
  run(*second, 8);
  EXPECT_TRUE(same(whole->model(), second->model()));
}

// What the input mask left out in training, the model does not read where there is no mask.
TEST(Trainer, AModelOfSomeFeaturesNeedsNoMaskLater) {
  const auto tasks = some_tasks();
  TrainingSettings settings = small_settings();
  settings.pass.seen_features = ~std::uint64_t{2};  // without what was three ticks ago
  Model start = Model::random(small_shape(), 1);
  start.ignore_features(settings.pass.seen_features);
  auto trainer = Trainer::make(start, settings, tasks);
  ASSERT_TRUE(trainer);
  run(**trainer, 20);
  const auto masked = judge((*trainer)->model(), settings, tasks, 1);
  settings.pass.seen_features = ~std::uint64_t{0};
  const auto open = judge((*trainer)->model(), settings, tasks, 1),
             all = judge(Model::random(small_shape(), 1), settings, tasks, 1),
             some = judge(start, settings, tasks, 1);
  ASSERT_TRUE(masked && open && all && some);
  EXPECT_DOUBLE_EQ(masked->with_context.divergence, open->with_context.divergence);
  EXPECT_DOUBLE_EQ(masked->without.divergence, open->without.divergence);
  EXPECT_NE(all->without.divergence, some->without.divergence) << "that feature is read otherwise";
}

TEST(Trainer, RefusesTheCheckpointOfAnotherModel) {
  const auto tasks = some_tasks();
  const auto trainer = make(small_settings(), tasks);
  TensorFile file = trainer->checkpoint();
  file.metadata["step"] = "-1";
  EXPECT_FALSE(trainer->restore(file).has_value());
  file = trainer->checkpoint();
  file.tensors[1].values.pop_back();
  EXPECT_FALSE(trainer->restore(file).has_value());
  file = trainer->checkpoint();
  file.metadata.erase("kind");
  EXPECT_FALSE(trainer->restore(file).has_value());
  file = trainer->checkpoint();
  file.metadata["model.attention"] = "0";  // as many values, of which some mean nothing
  EXPECT_FALSE(trainer->restore(file).has_value());
}

TEST(Trainer, SaysWhenThereIsNothingToLearnFrom) {
  const std::vector<TrainingTask> tasks = {alternating_task(8, 5, 1)};
  const auto trainer = Trainer::make(Model::random(small_shape(), 1), small_settings(), tasks);
  ASSERT_FALSE(trainer);
  EXPECT_EQ(trainer.error().kind, ErrorKind::kUsage);
  EXPECT_FALSE(judge(Model::random(small_shape(), 1), small_settings(), tasks, 1).has_value());
}

// The gradient of a whole pass: base, basis and context against finite differences.
TEST(Pass, GradientOfTheWeightsIsThatOfFiniteDifferences) {
  const TrainingTask task = alternating_task(8, 40, 1);
  Model model = Model::random(small_shape(), 4);
  PassSettings settings{24, 8, {0.3, 0.0}};
  auto pass = Pass::make(model.shape().network, settings, Kernels::kPlain);
  ASSERT_TRUE(pass);
  std::vector<float> weights(model.network_size()), gradient(weights.size());
  model.generate({}, weights);
  const Window window{&task, 3, 6};
  ASSERT_TRUE((*pass)->forward(weights, window));
  ASSERT_TRUE((*pass)->backward(1, gradient));
  double largest = 0;
  for (const float g : gradient) largest = std::max(largest, std::abs(static_cast<double>(g)));
  for (std::size_t i = 0; i < weights.size(); i += 53) {
    constexpr float kStep = 2e-3F;
    const float kept = weights[i];
    weights[i] = kept + kStep;
    const double above = (*pass)->forward(weights, window)->total(settings.loss);
    weights[i] = kept - kStep;
    const double below = (*pass)->forward(weights, window)->total(settings.loss);
    weights[i] = kept;
    EXPECT_NEAR(gradient[i], (above - below) / (2 * kStep), 0.02 * largest) << i;
  }
}

}  // namespace
}  // namespace tier
