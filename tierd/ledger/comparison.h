// What the chosen forecast saves against the reactive one: the regions of the control group follow the other
// forecast, and both groups' accounts are kept side by side.
//
// Of every region: what it waited (with what its moves cost), what its fast memory was worth, and what it
// would have waited on the slowest tier. The groups differ in size and demand is heavy-tailed, so their
// ratios are compared, not their sums. They also share one fast tier: who asks for more than it should would
// look good by what the others lose. So fast memory has its price, the stall that the least worthy region
// would save that does not quite fit into the best placement of the last block: a Lagrange multiplier, with
// which each region's account stands for itself. Where nothing is moved (observe mode), what the imagined
// moves would have saved counts.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "core/control_group.h"
#include "core/normal.h"  // the quantiles that half() is asked with
#include "core/units.h"

namespace tier {

// Sums over regions and ticks, in stall seconds.
struct GroupSums {
  double waited = 0;   // with the cost of moves
  double rent = 0;     // of the fast memory held, at its price
  double slowest = 0;  // had all of it been on the slowest tier
  double best = 0;     // where it would best have been in each tick, rent included
  double squares = 0;  // of `slowest` by region and tick: how much of it few regions have
  double spent() const { return waited + rent; }
  GroupSums& operator+=(const GroupSums& other);
};

// A stretch of ticks, by bucket of regions.
struct ComparisonBlock {
  std::uint64_t ticks = 0;
  std::array<GroupSums, kRegionBuckets> buckets{};
};

struct Estimate {
  std::uint64_t ticks = 0, blocks = 0;
  double share = 0;  // of the stall on the slowest tier, that the chosen forecast saves more; negative: less
  double error = 0;  // of it, one standard error
  double degrees = 0;  // of freedom, of the error
  double slowest = 0;  // stall seconds on the slowest tier of those that followed the chosen forecast
  double half(double normal_quantile) const;        // half the interval: error times Student's t
  double saved() const { return share * slowest; }  // seconds
};

// Of the control group against the rest. `trial`: it is the control group that follows the chosen forecast.
//
// share = R_other - R_chosen, R = (waited + rent)/slowest, adjusted by the same difference of best/slowest,
// whose slope is fitted between buckets (Deng et al., "Improving the Sensitivity of Online Controlled
// Experiments by Utilizing Pre-Experiment Data", WSDM 2013): that a group got the regions that are easy to
// place is no merit. Its variance is the sum of two, so it is rather too wide:
// - between regions: the buckets of the larger group are random groups that had the same treatment (Wolter,
//   "Introduction to Variance Estimation", chapter 2), scaled by how much of each group few regions have;
// - between times: jackknife over blocks of ticks that follow each other, which autocorrelation within a
// block
//   does not disturb (Künsch, "The Jackknife and the Bootstrap for General Stationary Observations", Annals
//   of Statistics 17, 1989).
// None without stall in both groups, or with too few blocks or buckets to tell any error.
std::optional<Estimate> estimate(std::span<const ComparisonBlock> blocks, ControlGroup group, bool trial);

enum class Evidence : std::uint8_t { kTooLittle, kSaves, kLoses, kAlike };
const char* to_string(Evidence);
// By the 95 % interval. Alike: it holds zero and is narrow, 1 % of the stall on the slowest tier either way.
Evidence evidence_of(const std::optional<Estimate>& estimate);

struct ComparisonSettings {
  ControlGroup group;             // none: nothing is compared
  std::uint64_t block = 60;       // ticks: beyond what ticks have to do with each other
  std::size_t recent = 60;        // blocks: an hour at one tick a second
  std::size_t least_blocks = 10;  // before anything is said
  std::size_t checks = 10;        // blocks in a row that must say the same before the roles change
};

// The present arrangement is a stage: it ends when the roles, the forecaster or the group change.
class Comparison {
 public:
  explicit Comparison(ComparisonSettings settings = {}) : settings_(settings) {}

  void begin_stage(ControlGroup group, bool trial);
  bool on() const { return settings_.group.buckets > 0; }

  // Of the running tick.
  void add(const RegionKey& key, const GroupSums& sums);
  void charge(const RegionKey& key, double waited, double rent = 0) {
    now_[bucket(key)].waited += waited, now_[bucket(key)].rent += rent;
  }
  void close_tick(std::uint64_t control_regions);

  // True after the tick with which a block ended: the time to judge.
  bool block_closed() const { return running_.ticks == 0 && stage_ticks_ > 0; }
  // The roles should change: for `checks` blocks in a row the 99 % interval of the recent blocks lay wholly
  // below zero (leading) or above it (standing back).
  bool roles_should_change() const { return said_ >= settings_.checks; }

  std::optional<Estimate> recent() const;  // of this stage's last `recent` blocks
  std::optional<Estimate> stage() const;   // of all of it
  // Seconds saved by all stages together, with one standard error; none before there was an estimate.
  struct Life {
    double saved = 0, error = 0;
    std::uint64_t ticks = 0;
  };
  std::optional<Life> life() const;
  GroupSums sums(bool control) const;  // this stage
  std::uint64_t ticks() const { return stage_ticks_; }
  std::uint64_t control_regions() const { return control_regions_; }
  const ControlGroup& group() const { return settings_.group; }
  bool trial() const { return trial_; }
  std::size_t bytes_used() const;

 private:
  static std::size_t bucket(const RegionKey& key) { return static_cast<std::size_t>(bucket_of(key)); }
  void close_block();
  void check();
  std::optional<Estimate> of(const std::vector<ComparisonBlock>& blocks) const;

  ComparisonSettings settings_;
  bool trial_ = false;
  std::array<GroupSums, kRegionBuckets> now_{};
  ComparisonBlock running_;
  std::vector<ComparisonBlock> recent_;  // oldest first
  std::vector<ComparisonBlock> all_;     // of this stage; neighbours are joined when there are too many
  std::uint64_t all_block_ = 0;          // blocks of ticks that each of them holds
  std::size_t said_ = 0;
  std::uint64_t stage_ticks_ = 0, control_regions_ = 0;
  double past_saved_ = 0, past_variance_ = 0;  // of earlier stages, seconds
  std::uint64_t past_ticks_ = 0;
};

}  // namespace tier
