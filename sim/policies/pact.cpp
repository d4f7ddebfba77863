// PACT (Hadian et al., ASPLOS 2026): pages are scored by the stall that they cause, not by their accesses.
// Each window's stall on the slow tier, its misses over their parallelism, is shared out among the pages
// that were sampled in it; pages whose score lies in the top one of adaptive bins are promoted, and the
// kernel's LRU demotes.
//
// PACT scores and moves pages of 4 KiB, a region all of its pages. A region has the mean of their scores,
// each sample is one of a page drawn at random, and the region moves when a tenth of its pages would have [A:
// of shares from 0.1 to 50 % within 1 % of the best over suites/rivals.toml, with the budget and without].
#include <algorithm>
#include <cmath>
#include <deque>

#include "sim/machine/sampling.h"
#include "sim/policies/entries.h"
#include "sim/policies/kernel_lru.h"
#include "sim/policies/pending_moves.h"
#include "sim/policies/settings.h"

namespace tier::sim {
namespace {

constexpr PolicySetting kSettings[] = {
    {"period", 400, "retired misses of slower tiers per PEBS sample [C]"},
    {"window_s", 0.02, "over which stall is attributed, seconds [C]"},
    {"bins", 20, "of the score; the top one is promoted [C]"},
    {"bin_width", 1000, "at first, cycles of a page's score [C]"},
    {"max_pages", 4096, "promoted in a window [C]"},
    {"cooling", 1, "share of a score that is left at a cooling; 1: there is none [C]"},
    {"cool_every", 200000, "samples between coolings [C]"},
    {"margin", 0, "pages by which demotions may run ahead of promotions [C]"},
    {"follow", 0.1, "share of a region's pages that are to be promoted for the region to move [A]"},
    {"mark_step", 0.001, "of the fast tier between its watermarks, as numab [K]"},
};
constexpr double kCycle = 1 / 2.2e9;                            // seconds, of the authors' machine [R]
constexpr std::size_t kReservoir = 100;                         // scores that quartiles are taken of [C]
constexpr double kScaleShare = 0.7;                             // see BinWidth [C]
constexpr Nanoseconds kBalanceEvery = std::chrono::seconds(1);  // of demotions with promotions [C]

// A uniform sample of all scores there were, and the bins' width by Freedman and Diaconis's rule.
class BinWidth {
 public:
  BinWidth(double width, std::uint64_t seed) : width_(width), random_(seed) {}

  void add(double score) {
    if (scores_.size() < kReservoir) {
      scores_.push_back(score);
    } else if (const std::uint64_t at = random_() % (seen_ + 1); at < kReservoir) {
      scores_[at] = score;
    }
    ++seen_;
  }

  // `pages` have a score, `candidates` of them wait to be promoted: where that is a small part, bins widen.
  void update(double pages, double candidates) {
    if (scores_.size() < 4 || pages <= 0) return;
    std::vector<double> sorted = scores_;
    std::sort(sorted.begin(), sorted.end());
    const double spread = sorted[3 * sorted.size() / 4] - sorted[sorted.size() / 4];
    if (spread <= 0) return;
    width_ = 2 * spread / std::cbrt(pages);
    if (candidates > 0) width_ *= pages / candidates > kScaleShare ? 2 : 0.5;
  }

  double width() const { return width_; }

 private:
  double width_;
  Random random_;
  std::vector<double> scores_;
  std::uint64_t seen_ = 0;
};

class Pact final : public TieringPolicy, public Observer {
 public:
  Pact(const PolicySettings& settings, const PolicyContext& context)
      : settings_(settings),
        sampler_(within_budget({.period = settings["period"], .tiers = ~1U}, context.sampling_budget),
                 context.seed),
        lru_(context.seed ^ 0x5DEECE66DULL),
        bins_(settings["bin_width"] * kCycle, context.seed ^ 0x2545F4914F6CDD1DULL) {}

  void start(Machine& machine) override {
    regions_.assign(machine.regions(), {});
    pages_in_region_ = static_cast<double>(machine.region_size().value) /
                       static_cast<double>(machine.description().small_page.value);
    lru_.start(machine, settings_["mark_step"], 0);
    moves_.start(machine);
    machine.attach(sampler_);
    machine.attach(*this);
  }

  // As the kernel, which leaves the low watermark free.
  int place(const Machine& machine, Region) override { return moves_.room(machine, 0) > lru_.low() ? 0 : 1; }

  Nanoseconds step(Machine& machine) override {
    const Nanoseconds window = settings_.time("window_s");
    moves_.settle(machine, [&](Region region) { lru_.list(machine, region); });
    attribute(machine);
    bins_.update(seen_, static_cast<double>(candidates_.size()) * pages_in_region_);
    promote(machine);
    demote(machine, window);
    return machine.now() + window;
  }

  // The counters: misses of loads that retire, and how many of them are outstanding while any is.
  void on_segment(Machine& machine, const Segment& segment) override {
    const double length = seconds(segment.length);
    for (int tier = 1; tier < machine.tiers(); ++tier) {
      const double misses = machine.demand_load_rate_of_tier(tier) * length;
      unloaded_ += misses * seconds(machine.description().tiers[static_cast<std::size_t>(tier)].latency);
      outstanding_ += misses * seconds(machine.loaded_latency(tier));
      busy_ += machine.stall_rate_of_tier(tier) * length;
    }
  }
  void on_allocate(Machine& machine, Region first, std::uint32_t count) override {
    lru_.list_new(machine, first, count, moves_);
  }
  void on_release(Machine&, Region first, std::uint32_t count) override {
    for (Region region = first; region < first + count; ++region) {
      lru_.remove(region);
      seen_ += pages_in_region_ * std::expm1(-regions_[region].samples / pages_in_region_);
      regions_[region] = {0, 0, 0, regions_[region].waiting};
    }
  }

 private:
  struct Scored {
    double score = 0;      // seconds of stall, mean of the region's pages
    double samples = 0;    // so far
    double top = 0;        // of them in the top bin, since the region was a candidate
    bool waiting = false;  // among the candidates
  };

  // The window's stall, k · misses / parallelism with k the unloaded latency, in equal parts to its samples.
  void attribute(const Machine& machine) {
    const auto samples = sampler_.take();
    const double parallelism = busy_ > 0 ? std::max(1.0, outstanding_ / busy_) : 1;
    const double stall = unloaded_ / parallelism;
    unloaded_ = outstanding_ = busy_ = 0;
    if (samples.empty()) return;
    const double each = stall / static_cast<double>(samples.size());
    for (const SampledAccess& sample : samples) {
      if (machine.tier_of(sample.region) == kNowhere) continue;
      Scored& region = regions_[sample.region];
      seen_ += std::exp(-region.samples / pages_in_region_);
      ++region.samples;
      const double page = region.score + each;  // of the page that the sample is of
      region.score += each / pages_in_region_;
      bins_.add(page);
      if (page >= (settings_["bins"] - 1) * bins_.width()) ++region.top;
      consider(machine, sample.region);
      if (++samples_ % static_cast<std::uint64_t>(std::max(1.0, settings_["cool_every"])) == 0) cool();
    }
  }

  void consider(const Machine& machine, Region region) {
    // So many samples, drawn at random, hit that share of the pages.
    const double enough = std::max(1.0, -std::log1p(-std::min(settings_["follow"], 0.99)) * pages_in_region_);
    Scored& scored = regions_[region];
    if (scored.top < enough || scored.waiting || machine.tier_of(region) <= 0 || moves_.contains(region))
      return;
    scored.waiting = true;
    candidates_.push_back(region);
  }

  void cool() {
    if (settings_["cooling"] >= 1) return;
    for (Scored& region : regions_) region.score *= settings_["cooling"];
  }

  // First come, first served. What finds no room fails, and is considered again as it is sampled anew.
  void promote(Machine& machine) {
    for (double left = settings_["max_pages"]; left > 0 && !candidates_.empty(); left -= pages_in_region_) {
      const Region region = candidates_.front();
      candidates_.pop_front();
      regions_[region].waiting = false;
      regions_[region].top = 0;
      if (machine.tier_of(region) <= 0 || moves_.contains(region)) continue;
      if (moves_.room(machine, 0) <= 0) {
        lru_.wake();
        continue;
      }
      moves_.queue(machine, region, 0);
    }
  }

  // Eagerly, as long as less has been demoted than promoted: then the kernel may demote, and keeps its
  // watermarks.
  void demote(Machine& machine, Nanoseconds time) {
    if (machine.now() >= next_balance_) {
      next_balance_ = machine.now() + kBalanceEvery;
      const auto margin = static_cast<std::uint64_t>(settings_["margin"]);
      const Bytes allowed =
          machine.totals().promoted + Bytes{margin * machine.description().small_page.value};
      demotes_ = machine.totals().demoted < allowed;
    }
    if (!demotes_) return;
    if (moves_.room(machine, 0) <= lru_.low()) lru_.wake();
    charge_helpers(machine, 1, lru_.reclaim(machine, moves_, time));
  }

  PolicySettings settings_;
  MissSampler sampler_;
  KernelLru lru_;
  BinWidth bins_;
  PendingMoves moves_;
  std::vector<Scored> regions_;
  std::deque<Region> candidates_;
  double pages_in_region_ = 1;
  double seen_ = 0;  // pages with a score
  std::uint64_t samples_ = 0;
  // Of the window, slower tiers together, seconds: misses by unloaded and by loaded latency, and stall.
  double unloaded_ = 0, outstanding_ = 0, busy_ = 0;
  bool demotes_ = false;
  Nanoseconds next_balance_{};
};

}  // namespace

PolicyEntry pact() {
  return {"pact",
          "PACT (ASPLOS'26): pages scored by the stall attributed to them; the top adaptive bin is promoted.",
          false,
          [](const PolicyContext& context) -> Result<std::unique_ptr<TieringPolicy>> {
            return read_settings(context, kSettings)
                .map([&](const PolicySettings& s) -> std::unique_ptr<TieringPolicy> {
                  return std::make_unique<Pact>(s, context);
                });
          },
          {{},
           {{"cooling", 0.5}},
           {{"period", 4000}},
           {{"window_s", 0.1}},
           {{"bins", 5}},
           {{"follow", 0.5}},
           {{"margin", 8192}}},
          true};
}

}  // namespace tier::sim
