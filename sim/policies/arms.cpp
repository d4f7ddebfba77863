// ARMS (arXiv 2025): two moving averages of sampled accesses, whose mix follows a change detector on the slow
// tier's bandwidth; promotion only where the benefit exceeds the measured cost one and a half times.
//
// Platform constants are the simulated machine's own: loaded latencies instead of the two lines over
// bandwidth that the public tree compiles in for two machines.
#include <algorithm>
#include <array>
#include <cmath>

#include "sim/machine/sampling.h"
#include "sim/policies/entries.h"
#include "sim/policies/pending_moves.h"
#include "sim/policies/settings.h"

namespace tier::sim {
namespace {

constexpr PolicySetting kSettings[] = {
    {"period", 10007, "misses per PEBS sample in quiet times [C]"},
    {"active_period", 5003, "misses per PEBS sample after a change [C]"},
    {"tick_s", 0.5, "between runs in quiet times, seconds [C]"},
    {"active_tick_s", 0.1, "between runs after a change, seconds [C]"},
    {"margin", 1.5, "by which benefit must exceed cost [C]"},
    {"drift", 0.5, "of the change detector, standard deviations [C]"},
    {"threshold", 6, "of the change detector, standard deviations [C]"},
    {"copy_threads", 4, "that migrate [C]"},
};
// Weight of a new value: windows of 1 s and 10 s at a tick of half a second [C].
constexpr double kShortWeight = 2.0 / 3, kLongWeight = 2.0 / 21;
// Share of the short window in the score: by history, and by recency after a change [C].
constexpr double kHistoryShare = 0.4, kRecencyShare = 0.731;
constexpr double kBandwidthWeight = 0.1, kDeviationWeight = 0.2;  // of a second's value [C]
constexpr double kBandwidthUnit = 1 << 30;                        // in which the detector reckons, GiB/s [C]
constexpr double kLeastBandwidth = 0.3;  // on the slow tier: less is no reason to hurry [C]
constexpr int kRecencySeconds = 20;      // at least [C]
constexpr double kCostWeight = 2.0 / 21, kCostDecay = 1.5;  // of a measured migration; per tick without [C]
constexpr double kFixedCost = 500e-6;                       // seconds of one migration beside the copy [C]
constexpr double kSpinningThreads = 1;  // reads the PEBS buffers [C]; within a budget it may not spin

// Page-Hinkley's test for a rise of the slow tier's bandwidth, once a second.
class ChangeDetector {
 public:
  ChangeDetector(double drift, double threshold) : drift_(drift), threshold_(threshold) {}

  void look(double bytes_per_second) {
    const double bandwidth = bytes_per_second / kBandwidthUnit;
    mean_ += kBandwidthWeight * (bandwidth - mean_);
    const double off = bandwidth - mean_;
    // As the public code has it, which adds a deviation to a variance: right at 1 GiB/s only, and forgets
    // soon [C].
    deviation_ = std::sqrt((1 - kDeviationWeight) * deviation_ + kDeviationWeight * off * off);
    sum_ = std::max(0.0, sum_ + off - drift_ * deviation_);
    if (sum_ > threshold_ * deviation_) {
      if (!recent_ && bandwidth > kLeastBandwidth) recent_ = true, seconds_ = 0;
      sum_ = 0;
    } else if (recent_ && ++seconds_ >= kRecencySeconds && sum_ <= 0) {
      recent_ = false;
    }
  }
  bool recent() const { return recent_; }

 private:
  double drift_, threshold_;
  double mean_ = 0, deviation_ = 0, sum_ = 0;
  bool recent_ = false;
  int seconds_ = 0;
};

class Arms final : public TieringPolicy, public Observer {
 public:
  Arms(const PolicySettings& settings, const PolicyContext& context)
      : settings_(settings),
        sampler_(within_budget({.period = settings["period"]}, context.sampling_budget), context.seed),
        spinning_(context.sampling_budget.bounds() ? 0 : kSpinningThreads),
        detector_(settings["drift"], settings["threshold"]),
        threads_(std::max(1, static_cast<int>(settings["copy_threads"]))) {}

  void start(Machine& machine) override {
    pages_.assign(machine.regions(), {});
    moves_.start(machine);
    machine.attach(sampler_);
    machine.attach(*this);
    machine.set_copy_threads(threads_);
    promotion_cost_ = demotion_cost_ = least_cost(machine);
  }

  Nanoseconds step(Machine& machine) override {
    moves_.settle(machine, [&](Region) { learn_cost(machine); });
    const double period = active_ ? settings_["active_period"] : settings_["period"];
    // Counters are kept in the finer unit.
    const double unit = period / settings_["active_period"];
    for (const SampledAccess& sample : sampler_.take()) pages_[sample.region].accesses += unit;
    if (machine.now() >= next_look_) look(machine);
    const std::size_t chosen = moves_.size() > 0 ? 1 : score_and_migrate(machine);
    if (chosen == 0) decay_cost(machine);
    if (detector_.recent() != active_) {
      active_ = detector_.recent();
      sampler_.set_period(settings_[active_ ? "active_period" : "period"]);
    }
    const Nanoseconds tick = settings_.time(active_ ? "active_tick_s" : "tick_s");
    charge_helpers(machine, spinning_, tick);
    return machine.now() + tick;
  }

  void on_segment(Machine&, const Segment&) override {}
  void on_release(Machine&, Region first, std::uint32_t count) override {
    for (Region region = first; region < first + count; ++region) pages_[region] = {};
  }

 private:
  struct Page {
    double accesses = 0;  // since the last tick
    double recent = 0, lasting = 0, score = 0, before = 0;
    std::uint32_t hot_age = 0;  // ticks among the hottest that fit
    bool may_rise = false;
  };

  // Of one page in a batch.
  double least_cost(const Machine& machine) const {
    const double copy =
        static_cast<double>(machine.region_size().value) / machine.description().migration.copy_bandwidth;
    return (kFixedCost + copy) / threads_;
  }
  void learn_cost(const Machine& machine) {
    const double cost = seconds(machine.move_duration(0)) / threads_;
    promotion_cost_ += kCostWeight * (cost - promotion_cost_);
    demotion_cost_ += kCostWeight * (cost - demotion_cost_);
  }
  void decay_cost(const Machine& machine) {
    const double least = least_cost(machine);
    promotion_cost_ = std::max(least, promotion_cost_ / kCostDecay);
    demotion_cost_ = std::max(least, demotion_cost_ / kCostDecay);
  }

  void look(const Machine& machine) {
    double slow = 0;
    for (int tier = 1; tier < machine.tiers(); ++tier) slow += machine.traffic(tier);
    detector_.look(slow);
    next_look_ = machine.now() + std::chrono::seconds(1);
  }

  // All pages by score, the highest first; ages of those that would fit.
  void rank(const Machine& machine) {
    const double share = active_ ? kRecencyShare : kHistoryShare;
    order_.clear();
    for (Region region = 0; region < machine.regions(); ++region) {
      if (machine.tier_of(region) == kNowhere) continue;
      Page& page = pages_[region];
      page.recent += kShortWeight * (page.accesses - page.recent);
      page.lasting += kLongWeight * (page.accesses - page.lasting);
      page.accesses = 0;
      page.before = page.score;
      page.score = share * page.recent + (1 - share) * page.lasting;
      order_.push_back(region);
    }
    std::stable_sort(order_.begin(), order_.end(),
                     [&](Region a, Region b) { return pages_[a].score > pages_[b].score; });
    fitting_ = std::min(order_.size(), static_cast<std::size_t>(capacity_in_regions(machine, 0)));
    for (std::size_t i = 0; i < order_.size(); ++i) {
      Page& page = pages_[order_[i]];
      if (i >= fitting_)
        page.hot_age = 0, page.may_rise = false;
      else if (page.score > 0 && ++page.hot_age > 1 && page.score >= page.before)
        page.may_rise = true;
    }
  }

  // Seconds of waiting that the page saves in the time it has been hot, as the public code reckons it [C].
  double benefit(const Machine& machine, double score, const Page& page) const {
    const double latency_difference = seconds(machine.loaded_latency(1)) - seconds(machine.loaded_latency(0));
    return score * page.hot_age * settings_["active_period"] * latency_difference;
  }

  std::size_t score_and_migrate(Machine& machine) {
    rank(machine);
    const double margin = settings_["margin"];
    const double tick = settings_[active_ ? "active_tick_s" : "tick_s"];
    const auto most = static_cast<std::size_t>(tick / (promotion_cost_ + demotion_cost_));
    std::vector<Region> up, down;
    std::int64_t room = moves_.room(machine, 0);
    std::size_t cold = order_.size();
    for (std::size_t i = 0; i < fitting_ && up.size() < most; ++i) {
      const Page& page = pages_[order_[i]];
      if (page.score <= 0) break;
      if (machine.tier_of(order_[i]) == 0 || !page.may_rise) continue;
      if (benefit(machine, page.score, page) < margin * promotion_cost_) break;
      if (room > 0) {
        --room;
        up.push_back(order_[i]);
        continue;
      }
      while (cold > fitting_ && machine.tier_of(order_[cold - 1]) != 0) --cold;
      if (cold <= fitting_) break;
      const Page& victim = pages_[order_[cold - 1]];
      if (std::min(page.recent, page.lasting) < std::max(victim.recent, victim.lasting)) break;
      if (benefit(machine, page.score - victim.score, page) < margin * (promotion_cost_ + demotion_cost_))
        break;
      up.push_back(order_[i]);
      down.push_back(order_[--cold]);
    }
    queue(machine, up, down);
    return up.size();
  }

  void queue(Machine& machine, const std::vector<Region>& up, const std::vector<Region>& down) {
    for (const Region region : down) {
      const int to = slower_with_room(machine, moves_, 0);
      if (to != kNowhere) moves_.queue(machine, region, to);
    }
    for (const Region region : up)
      if (moves_.room(machine, 0) > 0) moves_.queue(machine, region, 0);
  }

  PolicySettings settings_;
  MissSampler sampler_;
  double spinning_;  // threads
  ChangeDetector detector_;
  PendingMoves moves_;
  int threads_;
  std::vector<Page> pages_;
  std::vector<Region> order_;
  std::size_t fitting_ = 0;
  double promotion_cost_ = 0, demotion_cost_ = 0;  // seconds
  bool active_ = false;
  Nanoseconds next_look_{};
};

}  // namespace

PolicyEntry arms() {
  return {"arms",
          "ARMS (2025): two moving averages, a change detector, and promotion by benefit over measured cost.",
          false,
          [](const PolicyContext& context) -> Result<std::unique_ptr<TieringPolicy>> {
            return read_settings(context, kSettings)
                .map([&](const PolicySettings& s) -> std::unique_ptr<TieringPolicy> {
                  return std::make_unique<Arms>(s, context);
                });
          },
          {{},
           {{"margin", 1}},
           {{"margin", 3}},
           {{"tick_s", 0.25}},
           {{"period", 5003}, {"active_period", 2503}},
           {{"threshold", 3}},
           {{"copy_threads", 1}}},
          true};
}

}  // namespace tier::sim
