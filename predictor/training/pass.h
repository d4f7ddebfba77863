// One window of a task through the model, forward and backward.
#pragma once

#include <memory>
#include <optional>
#include <span>
#include <vector>

#include "predictor/network/dense.h"
#include "predictor/network/model.h"
#include "predictor/training/loss.h"
#include "predictor/training/task.h"

namespace tier {

struct Window {
  const TrainingTask* task = nullptr;
  std::size_t begin = 0;                // tick of the task
  std::size_t scored = 0;               // ticks at the window's begin that do not count
  std::size_t until = ~std::size_t{0};  // tick of the task from which on none counts
};

struct PassSettings {
  std::size_t ticks = 64, regions = 256;  // of every window; what a task has more is left out
  LossWeights loss;
  // Bit i: the network sees feature i; it sees zeros for the others (Model::ignore_features is its twin).
  std::uint64_t seen_features = ~std::uint64_t{0};
};

// Not thread-safe: one per thread. The buffers are of a fixed size.
class Pass {
 public:
  static Result<std::unique_ptr<Pass>> make(const NetworkShape& shape, const PassSettings& settings,
                                            Kernels kernels);

  // Loss of the weights on the window.
  Result<Loss> forward(std::span<const float> weights, const Window& window);
  // Adds d(loss)/d(weights) of the last forward pass, times `scale`.
  Result<void> backward(float scale, std::span<float> d_weights);

  // Of the last forward pass, by tick, region and horizon.
  std::span<const float> mean() const { return mean_; }
  std::span<const float> low() const { return low_; }
  std::span<const float> high() const { return high_; }
  std::span<const float> came() const { return came_; }
  std::span<const std::uint8_t> counts() const { return counts_; }
  const PassSettings& settings() const { return settings_; }
  std::size_t bytes_used() const;

 private:
  Pass(const PassSettings& settings, std::unique_ptr<DenseNetwork> network);
  void load(const Window& window);
  LossInput loss_input() const {
    return {settings_.ticks, settings_.regions, low_, mean_, high_, came_, counts_, unit_};
  }

  PassSettings settings_;
  std::unique_ptr<DenseNetwork> network_;
  std::vector<float> features_, baselines_, came_, unit_;
  std::vector<std::uint8_t> counts_;
  std::vector<std::uint32_t> first_tick_;
  std::vector<float> outputs_, low_, mean_, high_, d_outputs_, d_weights_;
  LossGradient gradient_;
};

// The context's z for a window: tokens as known after its unscored ticks; none of them with `tokens` empty.
struct Conditioned {
  std::vector<Token> tokens;
  Encoding encoding;
};
Conditioned condition(const Model& model, std::vector<Token> tokens);

}  // namespace tier
