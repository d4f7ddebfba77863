// DAMOS: DAMON watches the physical memory of each tier; hot regions are migrated up, cold ones down, within
// quotas that tune themselves. As damo's example sets it up (scripts/mem_tier.sh) [C].
//
// Kept from Linux 6.16: sampling of one page per region, adaptive regions, quotas by a feedback loop, the
// filter on young pages, intervals tuned to a share of observed accesses [K]. The quotas begin at their limit
// instead of at one byte, as after a while on a tier that was filling up.
#include <algorithm>
#include <cmath>

#include "sim/policies/damon_regions.h"
#include "sim/policies/entries.h"
#include "sim/policies/pending_moves.h"
#include "sim/policies/settings.h"

namespace tier::sim {
namespace {

constexpr PolicySetting kSettings[] = {
    {"sample_s", 0.005, "between looks at a page's accessed bit at first, seconds [K]"},
    {"tuned", 1, "1: intervals aim at 4 % of observed accesses, from 5 ms to 10 s [C]; 0: they stay"},
    {"least_regions", 10, "of a tier [K]"},
    {"most_regions", 1000, "of a tier [K]"},
    {"hot_share", 0.05, "of the samples with the bit set: hot from here on [C]"},
    {"cold_share", 0, "of the samples with the bit set: cold up to here [C]"},
    {"quota", 200e6, "bytes per second, each way [C]"},
    {"used_goal", 0.997, "of the fast tier: promotion aims at it [C]"},
    {"free_goal", 0.005, "of the fast tier: demotion aims at it [C]"},
};
constexpr Nanoseconds kApply = std::chrono::seconds(1);  // of schemes and of quotas [C]
constexpr double kTunedShare = 0.04;                     // of samples that find an access [C]
constexpr int kTunedEvery = 3;                           // aggregations [C]
constexpr double kShortest = 0.005, kLongest = 10;       // sampling interval, seconds [C]
constexpr double kCpuShare = 0.01;                       // of one CPU [K]

// The kernel's feedback loop: the next input, from how far the last one's result was from its goal (1) [K].
double next_input(double last, double score, double least) {
  if (score >= 2) return least;
  return std::max(least, last + last * (1 - score));
}

class Damos final : public TieringPolicy, public Observer {
 public:
  Damos(const PolicySettings& settings, std::uint64_t seed) : settings_(settings), random_(seed) {}

  void start(Machine& machine) override {
    moves_.start(machine);
    for (int tier = 0; tier < machine.tiers(); ++tier) {
      const auto frames = static_cast<Region>(capacity_in_regions(machine, tier));
      contexts_.push_back({DamonMonitor(tier, frames, static_cast<std::uint32_t>(settings_["least_regions"]),
                                        static_cast<std::uint32_t>(settings_["most_regions"]), random_()),
                           settings_["sample_s"]});
      contexts_.back().next = aggregation(contexts_.back());
    }
    lies_in_.assign(machine.regions(), kNowhere);
    promotion_ = demotion_ = settings_["quota"];
    machine.attach(*this);
  }

  Nanoseconds step(Machine& machine) override {
    moves_.settle(machine, [&](Region region) { locate(machine, region); });
    Nanoseconds next = next_apply_;
    for (Context& context : contexts_) {
      if (machine.now() >= context.next) aggregate(machine, context);
      next = std::min(next, context.next);
    }
    if (machine.now() >= next_apply_) {
      apply(machine);
      next_apply_ = machine.now() + kApply;
    }
    charge_helpers(machine, kCpuShare, std::min(next, next_apply_) - machine.now());
    return std::min(next, next_apply_);
  }

  void on_segment(Machine&, const Segment&) override {}
  void on_allocate(Machine& machine, Region first, std::uint32_t count) override {
    for (Region region = first; region < first + count; ++region) locate(machine, region);
  }
  void on_release(Machine& machine, Region first, std::uint32_t count) override {
    for (Region region = first; region < first + count; ++region) locate(machine, region);
  }

 private:
  struct Context {
    DamonMonitor monitor;
    double sample = 0;  // seconds
    Nanoseconds next{};
    int aggregations = 0;
    double observed = 0;  // of the last aggregations, summed
  };

  static Nanoseconds aggregation(const Context& context) {
    return Nanoseconds{static_cast<std::int64_t>(context.sample * DamonMonitor::kSamples * 1e9)};
  }

  void locate(const Machine& machine, Region region) {
    const int before = lies_in_[region], now = machine.tier_of(region);
    if (before == now) return;
    if (before != kNowhere) contexts_[static_cast<std::size_t>(before)].monitor.leave(region);
    if (now != kNowhere) contexts_[static_cast<std::size_t>(now)].monitor.arrive(region);
    lies_in_[region] = now;
  }

  void aggregate(const Machine& machine, Context& context) {
    context.monitor.aggregate(machine, Nanoseconds{static_cast<std::int64_t>(context.sample * 1e9)});
    context.observed += context.monitor.observed();
    if (++context.aggregations == kTunedEvery) {
      if (settings_["tuned"] != 0) {
        // Intervals shrink by a half at most, and grow to the double [K].
        const double score = context.observed / kTunedEvery / kTunedShare;
        const double change = next_input(1, score, 0);
        context.sample *= change < 1 ? 0.5 + change / 2 : change;
        context.sample = std::clamp(context.sample, kShortest, kLongest);
      }
      context.aggregations = 0;
      context.observed = 0;
    }
    context.next = machine.now() + aggregation(context);
  }

  void apply(Machine& machine) {
    const double capacity = static_cast<double>(machine.capacity(0).value);
    const double free = static_cast<double>(machine.free(0).value) / capacity;
    const double most = settings_["quota"];
    demotion_ = std::min(most, next_input(demotion_, free / settings_["free_goal"], 1));
    promotion_ = std::min(most, next_input(promotion_, (1 - free) / settings_["used_goal"], 1));
    // What was not done by now is not done: the next snapshot decides anew.
    if (moves_.size() > 0) return;
    demote(machine);
    for (int tier = 1; tier < machine.tiers(); ++tier) promote(machine, tier);
  }

  // The touched bit of the page itself, since it was last looked at.
  bool young(const Machine& machine, Region region) {
    return std::uniform_real_distribution<double>(0, 1)(random_) < touch_probability(machine, region, kApply);
  }

  static double heat(const DamonRegion& region) {
    return static_cast<double>(region.accesses) / DamonMonitor::kSamples;
  }

  // The regions for which a scheme is, the most urgent first.
  template <typename Match, typename First>
  std::vector<DamonRegion> matching(int tier, Match match, First first) const {
    std::vector<DamonRegion> found;
    for (const DamonRegion& region : contexts_[static_cast<std::size_t>(tier)].monitor.regions())
      if (match(region)) found.push_back(region);
    std::stable_sort(found.begin(), found.end(), first);
    return found;
  }

  // Moves pages of the regions, up to the quota, that are young or not as asked.
  void migrate(Machine& machine, int from, const std::vector<DamonRegion>& found, double quota, bool hot) {
    const DamonMonitor& monitor = contexts_[static_cast<std::size_t>(from)].monitor;
    const auto size = static_cast<double>(machine.region_size().value);
    for (const DamonRegion& region : found)
      for (Region frame = region.begin; frame < region.end; ++frame) {
        const Region page = monitor.in_frame(frame);
        if (page == DamonMonitor::kEmpty || moves_.contains(page) || machine.tier_of(page) != from) continue;
        if (young(machine, page) != hot) continue;
        const int to = hot ? 0 : slower_with_room(machine, moves_, 0);
        if (to == kNowhere || moves_.room(machine, to) <= 0 || quota < size) return;
        quota -= size;
        moves_.queue(machine, page, to);
      }
  }

  void demote(Machine& machine) {
    const auto found = matching(
        0, [&](const DamonRegion& r) { return heat(r) <= settings_["cold_share"]; },
        [](const DamonRegion& a, const DamonRegion& b) {
          return a.accesses != b.accesses ? a.accesses < b.accesses : a.age > b.age;
        });
    migrate(machine, 0, found, demotion_, false);
  }

  void promote(Machine& machine, int tier) {
    const auto found = matching(
        tier, [&](const DamonRegion& r) { return heat(r) >= settings_["hot_share"]; },
        [](const DamonRegion& a, const DamonRegion& b) {
          return a.accesses != b.accesses ? a.accesses > b.accesses : a.age > b.age;
        });
    migrate(machine, tier, found, promotion_, true);
  }

  PolicySettings settings_;
  Random random_;
  PendingMoves moves_;
  std::vector<Context> contexts_;        // by tier
  std::vector<int> lies_in_;             // tier, by region, as the monitors know it
  double promotion_ = 0, demotion_ = 0;  // bytes per second, effective
  Nanoseconds next_apply_ = kApply;
};

}  // namespace

PolicyEntry damos() {
  return {"damos",
          "DAMON-based migration (Linux 6.16, damo's example): accessed bits, self-tuned quotas.",
          false,
          [](const PolicyContext& context) -> Result<std::unique_ptr<TieringPolicy>> {
            return read_settings(context, kSettings)
                .map([&](const PolicySettings& s) -> std::unique_ptr<TieringPolicy> {
                  return std::make_unique<Damos>(s, context.seed);
                });
          },
          {{},
           {{"quota", 1e9}},
           {{"quota", 4e9}},
           {{"hot_share", 0.5}, {"cold_share", 0.05}, {"quota", 1e9}},
           {{"most_regions", 10000}, {"quota", 1e9}},
           {{"tuned", 0}, {"quota", 1e9}}}};
}

}  // namespace tier::sim
