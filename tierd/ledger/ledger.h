// Keeps every decision with its reason, its report and its later score.
//
// The order of one tick: score(snapshot) first, then record(plan); report() whenever the migrator reports.
// Where nothing is moved (observe mode) plans are recorded as imagined: scored as if they had been carried
// out at their expected cost.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include "core/forecast.h"
#include "core/plan.h"
#include "core/region.h"
#include "core/score.h"
#include "core/topology.h"
#include "tierd/ledger/comparison.h"
#include "tierd/ledger/margin.h"

namespace tier {

struct LedgerSettings {
  std::size_t capacity = 16384;  // decisions kept; about 400 bytes each
  MarginSettings margin;
  ComparisonSettings comparison;
};

enum class Verdict : std::uint8_t {
  kPending,  // not yet executed, or its horizon has not passed
  kUseful,   // earned more than it cost
  kWasted,   // earned less than it cost
  kHarmful,  // the program waited longer because of it, the cost apart
  kVoid,     // nothing was moved: no effect
  kUnknown,  // the region or its target went away before the horizon passed
};
const char* to_string(Verdict);

// The two halves of a swap are judged together: both carry the verdict of the pair.
struct Decision {
  MigrationRequest request;
  Tick planned;
  bool imagined = false;
  bool declined = false;  // imagined, because the margin stood against it; see record_declined()
  std::optional<MigrationReport> report;  // none for imagined ones
  std::optional<Tick> executed;           // tick in which the report came
  double moved_share = 0;                 // of the bytes asked for, 0..1
  double realised_demand = 0;             // accesses since executed
  StallSeconds realised_benefit;  // since executed: demand · (latency from - latency to), share moved
  StallSeconds realised_cost;     // the expected cost, scaled by how long the move really took
  Nanoseconds followed{};         // so long its region's demand was watched
  std::optional<Tick> scored;
  Verdict verdict = Verdict::kPending;
};

struct LedgerTotals {
  std::uint64_t planned = 0, reported = 0, scored = 0;
  std::uint64_t useful = 0, wasted = 0, harmful = 0, void_moves = 0, unknown = 0;
  std::uint64_t evicted = 0;           // decisions forgotten to bound memory
  std::uint64_t evicted_unscored = 0;  // of these, before they had a score
  StallSeconds expected;               // benefit forecast, of scored decisions
  StallSeconds realised;               // benefit measured, of scored decisions
  StallSeconds cost;                   // of all executed moves
  StallSeconds scored_cost;            // of scored decisions alone
  std::uint64_t foreseen = 0;          // of the useful: demotions that lost no more than foreseen
  // Benefit and cost of the same moves: what has not been scored yet is in neither.
  StallSeconds saved() const { return realised - scored_cost; }
  // What memory waited less where moves have put it than it would have where it lay before its first one:
  // for as long as it stays there, where a decision is followed through its horizon alone.
  StallSeconds placed;
  StallSeconds placed_net() const { return placed - cost; }
  // Sampled demand on the fastest tier, whole life.
  double demand = 0, demand_fast = 0;
  // Stall that the per-tick best placement of the sampled demand would have avoided. An upper bound: a
  // placement chosen after the fact also fits the sampling noise, and pays for no move.
  StallSeconds regret;
};

// One tick's placement quality; see LedgerTotals::regret.
struct TickScore {
  Tick tick;
  double demand = 0;      // accesses sampled
  double hit_share = 0;   // of it, on the fastest tier, 0..1; 0 without demand
  double best_share = 0;  // with the best placement into the memory regions hold there now
  StallSeconds regret;
};

// Everything the ledger knows about one region.
struct RegionStory {
  RegionKey key;
  std::vector<Decision> decisions;  // newest first
  std::optional<NodeId> node;       // where its last executed move put it
  std::optional<Tick> since;
  StallSeconds cost, saved;  // of all decisions kept; saved is before cost
  std::string text;          // one sentence for people
};

// Not thread-safe.
class Ledger {
 public:
  explicit Ledger(LedgerSettings settings = {});
  Ledger(Ledger&&) = default;
  Ledger& operator=(Ledger&&) = default;

  // Imagined requests for a region that still has an open one are left out: the same wish comes every tick.
  void record(const MigrationPlan& plan, bool imagined = false);
  // The plan's declined swaps are followed as if they had been made, so that the margin finds its way down
  // again when swaps would win; counted in no total, and forgotten when they are judged.
  // Reports on unknown (evicted) decisions are ignored.
  void report(const MigrationReport& report, Tick tick);
  // Adds the tick's demand to every open decision and closes those whose horizon has passed.
  TickScore score(const RegionSnapshot& snapshot, const SystemState& system, const TierTopology& topology);
  void target_gone(TargetId target, Tick tick);  // closes its open decisions as kUnknown
  // Forgets every account and decision, for demand is counted in another unit from now on. Where memory lay
  // before it was moved stays known: what its places save from now on is counted.
  void begin_anew();

  const LedgerTotals& totals() const { return totals_; }
  const TickScore& last_score() const { return last_score_; }
  double margin() const { return margin_.value(); }
  // Of the control group against the rest; a stage is begun by whoever gives the groups their forecasts.
  const Comparison& comparison() const { return comparison_; }
  void begin_stage(ControlGroup group, bool trial) { comparison_.begin_stage(group, trial); }
  double least_margin() const { return settings_.margin.start; }

  const Decision* find(std::uint64_t request_id) const;
  RegionStory explain(const RegionKey& key) const;
  std::size_t bytes_used() const;

 private:
  using Group = std::vector<Decision*>;
  struct Open {
    Decision* decision = nullptr;  // in decisions_
    bool complete = false;         // see complete(); it is asked in every tick until it is
  };
  void record(const std::vector<MigrationRequest>& requests, Tick tick, bool imagined, bool declined);
  void execute(Decision& decision, Tick tick, double share, StallSeconds cost);
  // What one pass through the snapshot tells of the tick.
  struct Observed {
    Tick tick;
    const SystemState& system;
    const TierTopology& topology;
    NodeRanks ranks;
    std::vector<const Region*> sampled;  // with demand, by key
    Bytes fast_bytes;                    // resident on the fastest tier
    double length = 1;                   // of the tick, seconds
    double waited = 0;                   // stall seconds
    double crowding(
        NodeId node) const;  // seconds that one more of the node's mean accesses makes others wait
  };
  static Observed observe(const RegionSnapshot& snapshot, const SystemState& system,
                          const TierTopology& topology);
  void follow(Open& open, const Observed& observed);
  void follow_moved(const Observed& observed);
  bool complete(const Decision& decision) const;
  Group group_of(Decision& decision);
  void judge(const Group& group, Tick tick);
  void close(Decision& decision, Verdict verdict, Tick tick);
  static TickScore score_placement(const Observed& observed);
  void compare(const RegionSnapshot& snapshot, const SystemState& system, const TierTopology& topology);
  void set_price(double room, double gained);
  void evict();

  LedgerSettings settings_;
  std::map<std::uint64_t, Decision> decisions_;  // by request id, so oldest first
  std::vector<Open> open_;                       // not yet judged
  LedgerTotals totals_;
  TickScore last_score_;
  Margin margin_;
  Comparison comparison_;
  // Where a region lay before its first move.
  struct Origin {
    NodeId node;
    Nanoseconds latency;  // of that node, where it is not measured
    double reach = 1;
  };
  std::unordered_map<RegionKey, Origin> moved_;
  double price_ = 0;  // of a byte of the fastest tier, stall seconds a tick; see Comparison
  std::unordered_map<RegionKey, PlacedDemand> wanted_;  // of the running block
  std::uint64_t wanted_ticks_ = 0;
};

}  // namespace tier
