#include "predictor/training/trainer.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <thread>

#include "predictor/network/model_file.h"

namespace tier {
namespace {

constexpr double kFirstDecay = 0.9, kSecondDecay = 0.999, kTiny = 1e-8;  // Adam's defaults
constexpr double kLeastRate = 0.05;                                      // of the highest
constexpr std::size_t kLeastScored = 8;                                  // ticks of a window
constexpr std::size_t kFromStart = 6;                                    // one window in so many

// SplitMix64 (Steele, Lea and Flood 2014): the state of a draw is one number, so that a step's randomness
// follows from seed, step and lane alone.
std::uint64_t next_random(std::uint64_t& state) {
  std::uint64_t z = state += 0x9E3779B97F4A7C15ULL;
  z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9ULL;
  z = (z ^ (z >> 27)) * 0x94D049BB133111EBULL;
  return z ^ (z >> 31);
}
double next_uniform(std::uint64_t& state) { return static_cast<double>(next_random(state) >> 11) * 0x1p-53; }
std::size_t next_index(std::uint64_t& state, std::size_t count) {
  return static_cast<std::size_t>(next_uniform(state) * static_cast<double>(count));
}

void add_loss(Loss& sum, const Loss& loss, double share) {
  sum.divergence += share * loss.divergence, sum.level += share * loss.level;
  sum.pinball += share * loss.pinball, sum.scored += loss.scored;
}

}  // namespace

Trainer::Trainer(Model start, const TrainingSettings& settings, std::span<const TrainingTask> tasks)
    : model_(std::move(start)),
      settings_(settings),
      tasks_(tasks),
      first_(model_.values().size()),
      second_(model_.values().size()) {
  std::map<std::string, std::vector<const TrainingTask*>> families;
  for (const TrainingTask& task : tasks)
    if (task.ticks >= settings.scored_after + kLeastScored && task.regions > 0)
      families[task.family].push_back(&task);
  for (auto& [name, list] : families) families_.push_back(std::move(list));
}

Result<std::unique_ptr<Trainer>> Trainer::make(Model start, const TrainingSettings& settings,
                                               std::span<const TrainingTask> tasks) {
  TIER_TRY(start.shape().check());
  std::unique_ptr<Trainer> trainer(new Trainer(std::move(start), settings, tasks));
  if (trainer->families_.empty())
    return fail(ErrorKind::kUsage, "no task is long enough to learn from",
                fmt::format("give workloads of at least {} ticks", settings.scored_after + kLeastScored));
  for (std::size_t l = 0; l < std::max<std::size_t>(settings.lanes, 1); ++l) {
    auto pass = TIER_TRY(Pass::make(trainer->model_.shape().network, settings.pass, settings.kernels));
    trainer->lanes_.push_back({std::move(pass), {}, {}, {}, Loss{}});
  }
  return trainer;
}

// Families count alike, and the tasks within each.
Window Trainer::draw_window(std::uint64_t& state) const {
  const auto& family = families_[next_index(state, families_.size())];
  const TrainingTask* const task = family[next_index(state, family.size())];
  if (next_index(state, kFromStart) == 0) return {task, 0, 2};
  const std::size_t least = settings_.scored_after + kLeastScored;
  return {task, next_index(state, task->ticks - least + 1), settings_.scored_after};
}

Result<Loss> Trainer::learn(Lane& lane, std::uint64_t draw) const {
  std::uint64_t state = draw;
  const Window window = draw_window(state);
  const bool blind = next_uniform(state) < settings_.context_dropout;
  Conditioned context;
  if (!blind && model_.shape().encoder.rank > 0) {
    auto tokens = tokens_after(*window.task, window.begin + (window.begin == 0 ? 0 : window.scored));
    std::erase_if(tokens, [&](const Token&) { return next_uniform(state) < settings_.token_dropout; });
    context = condition(model_, std::move(tokens));
  }
  const std::span<const float> z = context.encoding.z;
  lane.weights.resize(model_.network_size());
  model_.generate(z, lane.weights);
  auto loss = lane.pass->forward(lane.weights, window);
  if (!loss) return loss;
  lane.gradient.assign(model_.values().size(), 0), lane.d_weights.assign(model_.network_size(), 0);
  TIER_TRY(lane.pass->backward(1, lane.d_weights));
  auto d_z = model_.generate_backward(z, lane.d_weights, lane.gradient);
  if (d_z.empty()) return loss;
  for (std::size_t r = 0; r < d_z.size(); ++r)
    d_z[r] += static_cast<float>(2 * settings_.context_decay) * z[r];
  encode_backward(model_.shape().encoder, model_.encoder(), context.tokens, context.encoding, d_z,
                  std::span(lane.gradient).subspan(model_.encoder_at()));
  return loss;
}

void Trainer::run(std::size_t lane) {
  std::uint64_t state = settings_.seed * 0xD1342543DE82EF95ULL + step_ * lanes_.size() + lane;
  lanes_[lane].result = learn(lanes_[lane], next_random(state));
}

double Trainer::rate() const {
  const auto step = static_cast<double>(step_ + 1);
  const double warm = std::min(1.0, step / static_cast<double>(std::max<std::size_t>(settings_.warm_up, 1)));
  const double way = std::min(1.0, step / static_cast<double>(std::max<std::size_t>(settings_.steps, 1)));
  return settings_.rate * warm * (kLeastRate + (1 - kLeastRate) * 0.5 * (1 + std::cos(M_PI * way)));
}

Result<StepReport> Trainer::step() {
  std::vector<std::thread> threads;
  for (std::size_t l = 1; l < lanes_.size(); ++l) threads.emplace_back([this, l] { run(l); });
  run(0);
  for (std::thread& thread : threads) thread.join();
  StepReport report;
  const double share = 1 / static_cast<double>(lanes_.size());
  for (Lane& lane : lanes_) {
    if (!lane.result) return tl::make_unexpected(lane.result.error());
    add_loss(report.loss, *lane.result, share);
    if (&lane == &lanes_[0]) continue;
    for (std::size_t i = 0; i < lane.gradient.size(); ++i) lanes_[0].gradient[i] += lane.gradient[i];
  }
  double square = 0;
  for (const float g : lanes_[0].gradient) square += static_cast<double>(g) * g;
  report.gradient_norm = share * std::sqrt(square);
  report.total = report.loss.total(settings_.pass.loss);
  if (!std::isfinite(report.gradient_norm) || !std::isfinite(report.total))
    return fail(ErrorKind::kFailed, fmt::format("the loss is no number after {} steps", step_),
                "lower the learning rate");
  update(lanes_[0].gradient, share * std::min(1.0, settings_.clip / std::max(report.gradient_norm, 1e-12)));
  ++step_;
  return report;
}

void Trainer::update(std::span<const float> gradient, double factor) {
  const auto t = static_cast<double>(step_ + 1);
  const auto step_size =
      static_cast<float>(rate() * std::sqrt(1 - std::pow(kSecondDecay, t)) / (1 - std::pow(kFirstDecay, t)));
  const auto f = static_cast<float>(factor);
  const std::span<float> values = model_.values();
  for (std::size_t i = 0; i < values.size(); ++i) {
    const float g = f * gradient[i];
    first_[i] += static_cast<float>(1 - kFirstDecay) * (g - first_[i]);
    second_[i] += static_cast<float>(1 - kSecondDecay) * (g * g - second_[i]);
    values[i] -= step_size * first_[i] / (std::sqrt(second_[i]) + static_cast<float>(kTiny));
  }
}

TensorFile Trainer::checkpoint() const {
  const std::uint64_t size = model_.values().size();
  TensorFile file;
  file.metadata = shape_notes(model_.shape());
  file.metadata["kind"] = "tierd.training", file.metadata["step"] = std::to_string(step_);
  file.tensors = {{"values", {size}, {model_.values().begin(), model_.values().end()}},
                  {"first", {size}, first_},
                  {"second", {size}, second_}};
  return file;
}

Result<void> Trainer::restore(const TensorFile& file) {
  const auto kind = file.metadata.find("kind"), step = file.metadata.find("step");
  const auto shape = shape_from_notes(file.metadata, "the checkpoint");
  bool fits = shape && *shape == model_.shape() && kind != file.metadata.end() &&
              kind->second == "tierd.training" && step != file.metadata.end() && file.tensors.size() == 3;
  for (const Tensor& tensor : file.tensors) fits &= tensor.values.size() == model_.values().size();
  fits = fits && !step->second.empty() && step->second.size() < 10 &&
         std::all_of(step->second.begin(), step->second.end(), [](char c) { return c >= '0' && c <= '9'; });
  if (!fits)
    return fail(ErrorKind::kFailed, "the checkpoint is of another model",
                "start without it, or with the shape it was made with");
  std::copy(file.tensors[0].values.begin(), file.tensors[0].values.end(), model_.values().begin());
  first_ = file.tensors[1].values, second_ = file.tensors[2].values;
  step_ = static_cast<std::size_t>(std::stoull(step->second));
  return {};
}

Result<Judgement> judge(const Model& model, const TrainingSettings& settings,
                        std::span<const TrainingTask> tasks, std::size_t windows_per_task) {
  auto pass = TIER_TRY(Pass::make(model.shape().network, settings.pass, settings.kernels));
  Judgement judgement;
  std::map<std::string, std::size_t> counts;
  std::vector<float> weights(model.network_size());
  std::size_t windows = 0;
  const std::size_t least = settings.scored_after + kLeastScored;
  for (const TrainingTask& task : tasks) {
    if (task.ticks < least) continue;
    for (std::size_t w = 0; w < windows_per_task; ++w) {
      const std::size_t begin = (task.ticks - least) * (2 * w + 1) / (2 * windows_per_task);
      const Window window{&task, begin, settings.scored_after};
      model.generate({}, weights);
      const auto without = TIER_TRY(pass->forward(weights, window));
      const Conditioned context = condition(model, tokens_after(task, begin + window.scored));
      model.generate(context.encoding.z, weights);
      const auto with = TIER_TRY(pass->forward(weights, window));
      add_loss(judgement.without, without, 1), add_loss(judgement.with_context, with, 1);
      judgement.by_family[task.family] += with.total(settings.pass.loss);
      ++counts[task.family], ++windows;
    }
  }
  if (windows == 0) return fail(ErrorKind::kUsage, "no task is long enough to judge by", "give longer ones");
  for (Loss* loss : {&judgement.with_context, &judgement.without}) {
    const auto n = static_cast<double>(windows);
    loss->divergence /= n, loss->level /= n, loss->pinball /= n;
  }
  for (auto& [family, total] : judgement.by_family) total /= static_cast<double>(counts[family]);
  return judgement;
}

}  // namespace tier
