// Meta-training: every step draws windows of tasks, lets the context encoder generate the weights for each,
// and changes base, basis and encoder alike (Adam, Kingma and Ba 2015). Deterministic by its seed, whatever
// the number of threads; can be stopped and taken up again.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "predictor/model/tensor_file.h"
#include "predictor/training/pass.h"

namespace tier {

struct TrainingSettings {
  std::uint64_t seed = 1;
  std::size_t steps = 3000;
  std::size_t lanes = 2;  // windows per step; as many threads
  double rate = 3e-3;     // Adam's, after the warm-up; falls to a twentieth along a cosine
  std::size_t warm_up = 100;
  double clip = 2;  // of the gradient's norm
  // Share of the windows without any context, and of the tokens left out of the others: what the network must
  // do without at run time, too.
  double context_dropout = 0.3, token_dropout = 0.2;
  double context_decay = 1e-3;    // of z's square in the loss
  std::size_t scored_after = 16;  // ticks of each window: what is known before it began is not in it
  PassSettings pass;
  Kernels kernels = Kernels::kOnednn;
};

struct StepReport {
  Loss loss;                            // mean over the lanes
  double total = 0, gradient_norm = 0;  // before clipping
};

class Trainer {
 public:
  // `tasks` outlive the trainer. kUsage: no task, or a shape that cannot be.
  static Result<std::unique_ptr<Trainer>> make(Model start, const TrainingSettings& settings,
                                               std::span<const TrainingTask> tasks);

  Result<StepReport> step();
  std::size_t steps_done() const { return step_; }
  const Model& model() const { return model_; }

  // Everything that the next step depends on, besides tasks and settings; the notes say the shape, too.
  TensorFile checkpoint() const;
  Result<void> restore(const TensorFile& checkpoint);  // kFailed: it is of another model

 private:
  struct Lane {
    std::unique_ptr<Pass> pass;
    std::vector<float> gradient, weights, d_weights;
    Result<Loss> result;
  };
  Trainer(Model start, const TrainingSettings& settings, std::span<const TrainingTask> tasks);
  void run(std::size_t lane);
  Result<Loss> learn(Lane& lane, std::uint64_t draw) const;
  Window draw_window(std::uint64_t& state) const;
  double rate() const;
  void update(std::span<const float> gradient, double factor);

  Model model_;
  TrainingSettings settings_;
  std::span<const TrainingTask> tasks_;
  std::vector<std::vector<const TrainingTask*>> families_;  // tasks of each
  std::vector<Lane> lanes_;
  std::vector<float> first_, second_;  // Adam's moments
  std::size_t step_ = 0;
};

// Mean loss of a model over windows spread evenly over every task, with context and without.
struct Judgement {
  Loss with_context, without;
  std::map<std::string, double> by_family;  // total, with context
};
Result<Judgement> judge(const Model& model, const TrainingSettings& settings,
                        std::span<const TrainingTask> tasks, std::size_t windows_per_task);

}  // namespace tier
