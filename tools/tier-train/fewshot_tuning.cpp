#include "tools/tier-train/fewshot_tuning.h"

#include <algorithm>
#include <cmath>

#include "predictor/training/support.h"

namespace tier::sim {
namespace {}

TrainingTask observed_part(const TrainingTask& task, std::size_t begin, std::size_t end) {
  TrainingTask part;
  part.regions = task.regions, part.node = task.node;
  for (std::size_t t = begin; t < end; ++t) {
    part.add_tick();
    const std::size_t from = t * task.regions, to = (t - begin) * task.regions;
    std::copy_n(&task.features[from * kFeatures], task.regions * kFeatures, &part.features[to * kFeatures]);
    std::copy_n(&task.baselines[from * kBaselineFloats], task.regions * kBaselineFloats,
                &part.baselines[to * kBaselineFloats]);
    std::copy_n(&task.listed[from], task.regions, &part.listed[to]);
    part.unit.back() = task.unit[t], part.numbers.back() = task.numbers[t];
  }
  fill_observed(part);
  return part;
}

Result<bool> tune_weights(const std::vector<float>& weights, std::vector<float>& change,
                          const NetworkShape& shape, const TrainingTask& support,
                          const WeightTuning& tuning) {
  const AdaptationSettings& rule = tuning.rule;
  TrainingTask task = support;
  const std::size_t split = task.ticks - rule.held_back;
  hide_from(task, split);
  auto pass = TIER_TRY(Pass::make(shape, {task.ticks, task.regions, rule.loss}, rule.kernels));
  const Window older{&task, 0, rule.unscored, split}, held_back{&task, 0, split};
  std::vector<float> now = weights;
  for (std::size_t i = 0; i < change.size(); ++i) now[i] += change[i];
  const auto untouched = pass->forward(weights, held_back), before = pass->forward(now, held_back);
  if (!untouched || !before) return tl::make_unexpected((untouched ? before : untouched).error());
  std::vector<float> best = now, first(now.size()), second(now.size()), gradient(now.size());
  double least = INFINITY;
  for (std::size_t step = 1; step <= rule.most_steps; ++step) {
    const auto loss = TIER_TRY(pass->forward(now, older));
    if (loss.total(rule.loss) < least) best = now, least = loss.total(rule.loss);
    std::fill(gradient.begin(), gradient.end(), 0.0F);
    TIER_TRY(pass->backward(1, gradient));
    const auto t = static_cast<double>(step);
    const auto scale =
        static_cast<float>(tuning.rate * std::sqrt(1 - std::pow(0.99, t)) / (1 - std::pow(0.9, t)));
    for (std::size_t i = 0; i < now.size(); ++i) {
      first[i] += 0.1F * (gradient[i] - first[i]);
      second[i] += 0.01F * (gradient[i] * gradient[i] - second[i]);
      now[i] -= scale * first[i] / (std::sqrt(second[i]) + 1e-8F);
    }
  }
  const auto after = TIER_TRY(pass->forward(best, held_back));
  const double limit = std::min(untouched->total(rule.loss), before->total(rule.loss));
  if (!(after.total(rule.loss) < (1 - rule.margin) * limit)) return false;
  change.resize(weights.size());
  for (std::size_t i = 0; i < weights.size(); ++i) change[i] = best[i] - weights[i];
  return true;
}

}  // namespace tier::sim
