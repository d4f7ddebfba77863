// One workload as the forecaster would see it, tick by tick, with the truth beside it: what training and
// adaptation learn from.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "core/forecast.h"
#include "core/node_context.h"
#include "predictor/network/features.h"
#include "predictor/network/tokens.h"
#include "predictor/network/workload_windows.h"

namespace tier {

inline constexpr float kNotKnown = -1;  // of `came`

// Regions keep their place over all ticks; one that is not listed in a tick has zeros there.
struct TrainingTask {
  std::string workload, family, machine;  // for people and for splits
  std::size_t ticks = 0, regions = 0;
  std::vector<float> features;           // ticks x regions x kFeatures
  std::vector<float> baselines;          // ticks x regions x kHorizons x kBaselines
  std::vector<float> came;               // ticks x regions x kHorizons: mean demand per tick over the horizon
  std::vector<std::uint8_t> listed;      // ticks x regions
  std::vector<float> unit;               // by tick: accesses per sample
  std::vector<WorkloadNumbers> numbers;  // by tick
  NodeContext node;

  void add_tick();  // one more, of silent regions
  std::size_t bytes_used() const;
};

// A copy of one tick's rows: region `region` of the task is row `row` of the extractor's.
void copy_row(const FeatureExtractor& from, std::size_t row, TrainingTask& to, std::size_t tick,
              std::size_t region);

// Tokens of the task's context as they are known after its first `ticks` ticks.
std::vector<Token> tokens_after(const TrainingTask& task, std::size_t ticks);

}  // namespace tier
