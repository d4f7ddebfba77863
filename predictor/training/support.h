// What the network saw of a sample of regions over the latest ticks, and what came: the few shots that it is
// adapted by. At most 1.8 MiB, none before the first tick.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <unordered_map>
#include <vector>

#include "core/region.h"
#include "predictor/experts/statistics.h"
#include "predictor/network/features.h"
#include "predictor/training/task.h"

namespace tier {

inline constexpr std::size_t kSupportTicks = 80, kSupportRegions = 192;

// Fills a task's `came` from the last-value baseline, the demand sampled in each tick: what can be known
// where the truth cannot. Mean per tick over each horizon; kNotKnown where the horizon has not passed by the
// last tick. A region that is not listed was silent.
void fill_observed(TrainingTask& task);

// A ring over ticks. Numbers are kept in the upper 16 bits of a float (relative error 2^-9: sampling leaves
// open far more). A region keeps its place until it was not listed for kSupportTicks. Not thread-safe.
class SupportBuffer {
 public:
  // Once per tick, after all three have seen it. `rows`: of the snapshot, a sample (see Panel); of them no
  // more are kept than there are places, chosen by their keys' hash.
  void add(const FeatureExtractor& extractor, const Roster& roster, std::span<const std::uint32_t> rows);
  void forget();  // what went before is of another workload; gives the memory back

  std::size_t ticks() const { return ticks_; }  // kept
  // A task of kSupportRegions regions, oldest tick first, with what was observed.
  TrainingTask task() const;
  std::size_t bytes_used() const;

 private:
  struct Place {
    RegionKey key;
    std::uint64_t listed = 0;  // tick; 0: free
  };
  void free_places();
  // kNoPlace where there is none for it.
  std::uint32_t place_of(const RegionKey& key, std::uint64_t least_hash);

  std::vector<std::uint16_t> features_, baselines_;  // by tick of the ring, place
  std::vector<std::uint8_t> listed_;
  std::vector<float> unit_;
  std::vector<Place> places_;
  std::unordered_map<RegionKey, std::uint32_t> place_;
  std::vector<std::uint32_t> free_;
  std::size_t ticks_ = 0;
  std::uint64_t now_ = 0;
};

}  // namespace tier
