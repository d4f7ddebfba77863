#include "tierd/policy/planner.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <iterator>
#include <map>

namespace tier {
namespace {

// Outsiders are sorted by what they are worth, so after a few that lose against the worst insider the rest
// lose as well; a few, because sizes and allowed nodes differ.
constexpr int kLosersInARow = 16;
// A region counts as no hotter than the average up to this factor, so that equals may go.
constexpr double kAverage = 1.01;
// Of the average: a whole share of such regions costs a twentieth of what the share holds.
constexpr double kNextToUnused = 0.05;

std::vector<double> tier_totals(const Valuation& value) {
  std::vector<double> bytes(static_cast<std::size_t>(value.ranks()), 0);
  for (const PlanNode& node : value.nodes()) bytes[static_cast<std::size_t>(node.rank)] += node.total;
  return bytes;
}

// Of what new memory will be waited for, what is taken to be seen while its program fills it. In the lab a
// graph got 1.46 times as much done as without tiering at 1, and 1.53 times at 0.1 (docs/benchmarks.md).
constexpr double kFilling = 0.1;

Nanoseconds nanoseconds(double s) { return Nanoseconds{std::llround(s * 1e9)}; }

}  // namespace

Planner::Planner(const PolicyInput& input)
    : input_(input),
      value_(input),
      limits_(input.settings.fast_limits, tier_totals(value_)),
      span_(value_.last_span()),
      next_id_(input.next_request_id) {
  plan_.sequence = input.snapshot.sequence;
  plan_.tick = input.snapshot.tick;
}

// False: the forecasts are not of this snapshot.
bool Planner::begin() {
  const bool matching = input_.forecasts.sequence == input_.snapshot.sequence &&
                        input_.forecasts.forecasts.size() == input_.snapshot.regions.size();
  if (!matching) return false;
  candidates_ = value_.candidates();
  // One swap at least, or a low rate with short ticks would move nothing.
  budget_ = static_cast<double>(input_.settings.rate.value) * input_.snapshot.seconds();
  for (const Candidate& candidate : candidates_) budget_ = std::max(budget_, 2 * candidate.bytes);
  budget_ = std::max(0.0, budget_ - static_cast<double>(input_.planned.value));
  declined_budget_ = budget_;
  count_holdings();
  return true;
}

MigrationPlan Planner::make_urgent(std::span<const RegionKey> winners) {
  winners_ = winners;
  if (!begin()) return std::move(plan_);
  for (int rank = 0; rank + 1 < value_.ranks(); ++rank) improve(rank);
  demote_first();
  return std::move(plan_);
}

MigrationPlan Planner::make() {
  if (!begin()) return std::move(plan_);
  leave_offline_nodes();
  for (std::size_t node = 0; node < value_.nodes().size(); ++node) keep_limits(node);
  for (std::size_t node = 0; node < value_.nodes().size(); ++node) keep_headroom(node);
  for (int rank = 0; rank + 1 < value_.ranks(); ++rank) improve(rank);
  for (int rank = 0; value_.several_sockets() && rank < value_.ranks(); ++rank) approach(rank);
  for (std::size_t node = 0; node < value_.nodes().size(); ++node) relieve(node);
  demote_first();
  return std::move(plan_);
}

// Room made at once comes in whole huge pages; made one region at a time it is used up in crumbs, and the
// kernel compacts or reclaims for every promotion (measured in the lab: 55 to 250 ms a region instead of 25).
// Only where what goes down fits without what comes up: else the order of the swaps stays. What comes up into
// memory that is free already needs no room made: were it last, plans that are replaced before their end
// would make room and not use it. What must leave its node comes before it.
void Planner::demote_first() {
  std::vector<double> room;  // by node, when all that goes down has come
  for (const PlanNode& node : value_.nodes()) {
    const NodeState* state = input_.system.find(node.id);
    room.push_back((state == nullptr ? 0 : static_cast<double>(state->free.value)) - node.taken);
    for (const MigrationRequest& request : plan_.requests)
      if (!request.promotion && request.to == node.id)
        room.back() -= static_cast<double>(request.bytes.value);
    if (state == nullptr || room.back() < 0) return;
  }
  enum Turn { kMustLeave, kIntoFree, kDisplaced, kIntoPlace, kTurns };
  std::array<std::vector<MigrationRequest>, kTurns> turns;
  for (MigrationRequest& request : plan_.requests) {
    Turn turn = request.reason == MoveReason::kDisplaced ? kDisplaced : kMustLeave;
    if (request.promotion) {
      double& left = room[value_.index_of(request.to)];
      const double bytes = static_cast<double>(request.bytes.value);
      turn = request.why.partner == 0 && left >= bytes ? kIntoFree : kIntoPlace;
      if (turn == kIntoFree) left -= bytes;
    }
    turns[turn].push_back(std::move(request));
  }
  plan_.requests.clear();
  for (auto& each : turns) std::move(each.begin(), each.end(), std::back_inserter(plan_.requests));
}

std::size_t Planner::best_node(const Candidate& candidate, int rank, double beyond) const {
  const auto& nodes = value_.nodes();
  const auto fits = [&](const PlanNode& node) {
    return node.rank == rank && value_.allowed(candidate, node);
  };
  double nearest = 0;  // 0: none
  for (const PlanNode& node : nodes) {
    const double reach = value_.reach(candidate, node);
    if (fits(node) && reach > beyond && (nearest == 0 || reach < nearest)) nearest = reach;
  }
  std::size_t best = nodes.size();
  for (std::size_t i = 0; i < nodes.size() && nearest > 0; ++i) {
    if (!fits(nodes[i]) || value_.reach(candidate, nodes[i]) != nearest) continue;
    // Among nodes of one tier room decides first, then latency.
    const auto merit = [&](const PlanNode& node) {
      return std::make_pair(node.free - candidate.bytes >= node.headroom, -node.latency);
    };
    if (best == nodes.size() || merit(nodes[i]) > merit(nodes[best])) best = i;
  }
  return best;
}

double Planner::soonest(const Candidate& candidate, int rank) const {
  double latency = 1e300;
  for (const PlanNode& node : value_.nodes()) {
    if (node.rank == rank) latency = std::min(latency, value_.latency(candidate, node));
  }
  return latency;
}

std::size_t Planner::node_below(const Candidate& candidate, int rank,
                                const std::vector<double>& taken) const {
  const auto& nodes = value_.nodes();
  std::size_t best = nodes.size();
  for (std::size_t i = 0; i < nodes.size(); ++i) {  // sorted by rank
    const PlanNode& node = nodes[i];
    if (best != nodes.size() && node.rank != nodes[best].rank) break;
    const double used = taken.empty() ? 0 : taken[i];
    if (node.rank <= rank || !value_.allowed(candidate, node) ||
        node.free - used - candidate.bytes < node.headroom)
      continue;
    if (candidate.reach == nullptr) return i;
    if (best == nodes.size() || value_.reach(candidate, node) < value_.reach(candidate, nodes[best]))
      best = i;
  }
  return best;
}

// By what the next tier down would cost; by demand alone where there is none.
double Planner::loss_density(const Candidate& candidate) const {
  const auto& nodes = value_.nodes();
  const PlanNode& here = nodes[candidate.node];
  const auto below =
      std::find_if(nodes.begin(), nodes.end(), [&](const PlanNode& node) { return node.rank > here.rank; });
  const double apart =
      below == nodes.end() ? 1 : value_.price(candidate, *below) - value_.price(candidate, here);
  return value_.possibly(candidate, span_) * apart / candidate.bytes;
}

MigrationRequest Planner::request(std::size_t index, std::size_t to, MoveReason reason, std::size_t span,
                                  double benefit, double cost) {
  Candidate& candidate = candidates_[index];
  const PlanNode& source = value_.nodes()[candidate.node];
  const PlanNode& destination = value_.nodes()[to];
  MigrationRequest request;
  request.id = next_id_++;
  request.key = candidate.region->key;
  request.range = candidate.region->range;
  request.pid = candidate.target->pid;
  request.start_time = candidate.target->start_time;
  request.from = source.id;
  request.to = destination.id;
  request.reason = reason;
  request.promotion = destination.rank < source.rank;
  request.bytes = candidate.region->resident;
  request.benefit = {benefit};
  request.cost = {cost};
  request.why = {value_.of_span(candidate, span),
                 nanoseconds(kSpans[span]),
                 nanoseconds(value_.latency(candidate, source)),
                 nanoseconds(value_.latency(candidate, destination)),
                 input_.margin,
                 0,
                 0,
                 {},
                 {}};
  request.why.work = nanoseconds(value_.work(candidate, request.promotion));
  request.why.reach_from = value_.reach(candidate, source);
  request.why.reach_to = value_.reach(candidate, destination);
  request.why.relieved = nanoseconds(candidate.lines * (source.crowding - destination.crowding));
  request.why.lines =
      candidate.lines / (source.traffic > 0 ? source.traffic / std::max(source.wanted, 1e-9) : 1);
  candidate.settled = true;
  return request;
}

void Planner::account(const MigrationRequest& request, std::size_t index, std::size_t to) {
  const Candidate& candidate = candidates_[index];
  PlanNode& source = value_.nodes()[candidate.node];
  PlanNode& destination = value_.nodes()[to];
  limits_.add(candidate.limit, source.rank, -candidate.bytes);
  limits_.add(candidate.limit, destination.rank, candidate.bytes);
  source.free += candidate.bytes;
  destination.free -= candidate.bytes;
  budget_ -= candidate.bytes;
  plan_.requests.push_back(request);
}

void Planner::add(std::size_t index, std::size_t to, MoveReason reason, double benefit, double cost,
                  StallSeconds instead) {
  MigrationRequest made = request(index, to, reason, value_.last_span(), benefit, cost);
  made.why.beaten_value = instead;
  account(made, index, to);
}

void Planner::leave_offline_nodes() {
  const auto& nodes = value_.nodes();
  if (std::none_of(nodes.begin(), nodes.end(), [](const PlanNode& node) { return node.leaving; })) return;
  std::vector<std::size_t> leaving;
  for (std::size_t i = 0; i < candidates_.size(); ++i) {
    if (value_.nodes()[candidates_[i].node].leaving && candidates_[i].moving == nullptr) leaving.push_back(i);
  }
  std::stable_sort(leaving.begin(), leaving.end(), [&](std::size_t a, std::size_t b) {
    return value_.forecast(candidates_[a]).mean > value_.forecast(candidates_[b]).mean;
  });
  for (const std::size_t i : leaving) {
    const Candidate& candidate = candidates_[i];
    const std::size_t to = node_below(candidate, -1, {});
    if (to == value_.nodes().size() || !fits_budget(candidate.bytes)) continue;
    const PlanNode& from = value_.nodes()[candidate.node];
    const double benefit = value_.benefit(candidate, value_.forecast(candidate).mean, value_.last_span(),
                                          from, value_.nodes()[to]);
    add(i, to, MoveReason::kNodeOffline, benefit, value_.cost(candidate, false));
  }
}

template <typename May>
Ranking Planner::insiders(std::size_t node, May may) const {
  std::vector<Ranking::Entry> entries;
  for (std::size_t i = 0; i < candidates_.size(); ++i) {
    if (candidates_[i].node == node && !candidates_[i].settled && may(candidates_[i]))
      entries.emplace_back(-loss_density(candidates_[i]), static_cast<std::uint32_t>(i));
  }
  return Ranking(std::move(entries));
}

Ranking Planner::insiders(std::size_t node) const {
  return insiders(node, [](const Candidate&) { return true; });
}

// What the cgroups with a limit hold before the plan; what is under way where it goes to.
void Planner::count_holdings() {
  if (limits_.empty()) return;
  const auto& nodes = value_.nodes();
  for (Candidate& candidate : candidates_) {
    candidate.limit = limits_.find(candidate.target->cgroup);
    const std::size_t to =
        candidate.moving != nullptr ? value_.index_of(candidate.moving->to) : candidate.node;
    limits_.add(candidate.limit, nodes[to < nodes.size() ? to : candidate.node].rank, candidate.bytes);
  }
}

// Down to the next tier with room; not at all where there is none, or the budget is spent. `instead`:
// accesses a second of what is expected in its place.
void Planner::demote(std::size_t index, MoveReason reason, double instead) {
  const Candidate& candidate = candidates_[index];
  const PlanNode& from = value_.nodes()[candidate.node];
  const std::size_t to = node_below(candidate, from.rank, {});
  if (to == value_.nodes().size() || !fits_budget(candidate.bytes)) return;
  const std::size_t span = value_.last_span();
  const auto benefit = [&](double per_second) {
    return value_.benefit(candidate, per_second, span, from, value_.nodes()[to]);
  };
  add(index, to, reason, benefit(value_.possibly(candidate, span)), value_.cost(candidate, false),
      StallSeconds{-benefit(instead)});
}

// New pages are put where there is room, so room is made before it is needed: by regions of which it pays
// that new memory has their place. That is worth what watched programs' new memory was seen to be worth,
// times the share of it in all that is allocated, for others take of the room too. A program that grows
// beyond all that it ever held is filling what it will use later, of which a part alone is seen yet. Memory
// that is taken and given back all the time has shown its worth. The place for swaps is made of regions that
// are next to unused.
void Planner::keep_headroom(std::size_t index) {
  const PlanNode& node = value_.nodes()[index];
  const auto room = [&] { return node.free + node.freeing; };  // what is on its way out is not made twice
  if (node.leaving || !node.usable || node.rank + 1 >= value_.ranks() || room() >= node.headroom) return;
  if (cheaper_below(node) != value_.nodes().size()) return;  // new pages are better off there anyway
  if (node.held <= 0) return;
  const double average = node.wanted / node.held;
  const NewMemory& fresh = input_.new_memory;
  const double worth = fresh.watched_share() * fresh.demand_per_byte.value_or(average * kAverage);
  const auto for_new = [&](const Candidate& candidate) {
    return room() < node.new_room &&
           room_pays(candidate, worth, input_.margin * (room() < fresh.lasting ? kFilling : 1));
  };
  const auto for_swaps = [&](const Candidate& candidate) {
    return room() < node.swap_room &&
           value_.forecast(candidate).mean < average * kNextToUnused * candidate.bytes;
  };
  const auto may = [&](const Candidate& candidate) { return for_new(candidate) || for_swaps(candidate); };
  // Most nodes lack little and hold none that may go, and a ranking of all of them would be sorted to its
  // end.
  Ranking order = insiders(index, may);
  for (std::size_t i = 0; i < order.size() && room() < node.headroom; ++i) {
    const Candidate& candidate = candidates_[order.at(i)];
    if (!may(candidate)) continue;  // room for new memory has been made since
    demote(order.at(i), MoveReason::kHeadroom, for_new(candidate) ? worth * candidate.bytes : 0);
  }
}

// `worth`: accesses a second and byte of what comes in its place.
bool Planner::room_pays(const Candidate& candidate, double worth, double margin) const {
  const std::size_t to = node_below(candidate, value_.nodes()[candidate.node].rank, {});
  if (to == value_.nodes().size()) return false;
  const std::size_t span = value_.last_span();
  const double won = worth * candidate.bytes - value_.possibly(candidate, span);
  const double benefit =
      value_.benefit(candidate, won, span, value_.nodes()[to], value_.nodes()[candidate.node]);
  return benefit > margin * value_.cost(candidate, false);
}

// A cgroup's limit is the administrator's word: whatever a move would lose, what is above goes.
void Planner::keep_limits(std::size_t index) {
  const PlanNode& node = value_.nodes()[index];
  if (limits_.empty() || node.leaving || !node.usable || node.rank + 1 >= value_.ranks()) return;
  Ranking order = insiders(index);
  for (std::size_t i = 0; i < order.size(); ++i) {
    const std::size_t next = order.at(i);
    if (limits_.above(candidates_[next].limit, node.rank, 0) > 0) demote(next, MoveReason::kFastLimit);
  }
}

Ranking Planner::outsiders(int rank) const {
  const auto& nodes = value_.nodes();
  const PlanNode* fastest = nullptr;
  for (const PlanNode& node : nodes) {
    if (node.rank == rank && (fastest == nullptr || node.latency < fastest->latency)) fastest = &node;
  }
  if (fastest == nullptr) return {};
  std::vector<Ranking::Entry> entries;
  entries.reserve(candidates_.size());
  for (std::size_t i = 0; i < candidates_.size(); ++i) {
    const Candidate& candidate = candidates_[i];
    const PlanNode& here = nodes[candidate.node];
    if (candidate.settled || here.rank <= rank || here.leaving) continue;
    if (winners_ && !std::binary_search(winners_->begin(), winners_->end(), candidate.region->key)) continue;
    const double there = (candidate.reach == nullptr ? fastest->latency : soonest(candidate, rank)) +
                         candidate.lines * fastest->crowding;
    const double density =
        value_.surely(candidate, span_) * (value_.price(candidate, here) - there) / candidate.bytes;
    if (density > 0) entries.emplace_back(density, static_cast<std::uint32_t>(i));
  }
  return Ranking(std::move(entries));
}

// What pays within the shortest span comes first: what is wanted later can come up later. What pays later
// only must not lose before.
void Planner::improve(int rank) {
  const std::size_t last = value_.last_span();
  for (std::size_t span = value_.shaped() ? 0 : last; span <= last; ++span) improve_over(span, rank);
}

void Planner::forget_insiders() {
  inside_.assign(value_.nodes().size(), {});
  inside_next_.assign(value_.nodes().size(), 0);
}

// In most ticks no region is worth another's place, so the ranking is made when the first one is.
Ranking& Planner::inside(std::size_t node) {
  std::optional<Ranking>& ranking = inside_[node];
  if (!ranking) ranking = insiders(node);
  return *ranking;
}

void Planner::improve_over(std::size_t span, int rank) {
  span_ = span;
  forget_insiders();
  // In a row: of those at their cgroup's limit, which says nothing of the others, and of the others.
  std::map<int, int> losers;
  Ranking order = outsiders(rank);
  for (std::size_t i = 0; i < order.size(); ++i) {
    const Candidate& candidate = candidates_[order.at(i)];
    const int kind = limits_.above(candidate.limit, rank, candidate.bytes) > 0 ? candidate.limit : -1;
    if (losers[kind] >= kLosersInARow) {
      if (kind < 0) return;
      continue;
    }
    losers[kind] = try_promotion(order.at(i), rank) ? 0 : losers[kind] + 1;
  }
}

// The nodes of the tier that its program reaches soonest come first. Farther ones are for when that does not
// pay: on one socket all are reached alike.
bool Planner::try_promotion(std::size_t index, int rank) {
  const Candidate& candidate = candidates_[index];
  double beyond = 0;
  while (true) {
    const std::size_t to = best_node(candidate, rank, beyond);
    if (to == value_.nodes().size()) return false;
    if (try_move(index, to)) return true;
    beyond = value_.reach(candidate, value_.nodes()[to]);
  }
}

// To nodes of the same tier that their programs reach sooner, by the same arithmetic: into free space, or in
// exchange with what loses less by the way back.
void Planner::approach(int rank) {
  span_ = value_.last_span();
  forget_insiders();
  const auto& nodes = value_.nodes();
  std::vector<Ranking::Entry> entries;
  for (std::size_t i = 0; i < candidates_.size(); ++i) {
    const Candidate& candidate = candidates_[i];
    const PlanNode& here = nodes[candidate.node];
    if (candidate.settled || candidate.reach == nullptr || here.rank != rank || here.leaving) continue;
    const std::size_t to = best_node(candidate, rank);
    if (to == nodes.size() || value_.reach(candidate, nodes[to]) >= value_.reach(candidate, here)) continue;
    const double gain = value_.latency(candidate, here) - value_.latency(candidate, nodes[to]);
    const double density = value_.surely(candidate, span_) * gain / candidate.bytes;
    if (density > 0) entries.emplace_back(density, static_cast<std::uint32_t>(i));
  }
  Ranking order(std::move(entries));
  int losers = 0;
  for (std::size_t i = 0; i < order.size() && losers < kLosersInARow; ++i) {
    const std::size_t index = order.at(i);
    if (candidates_[index].settled) continue;  // went as the other half of an exchange
    losers = try_move(index, best_node(candidates_[index], rank)) ? 0 : losers + 1;
  }
}

BySpan Planner::benefits(const Candidate& candidate, Demand demand, const PlanNode& from,
                         const PlanNode& to) const {
  BySpan seconds{};
  for (std::size_t span = 0; span <= value_.last_span(); ++span)
    seconds[span] = value_.benefit(candidate, (value_.*demand)(candidate, span), span, from, to);
  return seconds;
}

// Of the nodes of slower tiers the one where an access like this node's costs least, if that is less than
// here; else none.
std::size_t Planner::cheaper_below(const PlanNode& node) const {
  const auto& nodes = value_.nodes();
  std::size_t best = nodes.size();
  double least = node.latency + node.crowding;
  for (std::size_t i = 0; i < nodes.size(); ++i) {
    const double price = nodes[i].latency + nodes[i].crowding;
    if (nodes[i].rank > node.rank && nodes[i].usable && !nodes[i].leaving && price < least)
      best = i, least = price;
  }
  return best;
}

// A tier of more bandwidth may answer later than the one below, while that one has bandwidth to spare or the
// upper one is full of traffic. What is wanted most then goes down, as long as the next access costs
// everybody together less there. By the mean of the forecast: it is the sum of what is moved that counts, and
// doubts even out.
void Planner::relieve(std::size_t index) {
  PlanNode& from = value_.nodes()[index];
  const std::size_t to = cheaper_below(from);
  if (from.leaving || !from.usable || to == value_.nodes().size()) return;
  std::vector<Ranking::Entry> entries;
  for (std::size_t i = 0; i < candidates_.size(); ++i) {
    const Candidate& candidate = candidates_[i];
    if (candidate.node != index || candidate.settled || !value_.allowed(candidate, value_.nodes()[to]))
      continue;
    const double wanted = value_.expected(candidate, span_);
    if (wanted > 0) entries.emplace_back(wanted / candidate.bytes, static_cast<std::uint32_t>(i));
  }
  Ranking order(std::move(entries));
  for (std::size_t i = 0; i < order.size(); ++i) {
    const Candidate& candidate = candidates_[order.at(i)];
    PlanNode& below = value_.nodes()[to];
    if (below.free - candidate.bytes < below.headroom) return;
    Swap swap;
    swap.winner = order.at(i), swap.to = to, swap.reason = MoveReason::kRelief;
    swap.gain = benefits(candidate, &Valuation::expected, from, below);
    swap.cost = value_.cost(candidate, false), swap.bytes = candidate.bytes;
    if (!settle(swap)) return;
    value_.shift(candidate, from, below);
  }
}

}  // namespace tier
