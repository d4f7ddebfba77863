// A small tiered machine around the reactive loop, for tests: Poisson-sampled demand, two nodes, moves that
// take time and cost stall.
#pragma once

#include <algorithm>
#include <cstdint>
#include <functional>
#include <memory>
#include <random>
#include <string>
#include <vector>

#include "core/score.h"
#include "predictor/forecaster.h"
#include "tierd/ledger/ledger.h"
#include "tierd/policy/allocation_meter.h"
#include "tierd/policy/policy.h"
#include "tierd/tracker/tracker.h"

namespace tier {

struct LoopSettings {
  std::size_t regions = 600, hot = 64, fast_regions = 85;
  double hot_share = 0.9;  // of the accesses; 0: all regions alike
  double samples_per_tick = 200;
  double erratic_samples = 0;  // per tick, of one more region (a stack, say), half to one and a half of it
  int hot_moves_every = 0;     // ticks; 0: never
  double accesses_per_tick = 2e6;  // serialised
  double move_seconds = 1e-3;      // per region
  int moves_per_second = 100;      // as fast as the migrator goes; see also move_seconds
  std::uint32_t seed = 1;
  std::string forecaster = "exponential-average";
  LedgerSettings ledger;
  PolicySettings policy;
};

struct LoopTick {
  double share = 0, oracle = 0;  // of the true accesses, on the fast node
  int promotions = 0, demotions = 0;
  double stall = 0;            // seconds, moves included
  double stall_untouched = 0;  // with the pages where they were at the start
};

class LoopSimulation {
 public:
  explicit LoopSimulation(LoopSettings settings)
      : settings_(std::move(settings)),
        random_(settings_.seed),
        forecaster_(make_forecaster(settings_.forecaster)),
        ledger_(settings_.ledger),
        fast_(settings_.regions),
        started_fast_(settings_.regions),
        demoted_after_(settings_.regions) {
    Target target;
    target.id = {1};
    target.pid = {100};
    target.allowed_nodes = {{0}, {1}};
    target.resident = {settings_.regions * kRegion};
    Mapping mapping;
    mapping.range = {kBase, kBase + (settings_.regions + 1) * kRegion};
    mapping.readable = mapping.writable = true;
    tracker_.set_target(target, std::vector<Mapping>{mapping});
    topology_.nodes = {node(0), node(1)};
    topology_.tiers = {{0, {{0}}, kFastLatency}, {1, {{1}}, kSlowLatency}};
    tracker_.set_topology(topology_);
    // First touch fills the fast node first, all but one region's worth.
    for (std::size_t i = 0; i + 1 < settings_.fast_regions; ++i) fast_[i] = started_fast_[i] = true;
    move_hot_set();
  }

  LoopTick tick() {
    ++tick_;
    if (settings_.hot_moves_every > 0 && tick_ % settings_.hot_moves_every == 0) move_hot_set();
    LoopTick out;
    out.oracle = oracle();
    out.stall_untouched = stall_of(share(started_fast_));
    const std::vector<MigrationReport> reports = execute(out);
    out.stall += stall_of(out.share);
    observe();
    const SystemState system = state();
    const RegionSnapshot snapshot = tracker_.close_tick(
        {static_cast<std::uint64_t>(tick_)}, std::chrono::seconds(tick_), std::chrono::seconds(1), system);
    meter_.look(system, reports, 1);
    ledger_.score(snapshot, system, topology_);
    const ForecastSet forecasts = forecaster_->forecast(snapshot);
    std::vector<Target> targets;
    for (const Target* target : tracker_.targets()) targets.push_back(*target);
    const std::vector<NodeAllocation> allocation = meter_.rates();
    MovePrices prices;
    prices.fixed = Nanoseconds{static_cast<std::int64_t>(settings_.move_seconds * 1e9)};
    prices.promote_seconds_per_byte = prices.demote_seconds_per_byte = 0;
    plan_ = make_plan({snapshot, forecasts, topology_, system, targets, allocation, prices, ledger_.margin(),
                       ledger_.least_margin(), next_id_, settings_.policy});
    next_id_ += plan_.requests.size();
    ledger_.record(plan_);
    return out;
  }

  const Ledger& ledger() const { return ledger_; }
  // Promotions whose region was demoted again within 16 ticks.
  int returned() const { return returned_; }

 private:
  static constexpr Address kBase = 0x100000000;
  static constexpr std::uint64_t kRegion = kDefaultRegionSize.value;
  static constexpr Nanoseconds kFastLatency{100}, kSlowLatency{250};

  static NumaNode node(int id) {
    NumaNode n;
    n.id = {id};
    return n;
  }

  void move_hot_set() {
    rates_.assign(settings_.regions, 1.0 / static_cast<double>(settings_.regions));
    if (settings_.hot_share <= 0) return;
    std::vector<std::size_t> order(settings_.regions);
    for (std::size_t i = 0; i < order.size(); ++i) order[i] = i;
    std::shuffle(order.begin(), order.end(), random_);
    const double hot = static_cast<double>(settings_.hot), all = static_cast<double>(settings_.regions);
    for (std::size_t i = 0; i < order.size(); ++i)
      rates_[order[i]] =
          i < settings_.hot ? settings_.hot_share / hot : (1 - settings_.hot_share) / (all - hot);
  }

  double share(const std::vector<bool>& placed) const {
    double sum = 0;
    for (std::size_t i = 0; i < rates_.size(); ++i) sum += placed[i] ? rates_[i] : 0;
    return sum;
  }

  double oracle() const {
    std::vector<PlacedDemand> demand;
    for (const double rate : rates_) demand.push_back({rate, {kRegion}});
    return best_demand(demand, {settings_.fast_regions * kRegion});
  }

  double stall_of(double fast) const {
    return settings_.accesses_per_tick * (fast * seconds(kFastLatency) + (1 - fast) * seconds(kSlowLatency));
  }

  SystemState state() const {
    const auto fast = static_cast<std::uint64_t>(std::count(fast_.begin(), fast_.end(), true));
    const std::uint64_t slow_regions = settings_.regions + 20;
    SystemState system;
    system.nodes = {{{0},
                     kFastLatency,
                     {(settings_.fast_regions - fast) * kRegion},
                     {settings_.fast_regions * kRegion},
                     true},
                    {{1},
                     kSlowLatency,
                     {(slow_regions - (settings_.regions - fast)) * kRegion},
                     {slow_regions * kRegion},
                     true}};
    return system;
  }

  void observe() {
    SampleBatch batch;
    AccessSample sample;
    sample.target = {1};
    sample.meaning = WeightMeaning::kAccesses;
    sample.weight = settings_.accesses_per_tick / settings_.samples_per_tick;
    const auto sampled = [&](std::size_t region, std::size_t times) {
      sample.address = kBase + region * kRegion + 64;
      batch.samples.insert(batch.samples.end(), times, sample);
    };
    for (std::size_t i = 0; i < rates_.size(); ++i) {
      std::poisson_distribution<int> count(rates_[i] * settings_.samples_per_tick);
      sampled(i, static_cast<std::size_t>(count(random_)));
    }
    if (settings_.erratic_samples > 0) {
      std::uniform_real_distribution<double> around(0.5, 1.5);
      sampled(rates_.size(), static_cast<std::size_t>(settings_.erratic_samples * around(random_)));
    }
    tracker_.fold(batch);
    for (const LocateRequest& request : tracker_.regions_to_locate(256)) {
      const std::size_t i = (request.key.start - kBase) / kRegion;
      if (i >= fast_.size()) continue;  // the erratic region's place stays unknown: it never moves
      tracker_.set_residency(request.key, {NodeId{fast_[i] ? 0 : 1}, {kRegion}, PageKind::kHuge});
    }
  }

  // What of the last plan the migrator manages, one after the other, before the next one makes the rest
  // stale. Sets the share over the tick.
  std::vector<MigrationReport> execute(LoopTick& out) {
    std::vector<MigrationReport> reports;
    const double each = std::max(settings_.move_seconds, 1.0 / settings_.moves_per_second);
    double now = 0, current = share(fast_);
    for (const MigrationRequest& request : plan_.requests) {
      MigrationReport report;
      report.request_id = request.id;
      report.key = request.key;
      report.from = request.from, report.to = request.to;
      report.fate = MoveFate::kStale;
      const std::size_t i = (request.key.start - kBase) / kRegion;
      const auto used = static_cast<std::size_t>(std::count(fast_.begin(), fast_.end(), true));
      const bool room = !request.promotion || used < settings_.fast_regions;
      if (now + each <= 1 && room) {
        now += each;
        out.share += current * each;
        current += rates_[i] * (request.promotion ? 1 : -1);
        fast_[i] = request.promotion;
        report.fate = MoveFate::kMoved;
        report.moved = request.bytes;
        report.pages.requested = report.pages.moved = 1;
        report.duration = Nanoseconds{static_cast<std::int64_t>(settings_.move_seconds * 1e9)};
        out.stall += settings_.move_seconds;
        ++(request.promotion ? out.promotions : out.demotions);
        if (request.promotion) demoted_after_[i] = tick_ + 16;
        if (!request.promotion && demoted_after_[i] > tick_) ++returned_, demoted_after_[i] = 0;
        tracker_.note_report(report, request.bytes);
      }
      ledger_.report(report, {static_cast<std::uint64_t>(tick_)});
      reports.push_back(report);
    }
    out.share += current * (1 - now);
    return reports;
  }

  LoopSettings settings_;
  std::mt19937 random_;
  Tracker tracker_;
  std::unique_ptr<Forecaster> forecaster_;
  AllocationMeter meter_;
  Ledger ledger_;
  TierTopology topology_;
  MigrationPlan plan_;
  std::vector<double> rates_;
  std::vector<bool> fast_, started_fast_;
  std::vector<int> demoted_after_;
  std::uint64_t next_id_ = 1;
  int tick_ = 0;
  int returned_ = 0;
};

}  // namespace tier
