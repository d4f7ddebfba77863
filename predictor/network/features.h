// What the network sees of a region in a tick, and the baselines that its head chooses among.
//
// Demand is given in samples (divided by the accesses that one sample stands for), as L(x) = log(1 + x) / 2:
// how much was seen tells how far to believe it. Neighbours are those of the address space; one that is not
// in the snapshot counts as silent.
#pragma once

#include <array>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "predictor/experts/expert.h"
#include "predictor/experts/statistics.h"
#include "predictor/network/head.h"

namespace tier {

inline constexpr std::size_t kFeatures = 32;

struct FeatureEntry {
  const char* name;
  const char* description;
};
const std::array<FeatureEntry, kFeatures>& feature_table();
// FNV-1a over the names in order: a model trained on other features is refused.
std::uint64_t feature_schema();

// What the switch foretells by itself, by horizon and row; accesses per tick.
using Counsel = std::array<std::span<const float>, kHorizons.size()>;

// Baselines, in order: last tick, kAverageRates 0, 1, 3 and 4, neighbours, seasonal, the switch. Not
// thread-safe.
class FeatureExtractor {
 public:
  FeatureExtractor();
  // After `statistics` have seen the snapshot; once per tick.
  void observe(const RegionSnapshot& snapshot, const RegionStatistics& statistics, const Counsel& counsel);
  void forget() { seasonal_->forget(); }

  std::size_t rows() const { return rows_; }
  std::span<const float> features() const { return features_; }  // rows x kFeatures
  // Of the last tick, as long as its statistics and counsel lie where they lay.
  const BaselineColumns& baselines() const { return baselines_; }
  float unit() const { return unit_; }  // accesses per sample
  std::size_t bytes_used() const;

 private:
  void gather_columns(const RegionSnapshot& snapshot, const RegionStatistics& statistics,
                      const Counsel& counsel);
  void gather_neighbours(const RegionStatistics& statistics);
  void gather_group(const RegionSnapshot& snapshot, const RegionStatistics& statistics,
                    const RowGroup& group);
  void find_baselines(const RegionStatistics& statistics, const Counsel& counsel);
  std::span<float> column(std::size_t feature) { return {columns_.data() + feature * rows_, rows_}; }

  std::unique_ptr<Expert> seasonal_, neighbours_;
  std::size_t rows_ = 0;
  float unit_ = 0;
  std::vector<float> columns_;   // by feature, then row
  std::vector<float> features_;  // by row
  BaselineColumns baselines_;
  std::array<std::vector<float>, kHorizons.size()> season_;
  std::vector<float> around_;
  std::vector<std::uint32_t> run_first_, run_last_;  // by row: of the rows that lie together in memory
};

}  // namespace tier
