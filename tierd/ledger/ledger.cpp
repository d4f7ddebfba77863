#include "tierd/ledger/ledger.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <unordered_set>

#include "core/queueing.h"
#include "core/score.h"
#include "tierd/ledger/sentences.h"

namespace tier {
namespace {

// Ticks after which a request without a report is held to be lost.
constexpr std::uint64_t kLostAfter = 300;
// Regions whose demand sets the price of fast memory, 56 bytes each.
constexpr std::size_t kMostWanted = 1 << 16;
// Moved regions that are followed for as long as they live, 72 bytes each.
constexpr std::size_t kMostMoved = 1 << 16;

const Region* find_region(const std::vector<const Region*>& sampled, const RegionKey& key) {
  const auto it = std::lower_bound(sampled.begin(), sampled.end(), key,
                                   [](const Region* region, const RegionKey& k) { return region->key < k; });
  return it != sampled.end() && (*it)->key == key ? *it : nullptr;
}

// Where it was moved to it lies no more: another decision took it away, and what it saves or loses is that
// one's.
bool superseded(const Decision& decision, const Region& region) {
  const bool most_moved = !decision.imagined && !decision.declined && decision.moved_share > 0.5;
  return most_moved && region.node.value >= 0 && region.node != decision.request.to;
}

double latency_of(const SystemState& system, NodeId node, Nanoseconds otherwise, double reach = 1) {
  const NodeState* state = system.find(node);
  const bool known = state != nullptr && state->loaded_latency.count() > 0;
  return known ? seconds(state->loaded_latency) * reach : seconds(otherwise);
}

// What a move cost by the price the policy paid for its work. Without an expectation, all of its time.
StallSeconds cost_of(const MigrationRequest& request, Nanoseconds duration) {
  const double expected = seconds(request.why.work);
  if (expected <= 0) return {seconds(duration)};
  return request.cost * (seconds(duration) / expected);
}

// Seconds over which a swap is evidence of what swaps earn now: its horizon, and no more ticks than kTrial.
// Of short ticks so many tell as much, and the margin learns that much sooner that a phase has begun in which
// swaps lose, or ended (docs/benchmarks.md, tick-length).
double trial_of(const MigrationRequest& request, double tick) {
  constexpr double kTrial = 16;
  return std::min(seconds(request.why.horizon), kTrial * tick);
}

// Followed through its horizon, or never carried out.
bool ripe(const Decision& decision) {
  const bool followed = decision.followed >= decision.request.why.horizon;
  return decision.executed && (decision.moved_share == 0 || followed);
}

// A newer plan came before it had begun, and planned it again where it was still wanted.
bool replaced(const Decision& decision) {
  return decision.report && decision.report->fate == MoveFate::kStale && decision.moved_share == 0;
}

// What a swap came to, over those of its moves that were carried out.
struct Outcome {
  double benefit = 0, expected = 0, cost = 0, moved = 0;
  bool for_gain = false;  // its winner moved
  double net() const { return benefit - cost; }
};

Outcome outcome_of(const std::vector<Decision*>& group) {
  Outcome sum;
  for (const Decision* decision : group) {
    sum.cost += decision->realised_cost.value;
    if (decision->moved_share == 0) continue;
    sum.benefit += decision->realised_benefit.value;
    sum.expected += decision->request.benefit.value;
    sum.moved += decision->moved_share;
    const MigrationRequest& request = decision->request;
    sum.for_gain = sum.for_gain || request.promotion || request.reason == MoveReason::kRelief;
  }
  return sum;
}

Verdict verdict_of(const Outcome& sum) {
  if (sum.moved == 0) return Verdict::kVoid;
  // A demotion by itself earns nothing, whether it was meant so or its winner never came: it was right when
  // it lost no more than foreseen.
  if (!sum.for_gain)
    return -sum.benefit <= std::max(-sum.expected, sum.cost) ? Verdict::kUseful : Verdict::kHarmful;
  if (sum.benefit < 0) return Verdict::kHarmful;
  return sum.net() >= 0 ? Verdict::kUseful : Verdict::kWasted;
}

}  // namespace

const char* to_string(Verdict verdict) {
  switch (verdict) {
    case Verdict::kPending:
      return "pending";
    case Verdict::kUseful:
      return "useful";
    case Verdict::kWasted:
      return "wasted";
    case Verdict::kHarmful:
      return "harmful";
    case Verdict::kVoid:
      return "void";
    case Verdict::kUnknown:
      return "unknown";
  }
  return "unknown";
}

Ledger::Ledger(LedgerSettings settings)
    : settings_(settings), margin_(settings.margin), comparison_(settings.comparison) {}

void Ledger::record(const MigrationPlan& plan, bool imagined) {
  record(plan.requests, plan.tick, imagined, false);
  if (!plan.declined.empty()) record(plan.declined, plan.tick, true, true);
}

void Ledger::record(const std::vector<MigrationRequest>& requests, Tick tick, bool imagined, bool declined) {
  std::unordered_set<RegionKey> wished;
  if (imagined) {
    for (const Open& open : open_) wished.insert(open.decision->request.key);
  }
  for (const MigrationRequest& request : requests) {
    if (wished.contains(request.key)) continue;
    Decision decision;
    decision.request = request;
    decision.planned = tick;
    decision.imagined = imagined;
    decision.declined = declined;
    if (imagined) execute(decision, tick, 1, request.cost);
    const auto [place, is_new] = decisions_.insert_or_assign(request.id, std::move(decision));
    // A number that comes again takes the place of the first, which may still be open.
    Decision* kept = &place->second;
    if (!is_new) std::erase_if(open_, [&](const Open& open) { return open.decision == kept; });
    open_.push_back({kept});
    if (!declined) ++totals_.planned;
  }
  evict();
}

void Ledger::execute(Decision& decision, Tick tick, double share, StallSeconds cost) {
  decision.executed = tick;
  decision.moved_share = share;
  decision.realised_cost = cost;
  if (decision.declined) return;
  totals_.cost += cost;
  comparison_.charge(decision.request.key, cost.value);
}

void Ledger::report(const MigrationReport& report, Tick tick) {
  const auto it = decisions_.find(report.request_id);
  if (it == decisions_.end() || it->second.executed) return;
  Decision& decision = it->second;
  decision.report = report;
  ++totals_.reported;
  const double asked = static_cast<double>(std::max<std::uint64_t>(decision.request.bytes.value, 1));
  execute(decision, tick, std::min(1.0, static_cast<double>(report.moved.value) / asked),
          cost_of(decision.request, report.duration));
  const MigrationRequest& request = decision.request;
  if (report.moved.value > 0 && moved_.size() < kMostMoved)
    moved_.try_emplace(request.key, Origin{request.from, request.why.latency_from, request.why.reach_from});
}

// Nearly all regions of a tick have no sample, and say nothing but what room they hold.
Ledger::Observed Ledger::observe(const RegionSnapshot& snapshot, const SystemState& system,
                                 const TierTopology& topology) {
  Observed observed{snapshot.tick, system, topology, NodeRanks(topology), {}, {}, snapshot.seconds(), 0};
  for (const Region& region : snapshot.regions) {
    if (observed.ranks.of(region.node) == 0) observed.fast_bytes += region.resident;
    observed.waited += region.waited.value;
    if (region.demand.value > 0) observed.sampled.push_back(&region);
  }
  return observed;
}

double Ledger::Observed::crowding(NodeId node) const {
  const int rank = ranks.of(node);
  if (rank < 0) return 0;
  const Nanoseconds unloaded = topology.tiers[static_cast<std::size_t>(rank)].unloaded_latency;
  return tier::crowding(latency_of(system, node, unloaded), seconds(unloaded));
}

void Ledger::follow_moved(const Observed& observed) {
  if (moved_.empty()) return;
  for (const Region* region : observed.sampled) {
    const auto it = moved_.find(region->key);
    if (it == moved_.end() || it->second.node == region->node || region->node.value < 0) continue;
    const Origin& origin = it->second;
    const double before = latency_of(observed.system, origin.node, origin.latency, origin.reach);
    const double now = latency_of(observed.system, region->node, origin.latency);
    totals_.placed += StallSeconds{region->demand.value * (before - now)};
  }
}

void Ledger::follow(Open& open, const Observed& observed) {
  Decision& decision = *open.decision;
  if (!decision.executed) {
    if (observed.tick.value > decision.planned.value + kLostAfter) execute(decision, observed.tick, 0, {});
    return;
  }
  if (decision.moved_share == 0 || ripe(decision)) return;
  const MigrationRequest& request = decision.request;
  const Region* region = find_region(observed.sampled, request.key);
  const double demand = region == nullptr || superseded(decision, *region) ? 0 : region->demand.value;
  const double saved_each =
      latency_of(observed.system, request.from, request.why.latency_from, request.why.reach_from) -
      latency_of(observed.system, request.to, request.why.latency_to, request.why.reach_to) +
      request.why.lines * (observed.crowding(request.from) - observed.crowding(request.to));
  const StallSeconds benefit{demand * saved_each * decision.moved_share};
  decision.realised_demand += demand;
  decision.realised_benefit += benefit;
  decision.followed += Nanoseconds{std::llround(observed.length * 1e9)};
  // As if it had been moved; not reckoned where a slower tier than the fastest is in between.
  if (decision.imagined && !decision.declined) {
    const double bytes = static_cast<double>(request.bytes.value) * (request.promotion ? 1 : -1);
    comparison_.charge(request.key, -benefit.value, price_ * bytes);
  }
  // Half a tick is within what ticks differ by.
  const bool on_trial = seconds(decision.followed) < trial_of(request, observed.length) + observed.length / 2;
  if (request.why.promise > 0 && on_trial && (open.complete = open.complete || complete(decision)))
    margin_.add(request.why.promise, benefit.value - decision.realised_cost.value * observed.length /
                                                         seconds(request.why.horizon));
}

// Its other half has moved too; half a swap says nothing of swaps.
bool Ledger::complete(const Decision& decision) const {
  if (decision.request.why.partner == 0) return true;
  const Decision* partner = find(decision.request.why.partner);
  return partner != nullptr && partner->moved_share > 0;
}

// A promotion with all it displaced; a lone request by itself. Empty when the promotion is not kept any more.
Ledger::Group Ledger::group_of(Decision& decision) {
  const MigrationRequest& request = decision.request;
  Group group;
  auto winner =
      decisions_.find(request.promotion || request.why.partner == 0 ? request.id : request.why.partner);
  if (winner == decisions_.end()) return {&decision};
  group.push_back(&winner->second);
  const std::uint64_t winner_id = winner->first;
  for (auto it = decisions_.find(winner->second.request.why.partner); it != decisions_.end(); ++it) {
    if (it->first == winner_id) break;
    if (it->second.request.promotion || it->second.request.why.partner != winner_id) break;
    group.push_back(&it->second);
  }
  return group;
}

void Ledger::close(Decision& decision, Verdict verdict, Tick tick) {
  decision.verdict = verdict;
  decision.scored = tick;
  if (decision.declined) return;
  ++totals_.scored;
  totals_.expected += decision.request.benefit;
  totals_.realised += decision.realised_benefit;
  totals_.scored_cost += decision.realised_cost;
  totals_.useful += verdict == Verdict::kUseful;
  totals_.wasted += verdict == Verdict::kWasted;
  totals_.harmful += verdict == Verdict::kHarmful;
  totals_.void_moves += verdict == Verdict::kVoid;
  totals_.unknown += verdict == Verdict::kUnknown;
}

void Ledger::judge(const Group& group, Tick tick) {
  const Outcome outcome = outcome_of(group);
  const Verdict verdict = verdict_of(outcome);
  for (Decision* decision : group) {
    const bool was_void = decision->moved_share == 0;
    if (decision->verdict != Verdict::kPending) continue;
    close(*decision, was_void ? Verdict::kVoid : verdict, tick);
    if (decision->verdict == Verdict::kUseful && !outcome.for_gain && !decision->declined) ++totals_.foreseen;
  }
}

TickScore Ledger::score(const RegionSnapshot& snapshot, const SystemState& system,
                        const TierTopology& topology) {
  const Observed observed = observe(snapshot, system, topology);
  for (Open& open : open_) follow(open, observed);
  for (const Open& open : open_) {
    if (open.decision->verdict != Verdict::kPending || !ripe(*open.decision)) continue;
    const Group group = group_of(*open.decision);
    const bool all_ripe = std::all_of(group.begin(), group.end(), [](const Decision* d) {
      return d->verdict != Verdict::kPending || ripe(*d);
    });
    if (all_ripe) judge(group, snapshot.tick);
  }
  follow_moved(observed);
  margin_.close_tick(observed.waited);
  std::erase_if(open_, [&](const Open& open) {
    if (open.decision->verdict == Verdict::kPending) return false;
    // These have taught what they can; kept, they would push out what was done.
    if (open.decision->declined || replaced(*open.decision)) decisions_.erase(open.decision->request.id);
    return true;
  });
  last_score_ = score_placement(observed);
  totals_.demand += last_score_.demand;
  totals_.demand_fast += last_score_.demand * last_score_.hit_share;
  totals_.regret += last_score_.regret;
  if (comparison_.on()) compare(snapshot, system, topology);
  return last_score_;
}

namespace {

double mean_latency(const Tier& tier, const SystemState& system) {
  double sum = 0;
  for (const NodeId node : tier.nodes) sum += latency_of(system, node, tier.unloaded_latency);
  return sum / static_cast<double>(tier.nodes.size());
}

}  // namespace

// The tick's stall of every region, on its node, on the slowest tier, and where it would best be at the
// price.
void Ledger::compare(const RegionSnapshot& snapshot, const SystemState& system,
                     const TierTopology& topology) {
  if (!topology.tiered()) return;
  const double slowest = mean_latency(topology.tiers.back(), system);
  const double gained = std::max(0.0, slowest - mean_latency(topology.tiers.front(), system));
  const NodeRanks ranks(topology);
  double room = 0;
  for (const NodeState& node : system.nodes)
    if (ranks.of(node.node) == 0) room += static_cast<double>(node.free.value);
  std::uint64_t control_regions = 0;
  for (const Region& region : snapshot.regions) {
    const bool fast = ranks.of(region.node) == 0;
    const double demand = region.demand.value, bytes = static_cast<double>(region.resident.value);
    control_regions += comparison_.group().has(region.key);
    if (fast) room += bytes;
    if (bytes <= 0 || (!fast && demand <= 0)) continue;
    GroupSums sums;
    sums.waited = demand * latency_of(system, region.node, {});
    sums.rent = fast ? price_ * bytes : 0;
    sums.slowest = demand * slowest;
    sums.best = sums.slowest - std::max(0.0, demand * gained - price_ * bytes);
    sums.squares = sums.slowest * sums.slowest;
    comparison_.add(region.key, sums);
    if (demand > 0 && (wanted_.size() < kMostWanted || wanted_.contains(region.key)))
      wanted_[region.key].demand += demand, wanted_[region.key].bytes = region.resident;
  }
  ++wanted_ticks_;
  comparison_.close_tick(control_regions);
  if (comparison_.block_closed()) set_price(room, gained);
}

// What a byte of the fastest tier saves a tick where it saves least, had the block's demand been known. One
// tick would not do: in it most regions have no sample, and there seems to be room for all.
void Ledger::set_price(double room, double gained) {
  std::vector<PlacedDemand> wanted;
  wanted.reserve(wanted_.size());
  for (const auto& [key, placed] : wanted_) wanted.push_back(placed);
  const auto density = [](const PlacedDemand& p) { return p.demand / static_cast<double>(p.bytes.value); };
  std::sort(wanted.begin(), wanted.end(),
            [&](const PlacedDemand& a, const PlacedDemand& b) { return density(a) > density(b); });
  std::size_t fits = 0;
  for (; fits < wanted.size() && room > 0; ++fits) room -= static_cast<double>(wanted[fits].bytes.value);
  price_ = fits < wanted.size() ? gained * density(wanted[fits]) / static_cast<double>(wanted_ticks_) : 0;
  wanted_.clear();
  wanted_ticks_ = 0;
}

TickScore Ledger::score_placement(const Observed& observed) {
  TickScore score;
  score.tick = observed.tick;
  std::vector<PlacedDemand> regions;
  double fast = 0, fast_waited = 0, slow_waited = 0;
  for (const Region* region : observed.sampled) {
    const int rank = observed.ranks.of(region->node);
    if (rank < 0) continue;
    const auto& tier = observed.topology.tiers[static_cast<std::size_t>(rank)];
    const double demand = region->demand.value;
    const double waited = demand * latency_of(observed.system, region->node, tier.unloaded_latency);
    score.demand += demand;
    (rank == 0 ? fast_waited : slow_waited) += waited;
    if (rank == 0) fast += demand;
    regions.push_back({demand, region->resident});
  }
  if (score.demand <= 0) return score;
  const double best = std::max(best_demand(regions, observed.fast_bytes), fast);
  score.hit_share = fast / score.demand;
  score.best_share = best / score.demand;
  if (fast > 0 && score.demand > fast) {
    const double apart = slow_waited / (score.demand - fast) - fast_waited / fast;
    score.regret = {std::max(0.0, apart) * (best - fast)};
  }
  return score;
}

void Ledger::target_gone(TargetId target, Tick tick) {
  for (const Open& open : open_) {
    if (open.decision->request.key.target == target && open.decision->verdict == Verdict::kPending)
      close(*open.decision, Verdict::kUnknown, tick);
  }
  std::erase_if(moved_, [&](const auto& each) { return each.first.target == target; });
}

void Ledger::begin_anew() {
  auto moved = std::move(moved_);
  *this = Ledger(settings_);
  moved_ = std::move(moved);
}

void Ledger::evict() {
  if (decisions_.size() <= settings_.capacity) return;
  const auto surplus = static_cast<std::ptrdiff_t>(decisions_.size() - settings_.capacity);
  const auto first_kept = std::next(decisions_.begin(), surplus);
  std::erase_if(open_, [&](const Open& open) {
    return first_kept == decisions_.end() || open.decision->request.id < first_kept->first;
  });
  while (decisions_.begin() != first_kept) {
    ++totals_.evicted;
    totals_.evicted_unscored += decisions_.begin()->second.verdict == Verdict::kPending;
    decisions_.erase(decisions_.begin());
  }
}

const Decision* Ledger::find(std::uint64_t request_id) const {
  const auto it = decisions_.find(request_id);
  return it == decisions_.end() ? nullptr : &it->second;
}

RegionStory Ledger::explain(const RegionKey& key) const {
  RegionStory story;
  story.key = key;
  for (auto it = decisions_.end(); it != decisions_.begin();) {
    const Decision& decision = (--it)->second;
    if (decision.request.key != key) continue;
    if (!story.node && !decision.imagined && decision.executed && decision.moved_share > 0.5) {
      story.node = decision.request.to;
      story.since = decision.executed;
    }
    if (!decision.declined) {
      story.cost += decision.realised_cost;
      story.saved += decision.realised_benefit;
    }
    story.decisions.push_back(decision);
  }
  story.text = story.decisions.empty() ? "It was never moved." : sentences(story.decisions.front());
  return story;
}

std::size_t Ledger::bytes_used() const {
  constexpr std::size_t kTreeNode = 40;  // of a std::map, beside the value
  return decisions_.size() * (sizeof(std::pair<std::uint64_t, Decision>) + kTreeNode) +
         open_.capacity() * sizeof(open_[0]) + comparison_.bytes_used() + wanted_.size() * 56 +
         moved_.size() * 72;
}

}  // namespace tier
