// A bound that knows what the next intervals ask: regions are exchanged as soon as what they gain before they
// would have to go back exceeds what their moves cost. It pays for its moves on the machine like everyone
// else.
#include <algorithm>
#include <cmath>

#include "sim/policies/entries.h"
#include "sim/policies/need.h"
#include "sim/policies/pending_moves.h"
#include "sim/policies/settings.h"
#include "sim/policies/static_placement.h"
#include "sim/policies/tier_prices.h"

namespace tier::sim {
namespace {

constexpr PolicySetting kSettings[] = {
    {"horizon", 16, "intervals it looks ahead; a bound takes the best of several"},
    {"start_from_horizon", 0, "1: at first what the horizon asks for lies fast; 0: the best fixed placement"},
    {"copy_threads", 8, "that migrate, if the programs leave so many CPUs idle; at least 4, as HeMem has"},
};
constexpr std::size_t kSpans = 4;        // each four times as long as the one before
constexpr int kLooksPerInterval = 50;    // at whether the workloads have gone on
constexpr int kBatchesPerInterval = 10;  // of moves; between them prices are read anew

class EpochOracle final : public TieringPolicy, public Observer {
 public:
  EpochOracle(const PolicyContext& context, const PolicySettings& settings)
      : context_(context),
        horizon_(std::max<std::size_t>(1, static_cast<std::size_t>(settings["horizon"]))),
        start_from_horizon_(settings["start_from_horizon"] != 0),
        threads_(settings["copy_threads"]) {}

  void start(Machine& machine) override {
    for (const WorkloadFactory& open : context_.workloads) {
      auto workload = open();
      if (!workload) return;  // what cannot be read cannot be run either: the machine tells
      epoch_ = std::min(epoch_, (*workload)->info().interval);
      ahead_.emplace_back(*std::move(workload), machine.offset_of(ahead_.size()));
      pace_.push_back({seconds(ahead_.back().info().interval), 0, {}});
    }
    for (std::size_t span = 1; span < horizon_ && spans_.size() + 1 < kSpans; span *= 4)
      spans_.push_back(span);
    spans_.push_back(horizon_);
    needs_.assign(spans_.size(), std::vector<Need>(machine.regions()));
    moves_.start(machine);
    machine.attach(*this);
    choose_start(machine);
  }

  // At the start as chosen for it; later by what it will ask for.
  int place(const Machine& machine, Region region) override {
    if (machine.now() == Nanoseconds{0}) return placement_[region];
    look_ahead(machine);
    return gain(needs_.back()[region], 1, 0) > 0 ? 0 : 1;
  }

  Nanoseconds step(Machine& machine) override {
    // Before anything has run there are no rates to price moves by.
    if (machine.now() == Nanoseconds{0}) return epoch_ / kLooksPerInterval;
    moves_.settle(machine, [](Region) {});
    const double idle = machine.description().cpus - machine.busy_threads();
    const int threads = static_cast<int>(std::clamp(idle, 4.0, std::max(4.0, threads_)));
    machine.set_copy_threads(threads);
    open_ = look_ahead(machine) || open_;
    if (moves_.size() == 0 && open_) {
      const double each = seconds(machine.move_duration(0)) / threads;
      const double batch = seconds(epoch_) / kBatchesPerInterval / each;
      open_ = choose(machine, static_cast<std::size_t>(std::max(2.0, batch))) > 0;
    }
    return machine.now() + epoch_ / kLooksPerInterval;
  }

  void on_segment(Machine&, const Segment&) override {}
  void on_allocate(Machine&, Region, std::uint32_t) override { open_ = true; }
  void on_release(Machine&, Region, std::uint32_t) override { open_ = true; }

 private:
  struct Pace {
    double interval = 1;     // seconds that the last one took
    std::uint64_t done = 0;  // intervals, and when
    Nanoseconds since{};
  };
  struct Candidate {
    Region region = 0;
    double gain = 0;  // of lying in the upper tier, thread-seconds over the span
  };

  void choose_start(const Machine& machine) {
    if (start_from_horizon_) {
      look_ahead(machine);
      placement_ = fill_tiers(machine.description(), machine.region_size(), by_waiting(needs_.back()), 1);
      return;
    }
    auto best = best_fixed_placement(machine.description(), context_.workloads, context_.seed);
    placement_ = best ? *std::move(best) : FixedPlacement(machine.regions(), 0);
  }

  // True: the next intervals ask for something else than was known.
  bool look_ahead(const Machine& machine) {
    bool changed = false;
    for (std::size_t job = 0; job < ahead_.size(); ++job) {
      const std::uint64_t done = machine.intervals_done(job);
      if (done == ahead_[job].first() && ahead_[job].size() > 0) continue;
      changed = ahead_[job].move(done, horizon_) || changed;
      Pace& pace = pace_[job];
      if (done > pace.done)
        pace.interval = seconds(machine.now() - pace.since) / static_cast<double>(done - pace.done);
      pace.done = done, pace.since = machine.now();
    }
    if (!changed) return false;
    std::size_t begin = 0;
    for (std::size_t s = 0; s < spans_.size(); ++s) {
      if (s == 0)
        std::fill(needs_[0].begin(), needs_[0].end(), Need{});
      else
        needs_[s] = needs_[s - 1];
      for (const LookAhead& ahead : ahead_) ahead.add(machine.description(), begin, spans_[s], needs_[s]);
      begin = spans_[s];
    }
    read_prices(machine);
    return true;
  }

  // Thread-seconds that a move takes from the programs, as the machine charges it: those that touch a page
  // while it is copied wait, all are interrupted, and where no CPU is idle the mover takes one.
  double move_cost(const Machine& machine, Region region) const {
    const MachineDescription& description = machine.description();
    const double duration = seconds(machine.move_duration(region)), threads = machine.busy_threads();
    const Bytes page =
        machine.pages_of(region) == PageKind::kHuge ? description.huge_page : description.small_page;
    const double pages =
        std::max(1.0, static_cast<double>(machine.region_size().value) / static_cast<double>(page.value));
    const double own = machine.targets()[machine.target_of(region)].threads;
    const double copied = std::max(0.0, duration - seconds(description.migration.fixed));
    const double each = copied / pages, rate = machine.miss_rate(region) / pages / own;
    const double wait = rate <= 0 ? 0 : each - (1 - std::exp(-rate * each)) / rate;
    const double crowded = std::clamp(threads + 1 - description.cpus, 0.0, 1.0);
    return wait * pages * own + seconds(description.migration.interruption) * threads + crowded * duration;
  }

  // Seconds that one interval of the region's workload takes now.
  double pace_of(const Machine& machine, Region region) const {
    return std::max(pace_[machine.targets()[machine.target_of(region)].job].interval, 1e-9);
  }
  void read_prices(const Machine& machine) {
    prices_.read(machine, needs_[0], [&](Region region) { return pace_of(machine, region); });
  }

  double gain(const Need& need, int from, int to) const {
    return prices_.cost(need, from) - prices_.cost(need, to);
  }

  // What pays within the shortest span first. What pays later only must not lose before, or it would go back.
  std::size_t choose(Machine& machine, std::size_t most) {
    read_prices(machine);
    std::size_t chosen = 0;
    for (span_ = 0; span_ < spans_.size() && chosen < most; ++span_)
      for (int upper = 0; upper + 1 < machine.tiers() && chosen < most; ++upper)
        chosen += exchange(machine, upper, most - chosen);
    return chosen;
  }

  // The `most` best below and the `most` worst in the upper tier.
  void collect(const Machine& machine, int upper, std::size_t most, std::vector<Candidate>& inside,
               std::vector<Candidate>& outside) const {
    for (Region region = 0; region < machine.regions(); ++region) {
      const int tier = machine.tier_of(region);
      if (tier < upper || moves_.contains(region)) continue;
      const int lower = tier == upper ? upper + 1 : tier;
      (tier == upper ? inside : outside).push_back({region, gain(needs_[span_][region], lower, upper)});
    }
    const auto first = [most](std::vector<Candidate>& all, auto better) {
      const auto end = all.begin() + static_cast<std::ptrdiff_t>(std::min(most, all.size()));
      std::partial_sort(all.begin(), end, all.end(), better);
      all.erase(end, all.end());
    };
    first(outside, [](const Candidate& a, const Candidate& b) { return a.gain > b.gain; });
    first(inside, [](const Candidate& a, const Candidate& b) { return a.gain < b.gain; });
  }

  // Swaps the best below with the worst above while that pays for both moves.
  std::size_t exchange(Machine& machine, int upper, std::size_t most) {
    std::vector<Candidate> inside, outside;
    collect(machine, upper, most, inside, outside);
    std::size_t in = 0, chosen = 0;
    // A tier that is worse than the one below it is relieved first.
    while (in < inside.size() && chosen < most && move(machine, inside[in].region, upper + 1)) ++in, ++chosen;
    for (std::size_t out = 0; out < outside.size() && chosen < most; ++out) {
      if (moves_.room(machine, upper) > 0) {
        if (!move(machine, outside[out].region, upper)) break;
        ++chosen;
        continue;
      }
      if (in == inside.size() || !swap(machine, outside[out].region, inside[in].region, upper)) break;
      ++in, chosen += 2;
    }
    return chosen;
  }

  bool move(Machine& machine, Region region, int to) {
    const int from = machine.tier_of(region);
    if (moves_.room(machine, to) <= 0) return false;
    for (std::size_t shorter = 0; shorter < span_; ++shorter)
      if (gain(needs_[shorter][region], from, to) < 0) return false;
    if (gain(needs_[span_][region], from, to) <= move_cost(machine, region)) return false;
    start_move(machine, region, to);
    return true;
  }

  bool swap(Machine& machine, Region up, Region down, int upper) {
    const int from = machine.tier_of(up), to = slower_with_room(machine, moves_, upper);
    if (to == kNowhere) return false;
    const auto net = [&](const std::vector<Need>& needs) {
      return gain(needs[up], from, upper) + gain(needs[down], upper, to);
    };
    for (std::size_t shorter = 0; shorter < span_; ++shorter)
      if (net(needs_[shorter]) < 0) return false;
    if (net(needs_[span_]) <= move_cost(machine, up) + move_cost(machine, down)) return false;
    start_move(machine, down, to);
    start_move(machine, up, upper);
    return true;
  }

  void start_move(Machine& machine, Region region, int to) {
    prices_.shift(machine.description(), needs_[0][region], pace_of(machine, region), machine.tier_of(region),
                  to);
    moves_.queue(machine, region, to);
  }

  PolicyContext context_;
  std::size_t horizon_;
  bool start_from_horizon_;
  double threads_;
  FixedPlacement placement_;
  std::vector<LookAhead> ahead_;          // by job
  std::vector<Pace> pace_;                // by job
  std::vector<std::size_t> spans_;        // intervals, ascending
  std::vector<std::vector<Need>> needs_;  // by span, from now to its end
  std::size_t span_ = 0;                  // that moves are being chosen for
  TierPrices prices_;
  PendingMoves moves_;
  Nanoseconds epoch_ = std::chrono::seconds(1);
  bool open_ = true;  // there may be something to exchange
};

}  // namespace

PolicyEntry epoch_oracle() {
  return {
      "epoch-oracle",
      "Knows the next intervals and moves at every epoch what they make worth its move (Kleio's bound, with "
      "migration costs).",
      true,
      [](const PolicyContext& context) -> Result<std::unique_ptr<TieringPolicy>> {
        return read_settings(context, kSettings)
            .map([&](const PolicySettings& s) -> std::unique_ptr<TieringPolicy> {
              return std::make_unique<EpochOracle>(context, s);
            });
      },
      {{},
       {{"horizon", 1}},
       {{"horizon", 4}},
       {{"horizon", 64}},
       {{"horizon", 4}, {"start_from_horizon", 1}},
       {{"start_from_horizon", 1}},
       {{"horizon", 64}, {"start_from_horizon", 1}}}};
}

}  // namespace tier::sim
