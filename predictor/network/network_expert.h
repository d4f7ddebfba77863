// The learned expert: features of every region and the switch's counsel through the network, whose weights
// follow the context.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "core/clock.h"
#include "predictor/experts/statistics.h"
#include "predictor/network/features.h"
#include "predictor/network/model_file.h"
#include "predictor/network/runner.h"
#include "predictor/network/tokens.h"

namespace tier {

struct NetworkSettings {
  std::uint64_t condition_every = 16;  // ticks between two looks at the context
  // Wall time for the network per tick; what is not done by then makes it late, and it has no forecast for
  // that tick. 0: no limit.
  Nanoseconds budget{};
  const Clock* clock = nullptr;  // for the budget and to choose the runner; null: no budget
  RunnerKind runner = RunnerKind::kAuto;
};

struct TokenWeight {
  std::string token;
  std::array<float, kHeads> attention{};  // by head; sums to 1 over all tokens
};

struct NetworkStatus {
  std::string model;                // hash
  std::string runner;               // one line
  std::vector<float> z;             // what the weights are generated from
  std::vector<float> offset;        // of z to what the encoder says; empty: none
  std::vector<TokenWeight> tokens;  // of the last look at the context
  std::uint64_t conditioned = 0;    // looks so far
  std::uint64_t late = 0;           // ticks without a forecast for lack of time
};

// Not thread-safe.
class NetworkExpert {
 public:
  NetworkExpert(std::shared_ptr<const NamedModel> model, NetworkSettings settings);

  void observe(const NodeContext& node) { tokens_.observe(node); }
  // Once per tick, after `statistics` have seen the snapshot.
  void observe(const RegionSnapshot& snapshot, const RegionStatistics& statistics, const Counsel& counsel);
  // False: it has no forecast for this tick, for lack of time or because it has only just begun.
  bool ready() const { return reached_all_ && ticks_ > 1; }
  // Of the last snapshot, by row, then horizon; accesses per tick. Its own quantiles are not worked out: on
  // workloads it has not seen they hold less than what the scatter of its errors tells (docs/benchmarks.md).
  std::span<const float> mean() const { return mean_; }
  // Adds to the encoder's z from now on, as many numbers as it has; none: nothing is added. Held until
  // forget().
  void set_offset(std::span<const float> offset);
  std::span<const float> offset() const { return offset_; }
  std::span<const float> encoded() const { return encoded_; }  // the encoder's z; empty: not known yet
  const FeatureExtractor& extractor() const { return extractor_; }
  const WorkloadWindows& windows() const { return windows_; }
  // Behaviour changed: the context known before tells of another workload. Until some of the new one is known
  // the base weights hold.
  void forget();
  std::size_t bytes_used() const;

  NetworkStatus describe() const;

 private:
  void condition();
  void generate();
  void find_idle(const RegionStatistics& statistics);

  std::shared_ptr<const NamedModel> model_;
  NetworkSettings settings_;
  FeatureExtractor extractor_;
  WorkloadWindows windows_;
  TokenMaker tokens_;
  std::unique_ptr<NetworkRunner> runner_;
  std::vector<float> encoded_, offset_;
  std::vector<float> weights_, outputs_, mean_;  // mean_ by row, then horizon
  std::vector<std::uint8_t> idle_;
  NetworkStatus status_;
  std::uint64_t ticks_ = 0;
  bool reached_all_ = false;
};

}  // namespace tier
