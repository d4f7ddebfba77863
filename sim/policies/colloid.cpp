// Colloid (Vuppalapati and Agarwal, SOSP 2024) on HeMem's sampling: places pages so that the tiers' loaded
// latencies become equal, by shifting a share of the accesses at a time. And ALTO (Liu et al., OSDI 2025) on
// Colloid: promotes less where a miss costs little, since others overlap with it.
//
// Latencies are the machine's loaded ones, smoothed as the paper's reading of the CHA counters is.
#include <cmath>

#include "sim/policies/entries.h"
#include "sim/policies/heat.h"
#include "sim/policies/pending_moves.h"
#include "sim/policies/region_lists.h"
#include "sim/policies/settings.h"

namespace tier::sim {
namespace {

constexpr PolicySetting kSettings[] = {
    {"period", 5000, "events per PEBS sample, as HeMem [R]"},
    {"cooling", 18, "samples of one page at which all pages' counts are halved, as HeMem [R]"},
    {"interval_s", 0.01, "the quantum, seconds: HeMem's [R]"},
    {"hot_reads", 8, "sampled reads that make a page hot, as HeMem [R]"},
    {"hot_writes", 4, "sampled writes that make a page hot, as HeMem [R]"},
    {"delta", 0.05, "latencies that differ by less, relatively, are equal [R]"},
    {"epsilon", 0.01, "bounds of the search that are nearer than this are spent: the optimum has moved [R]"},
    {"smoothing", 0.1,
     "weight of a quantum's latency in its average [A]: the paper smooths, without a figure"},
    {"rate", 10.0 * (1 << 30), "of migration, bytes per second, as HeMem [C]"},
    {"copy_threads", 4, "that migrate, as HeMem [C]"},
    {"aol_low_ns", 0, "amortised latency up to which nothing is promoted, ns; ALTO: 40 cycles [R]"},
    {"aol_high_ns", 0, "from which all is promoted, ns; ALTO: 100 cycles [R]; 0: latency does not regulate"},
};
constexpr Nanoseconds kAolEvery = std::chrono::seconds(1);  // ALTO's interval [R]
constexpr double kAolSteps = 10;        // between nothing and all [A]: the paper has a stepwise function
constexpr int kHeats = 64;              // counts beyond are alike
constexpr double kSpinningThreads = 3;  // HeMem's two, and one that reads the counters [C]
constexpr double kReaders = 1;          // of them: reads the PEBS buffers; within a budget it may not spin

// How much of the access share should leave the fast tier, or come to it. Algorithm 2 of the paper [R].
class ShareSearch {
 public:
  ShareSearch(double delta, double epsilon) : delta_(delta), epsilon_(epsilon) {}

  // `share`: of the accesses that the fast tier serves. Above 0: more should; below: less.
  double shift(double fast_latency, double slow_latency, double share) {
    if (std::abs(fast_latency - slow_latency) < delta_ * fast_latency) return 0;
    const bool more = fast_latency < slow_latency;
    (more ? low_ : high_) = share;
    if (high_ < low_ + epsilon_) (more ? high_ : low_) = more ? 1 : 0;
    return (low_ + high_) / 2 - share;
  }

 private:
  double delta_, epsilon_;
  double low_ = 0, high_ = 1;
};

// ALTO's regulator. The amortised offcore latency (AOL) is the time with a demand load outstanding over the
// number of demand loads: latency over parallelism.
class AolRegulator {
 public:
  AolRegulator(double low, double high) : low_(low * 1e-9), high_(high * 1e-9) {}

  void count(const Machine& machine, double length) {
    for (int tier = 0; tier < machine.tiers(); ++tier) {
      outstanding_ += machine.stall_rate_of_tier(tier) * length;
      loads_ += machine.demand_load_rate_of_tier(tier) * length;
    }
  }
  // Share of the promotions that are carried out, 0..1.
  double share(Nanoseconds now) {
    if (high_ <= 0) return 1;
    if (now >= next_ && loads_ > 0) {
      const double aol = outstanding_ / loads_;
      const double between = std::clamp((aol - low_) / std::max(high_ - low_, 1e-12), 0.0, 1.0);
      share_ = std::floor(between * kAolSteps) / kAolSteps;
      outstanding_ = loads_ = 0;
      next_ = now + kAolEvery;
    }
    return share_;
  }

 private:
  double low_, high_;                   // seconds
  double outstanding_ = 0, loads_ = 0;  // thread-seconds, and how many, since the last look
  double share_ = 0;
  Nanoseconds next_ = kAolEvery / 10;
};

class Colloid final : public TieringPolicy, public Observer {
 public:
  Colloid(const PolicySettings& settings, const PolicyContext& context)
      : settings_(settings),
        interval_(settings.time("interval_s")),
        hot_reads_(settings["hot_reads"]),
        hot_writes_(settings["hot_writes"]),
        sampler_(within_budget({.period = settings["period"], .store_period = settings["period"]},
                               context.sampling_budget),
                 context.seed),
        spinning_(kSpinningThreads - (context.sampling_budget.bounds() ? kReaders : 0)),
        heat_(0, 0),
        lists_(0, 0),
        search_(settings["delta"], settings["epsilon"]),
        regulator_(settings["aol_low_ns"], settings["aol_high_ns"]) {}

  void start(Machine& machine) override {
    heat_ = SampledHeat(machine.regions(), settings_["cooling"]);
    lists_ = RegionLists(machine.regions(), 2 * kHeats);
    moves_.start(machine);
    machine.attach(sampler_);
    machine.attach(*this);
    batch_ = set_up_hemem_copying(machine, settings_);
  }

  Nanoseconds step(Machine& machine) override {
    moves_.settle(machine, [&](Region region) { list(machine, region); });
    for (const SampledAccess& sample : sampler_.take()) {
      if (machine.tier_of(sample.region) == kNowhere) continue;
      heat_.count(sample);
      if (!moves_.contains(sample.region)) list(machine, sample.region);
    }
    // A quantum that is still moving says nothing about where it leads.
    if (moves_.size() == 0) balance(machine);
    charge_helpers(machine, spinning_, interval_);
    return machine.now() + interval_;
  }

  void on_segment(Machine& machine, const Segment& segment) override {
    regulator_.count(machine, seconds(segment.length));
  }
  void on_allocate(Machine& machine, Region first, std::uint32_t count) override {
    for (Region region = first; region < first + count; ++region)
      if (!moves_.contains(region)) list(machine, region);
  }
  void on_release(Machine&, Region first, std::uint32_t count) override {
    for (Region region = first; region < first + count; ++region) {
      heat_.forget(region);
      lists_.remove(region);
    }
  }

 private:
  static int list_number(bool fast, int heat) { return (fast ? 0 : kHeats) + heat; }

  int heat(Region region) {
    const auto& cooled = heat_.cooled(region);
    return static_cast<int>(std::min<std::uint32_t>(kHeats - 1, cooled.reads + cooled.writes));
  }

  void list(const Machine& machine, Region region) {
    const int tier = machine.tier_of(region);
    if (tier == kNowhere) return lists_.remove(region);
    const int list = list_number(tier == 0, heat(region));
    if (lists_.list_of(region) != list) lists_.push_back(list, region);
  }

  // The hottest region of the fast or the slower tiers whose heat is at most `most`. Cooled lazily: those
  // that have cooled since they were listed go where they belong.
  std::optional<Region> hottest(const Machine& machine, bool fast, int most) {
    for (int heat_now = most; heat_now > 0; --heat_now)
      while (const auto region = lists_.front(list_number(fast, heat_now))) {
        if (heat(*region) == heat_now) return region;
        list(machine, *region);
      }
    return std::nullopt;
  }
  // As HeMem: only cold pages make room, and only hot ones are worth a move.
  std::optional<Region> coldest() {
    for (int heat_now = 0; heat_now < kHeats; ++heat_now)
      if (const auto region = lists_.front(list_number(true, heat_now)))
        return hot(*region) ? std::nullopt : region;
    return std::nullopt;
  }
  bool hot(Region region) {
    const auto& cooled = heat_.cooled(region);
    return cooled.reads >= hot_reads_ || cooled.writes >= hot_writes_;
  }

  void measure(const Machine& machine) {
    double slow_stall = 0, slow_rate = 0;
    for (int tier = 1; tier < machine.tiers(); ++tier) {
      slow_rate += machine.miss_rate_of_tier(tier);
      slow_stall += machine.miss_rate_of_tier(tier) * seconds(machine.loaded_latency(tier));
    }
    const double fast = seconds(machine.loaded_latency(0));
    const double slow = slow_rate > 0 ? slow_stall / slow_rate : seconds(machine.loaded_latency(1));
    const double weight = fast_latency_ > 0 ? settings_["smoothing"] : 1;
    fast_latency_ += weight * (fast - fast_latency_);
    slow_latency_ += weight * (slow - slow_latency_);
    fast_rate_ = machine.miss_rate_of_tier(0);
    slow_rate_ = slow_rate;
  }

  void balance(Machine& machine) {
    measure(machine);
    const double rate = fast_rate_ + slow_rate_;
    if (rate <= 0 || heat_.total() <= 0) return;
    const double shift = search_.shift(fast_latency_, slow_latency_, fast_rate_ / rate);
    // Pages are chosen by their share of the samples, and no page twice.
    const bool up = shift > 0;
    const double carried_out = regulator_.share(machine.now());
    double left = std::abs(shift) * heat_.total() * (up ? carried_out : 1);
    int most = kHeats - 1;
    while (left > 0 && moves_.size() < batch_) {
      const auto region = hottest(machine, !up, most);
      if (!region || !hot(*region)) return;
      const int region_heat = heat(*region);
      // One that is more than what is left stays; a cooler one may do.
      if (region_heat > left) {
        most = std::min(region_heat - 1, static_cast<int>(left));
        continue;
      }
      if (!(up ? promote(machine, *region) : demote(machine, *region))) return;
      left -= region_heat;
    }
  }

  bool promote(Machine& machine, Region region) {
    if (moves_.room(machine, 0) <= 0) {
      const auto victim = coldest();
      const int to = slower_with_room(machine, moves_, 0);
      if (!victim || to == kNowhere) return false;
      lists_.remove(*victim);
      moves_.queue(machine, *victim, to);
    }
    lists_.remove(region);
    moves_.queue(machine, region, 0);
    return true;
  }

  bool demote(Machine& machine, Region region) {
    const int to = slower_with_room(machine, moves_, 0);
    if (to == kNowhere) return false;
    lists_.remove(region);
    moves_.queue(machine, region, to);
    return true;
  }

  PolicySettings settings_;
  Nanoseconds interval_;
  double hot_reads_, hot_writes_;
  MissSampler sampler_;
  double spinning_;  // threads
  SampledHeat heat_;
  RegionLists lists_;  // by tier and heat
  PendingMoves moves_;
  ShareSearch search_;
  AolRegulator regulator_;
  std::size_t batch_ = 1;
  double fast_latency_ = 0, slow_latency_ = 0;  // seconds, smoothed
  double fast_rate_ = 0, slow_rate_ = 0;        // misses per second
};

Result<std::unique_ptr<TieringPolicy>> make(const PolicyContext& context) {
  return read_settings(context, kSettings)
      .map([&](const PolicySettings& s) -> std::unique_ptr<TieringPolicy> {
        return std::make_unique<Colloid>(s, context);
      });
}

}  // namespace

PolicyEntry colloid() {
  return {
      "colloid",
      "Colloid (SOSP'24) on HeMem's samples: shifts accesses until the tiers' loaded latencies are equal.",
      false,
      make,
      {{},
       {{"interval_s", 0.1}},
       {{"delta", 0.02}},
       {{"delta", 0.1}},
       {{"period", 1009}},
       {{"cooling", 100}},
       {{"rate", 1 << 30}}},
      true};
}

PolicyEntry alto() {
  // 40 and 100 cycles of 2.2 GHz.
  const PolicySettingsMap published = {{"aol_low_ns", 18}, {"aol_high_ns", 45}};
  return {"alto",
          "ALTO (OSDI'25) on Colloid: promotes less where misses overlap and so cost little.",
          false,
          [published](const PolicyContext& context) {
            PolicyContext own = context;
            own.settings.insert(published.begin(), published.end());
            return make(own);
          },
          {{},
           {{"aol_low_ns", 12}, {"aol_high_ns", 43}},
           {{"aol_low_ns", 41}, {"aol_high_ns", 68}},
           {{"interval_s", 0.1}},
           {{"period", 1009}},
           {{"cooling", 100}}},
          true};
}

}  // namespace tier::sim
