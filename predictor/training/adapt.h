// Few-shot adaptation: moves the context z, and nothing else, by what was forecast wrongly over the latest
// ticks (as CAVIA does, Zintgraf et al. 2019). z are few numbers: a minute of samples is enough to find them,
// and not enough to spoil a network by them.
//
// Gradient steps see the older ticks; the newest are held back, and so are horizons that reach into them.
// What was found is taken only where it is better on those than both the z in use and the encoder's.
//
// Targets are sampled counts. Of the divergence (loss.h) the noise changes the level and not the place of the
// minimum, since it is linear in what came; the quantiles of counts are not those of demand, so that they do
// not count here.
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "predictor/network/model_file.h"
#include "predictor/training/pass.h"

namespace tier {

struct AdaptationSettings {
  std::size_t most_steps = 15;  // of the gradient
  double rate = 0.1;            // Adam's, of z
  double decay = 1e-3;          // of the square of z's distance from the encoder's, in the loss
  double margin = 0.01;         // of the held-back loss, by which a change must be better
  std::size_t held_back = 24;   // newest ticks
  std::size_t unscored = 8;     // oldest ticks: the network knows little of what was before
  LossWeights loss = {0.05, 0};
  Kernels kernels = Kernels::kOnednn;  // where they are of no use, plain ones on fewer regions
};

enum class AdaptationVerdict {
  kKept,     // nothing is better than what is in use
  kAdapted,  // what the steps found
  kStored,   // what was stored, as it is
  kDropped,  // the encoder's own z is better than what is in use
};
const char* name_of(AdaptationVerdict verdict);

// Makes unknown what came in ticks from `split` on to the forecasts of those before.
void hide_from(TrainingTask& task, std::size_t split);

// From where to start; rank floats each.
struct AdaptationStart {
  std::vector<float> encoded, current;  // the encoder's z, and that in use
  std::vector<float> stored;            // what was found for such a workload before; may be empty
};

struct AdaptationReport {
  AdaptationVerdict verdict = AdaptationVerdict::kKept;
  std::vector<float> z;  // to be used from now on
  // Held-back losses; stored: 0 where there is none.
  double encoded = 0, current = 0, stored = 0, adapted = 0;
  std::size_t steps = 0;   // of the gradient
  std::size_t passes = 0;  // through the network, in all
};

// Not thread-safe. Holds about 20 MiB while it lives.
class Adaptation {
 public:
  // kUsage: too few ticks to hold some back, no context in the model, or vectors that are not of its rank.
  static Result<std::unique_ptr<Adaptation>> make(std::shared_ptr<const NamedModel> model,
                                                  TrainingTask support, AdaptationStart start,
                                                  const AdaptationSettings& settings);

  // One pass of the window through the network, forward or both ways: about 5 to 20 ms. False: nothing is
  // left to do, see report(). Where a pass fails all stays as it was.
  bool step();
  bool done() const { return phase_ == Phase::kDone; }
  const AdaptationReport& report() const { return report_; }
  std::size_t bytes_used() const { return support_.bytes_used() + pass_->bytes_used(); }

  // Loss of z on the older ticks, with its gradient to z unless null.
  Result<double> training_loss(std::span<const float> z, std::vector<float>* gradient);
  Result<double> held_back_loss(std::span<const float> z);

 private:
  enum class Phase { kJudgeStarts, kChooseStart, kDescend, kJudgeEnd, kDone };
  struct Candidate {
    AdaptationVerdict verdict{};
    std::vector<float> z;
    double training = 0, held_back = 0;
  };

  Adaptation(std::shared_ptr<const NamedModel> model, TrainingTask support, AdaptationStart start,
             const AdaptationSettings& settings);
  Result<double> loss_of(std::span<const float> z, const Window& window);
  Result<void> advance();
  Result<void> descend();
  void conclude();

  std::shared_ptr<const NamedModel> model_;
  TrainingTask support_;
  AdaptationSettings settings_;
  std::unique_ptr<Pass> pass_;
  std::size_t split_ = 0;              // first tick that is held back
  std::vector<Candidate> candidates_;  // starts: the encoder's, the one in use, the stored one
  std::vector<float> weights_, d_weights_;
  std::vector<float> z_, best_, first_, second_;  // on the way; Adam's moments
  double best_loss_ = 0;
  std::size_t next_ = 0;  // start to be judged
  Phase phase_ = Phase::kJudgeStarts;
  AdaptationReport report_;
};

}  // namespace tier
