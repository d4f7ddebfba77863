// The exponential average's insides, shared by its source files: what a tick makes of counts
// (exponential_average.cpp), and what of silence (exponential_average_silence.cpp).
#pragma once

#include <algorithm>
#include <array>
#include <cstdint>
#include <memory>
#include <string>
#include <unordered_map>
#include <vector>

#include "predictor/changed_shares.h"
#include "predictor/exponential_average.h"
#include "predictor/exposures.h"
#include "predictor/outlook_table.h"
#include "predictor/rate_mixture.h"
#include "predictor/run_lengths.h"

namespace tier {

class ExponentialAverage final : public Forecaster {
 public:
  explicit ExponentialAverage(std::size_t looked_at) : looked_at_(std::max<std::size_t>(looked_at, 1)) {}
  std::string name() const override { return "exponential-average"; }
  ForecastSet forecast(const RegionSnapshot& snapshot) override;
  std::size_t bytes_used() const override;

 private:
  // Regions are looked at in turns of so many ticks at most, see exponential_average_silence.cpp.
  static constexpr std::uint32_t kMostSilent = 8;
  // A tick in which more of a group may have changed is one in which all of the group are looked at.
  static constexpr double kCalm = 0.02;
  static constexpr std::uint32_t kShared = 0xFFFFFFFF;  // Row::belief of a quiet one
  // Memory of the population and of the accesses per sample.
  static constexpr double kKept = Exposures::kKept;
  static constexpr std::uint64_t kOld = 128;  // ages beyond are as good as for ever

  // Arrays by slot of RunLengths; those of no hypothesis have no weight. One cache line.
  struct alignas(64) Belief {
    std::array<float, RunLengths::kMost> samples{};  // since the hypothesis began
    std::array<float, RunLengths::kMost> weights{1};
  };

  using Silence = PastSilence<RunLengths::kMost>;

  // What every tick needs of a region, looked at or not.
  struct Row {
    RegionKey key;
    std::uint32_t belief = 0;  // index; kShared: that of its place's quiet ones
    std::uint32_t place = 0;   // in Exposures; samples are what it would have shown had it always been there
    std::uint32_t seen = 0;    // the last tick, modulo 2^32, that its belief knows of
    bool old = false;          // as old as all hypotheses
    bool look = false;         // in the running tick
    std::uint8_t every = 1;    // so manieth tick is its turn, a power of two
    std::uint8_t group = 0;    // as of the last look; see kGroupBounds
    float fresh = 0;           // probability that it just changed, were that as likely as not
    float rate = 0;            // forecast at the last tick, samples per exposure
    float fall = 1;            // factor of the rate by another silent tick
    float low = 0, high = 0;   // quantiles of the forecast over its mean
    float recent_samples = 0, recent_demand = 0;  // discounted by kKept
  };

  // What is kept of a region that left the snapshot; the rest is as of one never seen.
  struct Memory {
    float rate = 0, recent_samples = 0, recent_demand = 0;
    std::uint64_t tick = 0;  // last one in the snapshot
    std::uint32_t place = 0;
  };

  // What a tick's count says of a region, before it is known how many of its like changed just now. Parts of
  // probability, up to a common factor.
  struct Finding {
    double fresh = 0, others = 0;  // of "changed just now" if that is sure beforehand; of all others
    double most = 0;               // of the likeliest of those
    double mean = 0, square = 0, variance = 0;  // of the rate under them, each times its part
    double fresh_mean = 0, fresh_variance = 0;  // under "changed just now"
    float expected = 0, spread = 0;             // samples that the likeliest foretold: mean and variance
    std::uint32_t group = 0;
    std::uint32_t row = 0;
    std::uint32_t regions = 1;  // that it speaks for: silent ones are looked at in turns
    bool silent = false;
  };

  // What a tick said of silence, for the regions that were not looked at in it.
  struct PastTick {
    RunLengths::Step step;
    std::size_t count = 0;                             // of hypotheses
    std::array<float, ChangedShares::kGroups> odds{};  // of "changed just now", by group
    RateMixture kinds;
    std::vector<Silence> silences;  // by place
  };

  // Of every hypothesis, by slot.
  using Outlooks = std::array<OutlookTable, RunLengths::kMost>;
  using Likelihoods = std::array<double, RunLengths::kMost>;
  std::uint64_t seen_ticks(const Region& region) const {
    return std::min({region.age + std::uint64_t{1}, tick_, kOld});
  }
  // What the hypotheses say of a place's regions: those older than all hypotheses, nearly all, and those of
  // one younger age at a time.
  struct View {
    std::unique_ptr<Outlooks> old = std::make_unique<Outlooks>(), young = std::make_unique<Outlooks>();
    std::uint64_t young_age = 0;
  };
  void begin_tick(const RegionSnapshot& snapshot);
  void settle(Row& row, Belief& belief, std::size_t place) const;
  Outlooks& outlooks(std::size_t place, std::uint64_t ticks);
  template <typename Visit>
  void visit_exposures(std::size_t place, std::uint64_t ticks, Visit visit) const;
  void reset(Outlooks& outlooks, std::size_t place, std::uint64_t ticks) const;
  void meet(const RegionSnapshot& snapshot);
  void meet(Row& row, const Region& region);
  bool its_turn(const Row& row) const { return ((row.belief + tick_) & (row.every - 1U)) == 0; }
  bool stays_quiet(Row& row, const Region& region);
  void come(Row& row, const RegionKey& key);
  void leave(const Row& row);
  void take_belief(Row& row);
  static bool unsampled(const Belief& belief);
  void give_belief(Row& row);
  static void advance(Belief& belief, RunLengths::Step step);
  void bring_up(Row& row);
  void keep_silent(Belief& belief, const Row& row, std::uint32_t ticks);
  void remember(const ChangedShares::Shares& change);
  Likelihoods likelihoods(const Belief& belief, Outlooks& outlooks, std::uint32_t count) const;
  template <typename Likelihood>
  Finding fold(Belief& belief, Outlooks& outlooks, double visible, std::uint32_t count,
               Likelihood likelihood) const;
  Finding examine(const Row& row, Belief& belief, Outlooks& outlooks, std::uint32_t count) const;
  std::uint32_t group_of(float rate) const;
  void observe(std::size_t index, const Region& region);
  void observe_changing(const RegionSnapshot& snapshot, const ChangedShares::Shares& change);
  ChangedShares::Shares observe_all(const RegionSnapshot& snapshot);
  void learn_dispersion(const Finding& finding, double change, std::uint32_t count);
  static double weigh(Belief& belief, std::size_t newest, const Finding& finding, double change);
  double demand_each(const Row& row) const;
  DemandQuantiles conclude(Row& row, Belief& belief, const Finding& finding, double change) const;
  void foresee_silence(Row& row, const Belief& belief, double within, double between, double change) const;
  float fresh_if_silent(const Row& row) const;
  void conclude_all(const ChangedShares::Shares& change, ForecastSet& set);
  RateObservation observation(double samples, std::uint64_t ticks, std::size_t place, double regions) const;
  void note_kind(const Row& row, const Region& region);
  void learn_kinds();

  std::size_t looked_at_;
  std::uint32_t turns_ = 1;                 // ticks in which every silent region is looked at once
  std::vector<Row> rows_;                   // of the running snapshot's regions, in its order
  std::vector<Row> last_;                   // of the one before
  std::vector<Belief> beliefs_;             // in no order
  std::vector<std::uint32_t> free_;         // of beliefs_
  std::array<PastTick, kMostSilent> past_;  // by tick, modulo its size
  std::unordered_map<RegionKey, Memory> absent_;
  // Regions not looked at, by what silence said of them at the last look.
  static constexpr std::size_t kFreshBins = 64;
  struct Alike {
    double regions = 0, sum = 0;  // of Row::fresh
    void add(double fresh) { ++regions, sum += fresh; }
  };
  std::array<std::array<Alike, kFreshBins>, ChangedShares::kGroups> unseen_{};
  std::vector<std::uint32_t> looks_;  // rows looked at for what is known of them by themselves
  std::vector<Finding> findings_;     // of these, then of others looked at
  // Of a region that never had a sample: how new ones begin. And of those in the snapshot that have been
  // silent for so long that no hypothesis has a sample of them any more: they differ in nothing but their
  // keys.
  struct Quiet {
    Row row;
    Belief belief;
    Finding finding;
  };
  std::vector<Quiet> quiets_;  // by place
  RunLengths runs_;
  RunLengths::Step step_;
  RateMixture kinds_;
  std::vector<RateObservation> observations_;
  using Tally = std::array<std::uint64_t, 1024>;  // regions by recent samples, in steps of 1 / kTallySteps
  std::vector<Tally> tallies_;                    // by place
  Exposures exposures_;
  std::vector<View> views_;  // by place
  double sample_demand_ = 0,
         sample_count_ = 0;             // discounted sums: accesses a sample at exposure 1 stands for
  double dispersion_ = 1;               // variance of counts over their mean, 1 = Poisson
  double surprise_ = 0, expected_ = 0;  // of the running tick: weighted Σ (n - mean)², expectation
  std::uint64_t tick_ = 0;
  double tick_seconds_ = 1;  // of the running tick
};

// Calls visit(slot, exposure before the running tick, after it) for every hypothesis.
template <typename Visit>
void ExponentialAverage::visit_exposures(std::size_t place, std::uint64_t ticks, Visit visit) const {
  for (std::size_t i = 0; i < runs_.count(); ++i) {
    const std::size_t slot = runs_.slot(i);
    const double after = runs_.exposure(i, ticks) * exposures_.mean(place, slot);
    visit(slot, std::max(after - exposures_.now(place), 0.0), after);
  }
}

// Brings the hypotheses into step with runs_ and discounts.
inline void ExponentialAverage::advance(Belief& belief, RunLengths::Step step) {
  belief.samples[0] *= static_cast<float>(RunLengths::kKept);
  belief.weights[step.into] += belief.weights[step.newest];
  belief.weights[step.newest] = 0;
  belief.samples[step.newest] = 0;
}

}  // namespace tier
