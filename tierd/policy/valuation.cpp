#include "tierd/policy/valuation.h"

#include <algorithm>
#include <cmath>

#include "core/queueing.h"
#include "core/span_horizon.h"
#include "tierd/policy/reach.h"

namespace tier {
namespace {

template <typename List, typename Value>
bool contains(const List& list, const Value& value) {
  return std::find(list.begin(), list.end(), value) != list.end();
}

// Two regions: what a swap needs to go through.
constexpr double kSwapRoom = 2.0 * static_cast<double>(kDefaultRegionSize.value);

// While watched programs allocate, the share of the node, or what they will take until more is made.
double new_room_of(const PlanNode& node, const PolicyInput& input) {
  const PolicySettings& settings = input.settings;
  const double held = std::max(seconds(settings.headroom_time), 2 * input.snapshot.seconds());
  double allocated = 0;
  for (const NodeAllocation& a : input.allocation) {
    if (a.node == node.id) allocated = static_cast<double>(a.per_second.value);
  }
  const double soon = held * allocated * input.new_memory.watched_share();
  const double burst = std::min(settings.headroom_share * node.total, input.new_memory.watched);
  return std::min({std::max(soon, burst), input.new_memory.watched, settings.headroom_limit * node.total});
}

}  // namespace

Valuation::Valuation(const PolicyInput& input) : input_(input), tick_(input.snapshot.seconds()) {
  for (std::size_t span = 0; span < kSpans.size(); ++span) {
    if (kSpans[span] <= seconds(input.settings.horizon)) last_span_ = span;
    horizons_[span] = horizon_within(kSpans[span], tick_);
  }
  // What it is asked for in its new place shows in the second tick.
  const double cooldown = seconds(input.settings.cooldown);
  cooldown_ = cooldown > 0 ? std::max(2.0, cooldown / tick_) : 0;
  promotion_caution_ = input.settings.promotion_caution * input.forecasts.caution;
  demotion_caution_ = input.settings.demotion_caution * input.forecasts.caution;
  for (const Target& target : input.targets) targets_[target.id] = &target;
  build_nodes();
  count_moving();
  build_reaches();
}

void Valuation::count_moving() {
  for (const MoveUnderWay& move : input_.moving) {
    const double bytes = static_cast<double>(move.bytes.value);
    for (PlanNode& node : nodes_) {
      if (node.id == move.to) node.taken += bytes, node.free -= bytes;
      if (node.id == move.from) node.freeing += bytes;
    }
  }
}

const MoveUnderWay* Valuation::moving(const RegionKey& key) const {
  if (input_.moving.empty()) return nullptr;
  const auto it = std::lower_bound(input_.moving.begin(), input_.moving.end(), key,
                                   [](const MoveUnderWay& move, const RegionKey& k) { return move.key < k; });
  return it != input_.moving.end() && it->key == key ? &*it : nullptr;
}

void Valuation::build_reaches() {
  const ReachTable table(input_.topology);
  if (table.uniform()) return;
  for (const Target& target : input_.targets) {
    if (target.runs_on.empty()) continue;
    std::vector<double>& reach = reaches_[target.id];
    for (const PlanNode& node : nodes_) reach.push_back(table.reach(target.runs_on, node.id));
  }
}

void Valuation::build_nodes() {
  ranks_ = static_cast<int>(input_.topology.tiers.size());
  for (int rank = 0; rank < ranks_; ++rank) {
    const Tier& tier = input_.topology.tiers[static_cast<std::size_t>(rank)];
    for (const NodeId id : tier.nodes) {
      const NodeState* state = input_.system.find(id);
      if (state == nullptr) continue;
      PlanNode node;
      node.id = id;
      node.rank = rank;
      const bool measured = state->loaded_latency.count() > 0;
      node.latency = seconds(measured ? state->loaded_latency : tier.unloaded_latency);
      node.unloaded = tier.unloaded_latency.count() > 0 ? seconds(tier.unloaded_latency) : node.latency;
      node.total = static_cast<double>(state->total.value);
      node.free = static_cast<double>(state->free.value);
      node.new_room = new_room_of(node, input_);
      node.swap_room = std::min(input_.settings.headroom_share * node.total, kSwapRoom);
      node.headroom = std::max(node.new_room, node.swap_room);
      node.leaving = !state->online;
      node.usable = node.latency > 0 && !contains(input_.settings.excluded_nodes, id) &&
                    !contains(input_.topology.closed, id);
      nodes_.push_back(node);
    }
  }
}

const Target* Valuation::target_of(TargetId id) const {
  const auto it = targets_.find(id);
  return it == targets_.end() ? nullptr : it->second;
}

std::size_t Valuation::index_of(NodeId id) const {
  std::size_t i = 0;
  while (i < nodes_.size() && nodes_[i].id != id) ++i;
  return i;
}

const char* Valuation::obstacle(const Region& region) const {
  return obstacle(region, target_of(region.key.target), index_of(region.node));
}

const char* Valuation::obstacle(const Region& region, const Target* target, std::size_t here) const {
  if (region.resident.value == 0) return "nothing of it is known to be resident";
  if (region.node.value < 0) return "its node is not known: NUMA balancing has marked all its pages";
  switch (region.pinned) {
    case Pinned::kMlocked:
      return "the program locked it (mlock)";
    case Pinned::kUnmovable:
      return "the kernel refused to move it";
    case Pinned::kOwnPolicy:
      return "the program bound it itself (mbind)";
    case Pinned::kUnseen:
      return "no access source sees its program";
    case Pinned::kNo:
      break;
  }
  if (region.backing == Backing::kFile && !input_.settings.move_file_pages)
    return "file pages are left alone";
  if (target == nullptr) return "its process is no longer watched";
  if (target->allowed_nodes.empty()) return "the nodes its process may use are not known";
  if (here == nodes_.size()) return "its node belongs to no tier";
  if (!nodes_[here].usable) return "its node is excluded, a device's memory, or its latency is not known";
  return nullptr;
}

Valuation::Owner Valuation::owner_of(TargetId id) const {
  const auto reach = reaches_.find(id);
  return {target_of(id), reach == reaches_.end() ? nullptr : reach->second.data()};
}

Candidate Valuation::candidate_of(const Region& region, const DemandForecast& forecast) {
  double& waiting = waiting_[region.key.target] = 0;
  for (const Region& each : input_.snapshot.regions)
    if (each.key.target == region.key.target) waiting += each.waited.value;
  Candidate candidate;
  fill(candidate, region, forecast, owner_of(region.key.target), index_of(region.node));
  return candidate;
}

void Valuation::fill(Candidate& candidate, const Region& region, const DemandForecast& forecast,
                     const Owner& owner, std::size_t node) const {
  candidate.region = &region;
  candidate.target = owner.target;
  candidate.forecast = &forecast;
  candidate.reach = owner.reach;
  candidate.bytes = static_cast<double>(region.resident.value);
  candidate.lines = lines_per_wait(region.stores);
  candidate.node = static_cast<std::uint16_t>(node);
  candidate.moving = moving(region.key);
  candidate.settled = candidate.moving != nullptr || region.since_move < cooldown_;
}

std::vector<Candidate> Valuation::candidates() {
  std::vector<Candidate> list;
  const auto& regions = input_.snapshot.regions;
  list.reserve(regions.size());
  Owner owner;  // of the region before: they are sorted by target
  for (std::size_t i = 0; i < regions.size(); ++i) {
    const Region& region = regions[i];
    if (region.waited.value > 0) waiting_[region.key.target] += region.waited.value;  // few of them
    if (i == 0 || regions[i - 1].key.target != region.key.target) owner = owner_of(region.key.target);
    const std::size_t node = index_of(region.node);
    if (obstacle(region, owner.target, node) != nullptr) continue;
    const DemandForecast& forecast = input_.forecasts.forecasts[i];
    fill(list.emplace_back(), region, forecast, owner, node);
    const double wanted = this->forecast(list.back()).mean;
    nodes_[node].wanted += wanted, nodes_[node].held += list.back().bytes;
    nodes_[node].traffic += wanted * list.back().lines;
    shaped_ = shaped_ || forecast.horizons[0].mean != forecast.horizons[last_span_].mean;
  }
  for (PlanNode& node : nodes_) crowd(node);
  return list;
}

// By access of the node's mean, so by line.
void Valuation::crowd(PlanNode& node) {
  const double lines = node.traffic > 0 ? node.traffic / std::max(node.wanted, 1e-9) : 1;
  node.crowding = crowding(node.latency, node.unloaded) / lines;
}

// How full a node is follows from its latency, and latencies say little of nodes that are next to idle: they
// are taken for a tenth full, and to have a tenth of both nodes' traffic at least, so that what goes there in
// one tick is bounded.
void Valuation::shift(const Candidate& candidate, PlanNode& from, PlanNode& to) const {
  constexpr double kIdle = 0.1;
  const double demand = forecast(candidate).mean, lines = demand * candidate.lines;
  const double least = kIdle * (from.traffic + to.traffic);
  const auto change = [&](PlanNode& node, double sign) {
    const double use = std::max(kIdle, utilisation_at(node.latency, node.unloaded));
    const double base = std::max(node.traffic, least);
    const double then = use * std::max(0.0, base + sign * lines) / base;
    node.latency += latency_at(node.unloaded, then) - latency_at(node.unloaded, use);
    node.latency = std::max(node.latency, node.unloaded);
    node.wanted = std::max(0.0, node.wanted + sign * demand);
    node.traffic = std::max(0.0, node.traffic + sign * lines);
    crowd(node);
  };
  change(from, -1);
  change(to, 1);
}

bool Valuation::allowed(const Candidate& candidate, const PlanNode& node) const {
  return node.usable && !node.leaving && contains(candidate.target->allowed_nodes, node.id);
}

double Valuation::benefit(const Candidate& candidate, double per_second, std::size_t span,
                          const PlanNode& from, const PlanNode& to) const {
  return per_second * kSpans[span] * (price(candidate, from) - price(candidate, to));
}

double Valuation::work(const Candidate& candidate, bool promotion) const {
  const MovePrices& prices = input_.prices;
  const double per_byte = promotion ? prices.promote_seconds_per_byte : prices.demote_seconds_per_byte;
  return seconds(prices.fixed) + candidate.bytes * per_byte;
}

// Of the threads that wait for the target's memory at any time, each is taken to touch the region at an even
// share of its forecast rate, as a Poisson process: what it waits on average for a page that is away so long.
// A region that thirty threads stream through stops all thirty while it is copied.
double Valuation::wait_for_page(const Candidate& candidate, double away) const {
  const auto waiting = waiting_.find(candidate.target->id);
  const double threads = std::max(1.0, waiting == waiting_.end() ? 0 : waiting->second / tick_);
  const double rate = forecast(candidate).mean / threads;
  if (rate * away < 1e-6) return 0;
  return threads * (away + std::expm1(-rate * away) / rate);
}

double Valuation::cost(const Candidate& candidate, bool promotion) const {
  const double price =
      std::clamp(input_.system.cpu_pressure_some / 100, input_.settings.least_work_price, 1.0);
  const double work = this->work(candidate, promotion);
  const double away = work - seconds(input_.prices.fixed);  // the fixed part is over before a page is away
  return work * price + wait_for_page(candidate, away);
}

}  // namespace tier
