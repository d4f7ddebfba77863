#include "predictor/training/task.h"

#include <algorithm>

namespace tier {
namespace {}

void TrainingTask::add_tick() {
  ++ticks;
  features.resize(ticks * regions * kFeatures);
  baselines.resize(ticks * regions * kBaselineFloats);
  came.resize(ticks * regions * kHorizons.size(), kNotKnown);
  listed.resize(ticks * regions);
  unit.resize(ticks);
  numbers.resize(ticks);
}

std::size_t TrainingTask::bytes_used() const {
  return (features.capacity() + baselines.capacity() + came.capacity() + unit.capacity()) * sizeof(float) +
         listed.capacity() + numbers.capacity() * sizeof(WorkloadNumbers);
}

void copy_row(const FeatureExtractor& from, std::size_t row, TrainingTask& to, std::size_t tick,
              std::size_t region) {
  const std::size_t at = tick * to.regions + region;
  const auto features = from.features().subspan(row * kFeatures, kFeatures);
  std::copy(features.begin(), features.end(), &to.features[at * kFeatures]);
  for (std::size_t i = 0; i < kBaselineFloats; ++i)
    to.baselines[at * kBaselineFloats + i] = from.baselines().column[i][row];
  to.listed[at] = 1;
}

std::vector<Token> tokens_after(const TrainingTask& task, std::size_t ticks) {
  TokenMaker maker;
  maker.observe(task.node);
  WorkloadWindows windows;
  constexpr std::size_t kRemembered = kWindows * kWindowTicks;
  for (std::size_t t = ticks > kRemembered ? ticks - kRemembered : 0; t < ticks; ++t)
    windows.add(task.numbers[t]);
  return maker.tokens(windows);
}

}  // namespace tier
