// The planner's swaps: who makes room for a region, whether that pays, and the requests that come of it.
#include <algorithm>

#include "tierd/policy/planner.h"

namespace tier {
namespace {

// Times the cost of a swap that is to be undone.
constexpr double kUndone = 2;

}  // namespace

bool Planner::lateral(const Swap& swap) const {
  return value_.nodes()[swap.to].rank == value_.nodes()[candidates_[swap.winner].node].rank;
}

bool Planner::try_move(std::size_t index, std::size_t to) {
  const Candidate& candidate = candidates_[index];
  Swap swap;
  swap.winner = index;
  swap.to = to;
  const PlanNode& from = value_.nodes()[candidate.node];
  swap.gain = benefits(candidate, &Valuation::surely, from, value_.nodes()[to]);
  swap.cost = value_.cost(candidate, !lateral(swap));
  swap.bytes = candidate.bytes;
  if (lateral(swap)) swap.reason = MoveReason::kNearer;
  if (winners_) swap.reason = MoveReason::kUrgent;
  return pays(swap, input_.least_margin) && choose_victims(swap) && settle(swap);
}

// Over the span that is being ranked. One that earned more in it than it does in the end will be undone.
bool Planner::pays(const Swap& swap, double margin) const {
  for (std::size_t span = 0; value_.shaped() && span < span_; ++span)
    if (swap.net(span) < 0) return false;
  const bool undone = swap.net(value_.last_span()) < swap.net(span_);
  return swap.net(span_) > margin * swap.cost * (undone ? kUndone : 1);
}

// Over which it earns most, of those from the running one on.
std::size_t Planner::best_span(const Swap& swap) const {
  std::size_t best = span_;
  for (std::size_t span = span_; span <= value_.last_span(); ++span)
    if (swap.net(span) > swap.net(best)) best = span;
  return best;
}

// Into the plan, or where the margin stands against it among the declined. False: not worth it, or no budget.
bool Planner::settle(const Swap& swap) {
  if (!pays(swap, input_.least_margin)) return false;
  const bool declined = !pays(swap, input_.margin);
  if (declined && best_span(swap) != span_) return false;  // it comes again
  if (swap.bytes > (declined ? declined_budget_ : budget_)) return false;
  commit(swap, declined);
  return true;
}

bool Planner::choose_victims(Swap& swap) {
  const PlanNode& to = value_.nodes()[swap.to];
  const Candidate& winner = candidates_[swap.winner];
  double missing = winner.bytes - std::max(0.0, to.free - to.headroom);
  // Above its cgroup's limit it can only take the place of others of that cgroup.
  // Within its tier it changes nothing of what its cgroup holds there.
  double above = lateral(swap) ? 0 : limits_.above(winner.limit, to.rank, winner.bytes);
  std::vector<double> taken(value_.nodes().size(), 0);
  for (std::size_t i = inside_next_[swap.to]; (missing > 0 || above > 0) && i < inside(swap.to).size(); ++i) {
    const std::size_t index = inside(swap.to).at(i);
    const Candidate& victim = candidates_[index];
    const bool own = above > 0 && victim.limit == winner.limit;
    if (victim.settled || (above > 0 && !own) || !place_victim(swap, index, taken)) continue;
    missing -= victim.bytes;
    if (own) above -= victim.bytes;
    if (!pays(swap, input_.least_margin)) return false;
  }
  return missing <= 0 && above <= 0;
}

// Down the waterfall to the next tier with room; where all are full, into the place the winner leaves.
bool Planner::place_victim(Swap& swap, std::size_t index, std::vector<double>& taken) const {
  const Candidate& victim = candidates_[index];
  const Candidate& winner = candidates_[swap.winner];
  const auto& nodes = value_.nodes();
  std::size_t to = lateral(swap) ? nodes.size() : node_below(victim, nodes[swap.to].rank, taken);
  if (to == nodes.size()) {
    const PlanNode& left = nodes[winner.node];
    if (!swap.victims.empty() || !value_.allowed(victim, left) || victim.bytes > winner.bytes + left.free)
      return false;
    if (left.free < victim.bytes) {
      if (nodes[swap.to].free < winner.bytes) return false;
      swap.winner_first = true;
    }
    to = winner.node;
  } else if (swap.winner_first) {
    return false;
  }
  taken[to] += victim.bytes;
  swap.victims.push_back(index);
  swap.victim_nodes.push_back(to);
  const BySpan benefit = benefits(victim, &Valuation::possibly, nodes[swap.to], nodes[to]);
  for (std::size_t span = 0; span <= value_.last_span(); ++span) swap.loss[span] -= benefit[span];
  swap.cost += value_.cost(victim, false);
  swap.bytes += victim.bytes;
  return true;
}

void Planner::commit(const Swap& swap, bool declined) {
  const RegionKey winner_key = candidates_[swap.winner].region->key;
  const bool up = swap.reason != MoveReason::kRelief && !lateral(swap);
  const double winner_cost = value_.cost(candidates_[swap.winner], up);
  const std::size_t span = best_span(swap);
  const double promise = swap.net(span) / swap.cost;
  const std::uint64_t first_id = next_id_;
  const std::uint64_t winner_id = swap.winner_first ? first_id : first_id + swap.victims.size();
  const auto finish = [&](MigrationRequest made, std::size_t candidate, std::size_t to) {
    made.why.promise = promise;
    if (!declined) return account(made, candidate, to);
    declined_budget_ -= candidates_[candidate].bytes;
    plan_.declined.push_back(made);
  };
  const auto win = [&] {
    MigrationRequest made = request(swap.winner, swap.to, swap.reason, span, swap.gain[span], winner_cost);
    if (!swap.victims.empty()) {
      made.why.partner = swap.winner_first ? winner_id + 1 : first_id;
      made.why.beaten = candidates_[swap.victims[0]].region->key;
      made.why.beaten_value = {swap.loss[span]};
    }
    finish(made, swap.winner, swap.to);
  };
  if (swap.winner_first) win();
  for (std::size_t i = 0; i < swap.victims.size(); ++i) {
    const Candidate& victim = candidates_[swap.victims[i]];
    const double benefit = value_.benefit(victim, value_.possibly(victim, span), span,
                                          value_.nodes()[swap.to], value_.nodes()[swap.victim_nodes[i]]);
    MigrationRequest made = request(swap.victims[i], swap.victim_nodes[i], MoveReason::kDisplaced, span,
                                    benefit, value_.cost(victim, false));
    made.why.partner = winner_id;
    made.why.beaten = winner_key;
    made.why.beaten_value = {swap.gain[span]};
    finish(made, swap.victims[i], swap.victim_nodes[i]);
  }
  if (!swap.winner_first) win();
  if (swap.victims.empty()) return;  // relief has none
  std::size_t& next = inside_next_[swap.to];
  while (next < inside(swap.to).size() && candidates_[inside(swap.to).at(next)].settled) ++next;
}

}  // namespace tier
