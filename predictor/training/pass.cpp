#include "predictor/training/pass.h"

#include <algorithm>

#include "predictor/network/head.h"

namespace tier {
namespace {
constexpr std::size_t kCount = kHorizons.size();
}  // namespace

Result<std::unique_ptr<Pass>> Pass::make(const NetworkShape& shape, const PassSettings& settings,
                                         Kernels kernels) {
  auto network = TIER_TRY(DenseNetwork::make(shape, settings.ticks, settings.regions, kernels));
  return std::unique_ptr<Pass>(new Pass(settings, std::move(network)));
}

Pass::Pass(const PassSettings& settings, std::unique_ptr<DenseNetwork> network)
    : settings_(settings), network_(std::move(network)) {
  const std::size_t cells = settings.ticks * settings.regions;
  features_.resize(cells * kFeatures), baselines_.resize(cells * kBaselineFloats);
  came_.resize(cells * kCount), counts_.resize(cells), unit_.resize(settings.ticks);
  first_tick_.resize(settings.regions), outputs_.resize(cells * kHeadOutputs);
  for (auto* each : {&low_, &mean_, &high_}) each->resize(cells * kCount);
  d_outputs_.resize(cells * kHeadOutputs);
}

void Pass::load(const Window& window) {
  const TrainingTask& task = *window.task;
  std::fill(features_.begin(), features_.end(), 0.0F), std::fill(baselines_.begin(), baselines_.end(), 0.0F);
  std::fill(came_.begin(), came_.end(), kNotKnown),
      std::fill(counts_.begin(), counts_.end(), std::uint8_t{0});
  std::fill(unit_.begin(), unit_.end(), 1.0F);
  const auto never = static_cast<std::uint32_t>(settings_.ticks);
  std::fill(first_tick_.begin(), first_tick_.end(), never);
  const std::size_t regions = std::min(settings_.regions, task.regions);
  const std::size_t ticks = std::min(settings_.ticks, task.ticks - window.begin);
  for (std::size_t t = 0; t < ticks; ++t) {
    const std::size_t from = (window.begin + t) * task.regions, to = t * settings_.regions;
    const auto copy = [&](const std::vector<float>& source, std::vector<float>& target, std::size_t width) {
      std::copy_n(&source[from * width], regions * width, &target[to * width]);
    };
    copy(task.features, features_, kFeatures);
    for (std::size_t f = 0; f < kFeatures; ++f)
      for (std::size_t r = 0; (settings_.seen_features >> f & 1) == 0 && r < regions; ++r)
        features_[(to + r) * kFeatures + f] = 0;
    copy(task.baselines, baselines_, kBaselineFloats);
    copy(task.came, came_, kCount);
    unit_[t] = task.unit[window.begin + t];
    for (std::size_t r = 0; r < regions; ++r) {
      if (task.listed[from + r] == 0) continue;
      first_tick_[r] = std::min(first_tick_[r], static_cast<std::uint32_t>(t));
      counts_[to + r] = t >= window.scored && window.begin + t < window.until ? 1 : 0;
    }
  }
}

Result<Loss> Pass::forward(std::span<const float> weights, const Window& window) {
  load(window);
  TIER_TRY(network_->forward(weights, features_, first_tick_, outputs_));
  const std::size_t rows = settings_.regions;
  for (std::size_t t = 0; t < settings_.ticks; ++t) {
    const std::size_t at = t * rows;
    apply_head({std::span(outputs_).subspan(at * kHeadOutputs, rows * kHeadOutputs),
                BaselineColumns::of_rows(std::span(baselines_).subspan(at * kBaselineFloats)), unit_[t]},
               {std::span(low_).subspan(at * kCount, rows * kCount),
                std::span(mean_).subspan(at * kCount, rows * kCount),
                std::span(high_).subspan(at * kCount, rows * kCount)});
  }
  return training_loss(loss_input(), settings_.loss, &gradient_);
}

Result<void> Pass::backward(float scale, std::span<float> d_weights) {
  const std::size_t rows = settings_.regions;
  for (std::size_t t = 0; t < settings_.ticks; ++t) {
    const std::size_t at = t * rows;
    const auto part = [&](const std::vector<float>& of) {
      return std::span(of).subspan(at * kCount, rows * kCount);
    };
    // The quantiles' losses do not pull the mean, which has its own.
    apply_head_backward(
        {std::span(outputs_).subspan(at * kHeadOutputs, rows * kHeadOutputs),
         BaselineColumns::of_rows(std::span(baselines_).subspan(at * kBaselineFloats)), unit_[t]},
        {part(gradient_.low), part(gradient_.mean), part(gradient_.high), true,
         std::span(d_outputs_).subspan(at * kHeadOutputs, rows * kHeadOutputs)});
  }
  d_weights_.assign(d_weights.size(), 0);
  TIER_TRY(network_->backward(d_outputs_, d_weights_));
  for (std::size_t i = 0; i < d_weights.size(); ++i) d_weights[i] += scale * d_weights_[i];
  return {};
}

std::size_t Pass::bytes_used() const {
  std::size_t floats = 0;
  for (const auto* each : {&features_, &baselines_, &came_, &unit_, &outputs_, &low_, &mean_, &high_,
                           &d_outputs_, &d_weights_, &gradient_.low, &gradient_.mean, &gradient_.high})
    floats += each->capacity();
  return floats * sizeof(float) + counts_.capacity() + first_tick_.capacity() * sizeof(std::uint32_t) +
         network_->bytes_used();
}

Conditioned condition(const Model& model, std::vector<Token> tokens) {
  Conditioned out{std::move(tokens), {}};
  out.encoding = encode(model.shape().encoder, model.encoder(), out.tokens);
  return out;
}

}  // namespace tier
