// MEMTIS (Lee et al., SOSP 2023): a histogram of page heat decides how hot a page must be for the hot ones to
// just fill the fast tier.
//
// Not modelled: splitting huge pages whose parts differ in heat; a region is the unit here, and the ARMS
// group runs MEMTIS without it as well [C].
#include <array>
#include <bit>
#include <cmath>

#include "sim/machine/sampling.h"
#include "sim/policies/entries.h"
#include "sim/policies/pending_moves.h"
#include "sim/policies/settings.h"

namespace tier::sim {
namespace {

constexpr PolicySetting kSettings[] = {
    {"first_period", 199, "misses per PEBS sample at first: the shortest of the list [C]"},
    {"last_period", 19997, "the longest of the list [C]"},
    {"cpu_share", 0.03, "of one CPU that sampling may take [C]"},
    {"adapt", 100000, "samples between adaptations of the threshold [C]"},
    {"cool", 2000000, "samples between halvings of all counts [C]"},
    {"interval_s", 0.5, "between runs of the migration thread, seconds [C]"},
    {"fill", 0.9, "of the fast tier that hot pages must fill for the next bin to be cold, not warm [R]"},
    {"low_free", 0.02, "of the fast tier: promotion stops there [C]"},
    {"high_free", 0.03, "of the fast tier: demotion keeps so much free [C]"},
};
constexpr int kBins = 16;                                       // of the histogram, by powers of two [C]
constexpr Nanoseconds kPeriodCheck = std::chrono::seconds(15);  // of the sampler's CPU share [C]
constexpr double kPeriodSlack = 0.005;                          // either side of it [C]
constexpr double kPeriodSteps = 29;                             // between first and last period [C]
constexpr double kStorePeriod = 100007;                         // stores per sample, the shortest [C]

int bin_of(std::uint32_t count) {
  return count == 0 ? 0 : std::min(kBins - 1, static_cast<int>(std::bit_width(count)) - 1);
}

class Memtis final : public TieringPolicy, public Observer {
 public:
  Memtis(const PolicySettings& settings, const PolicyContext& context)
      : settings_(settings),
        period_(settings["first_period"]),
        sampling_(within_budget({.period = period_, .store_period = kStorePeriod}, context.sampling_budget)),
        sampler_(sampling_, context.seed),
        in_budget_(context.sampling_budget.bounds()),
        cpu_share_(in_budget_
                       ? std::min(settings["cpu_share"], sampling_.most_per_second * seconds(sampling_.price))
                       : settings["cpu_share"]),
        cool_every_(samples(settings["cool"])),
        adapt_every_(samples(settings["adapt"])) {}

  void start(Machine& machine) override {
    counts_.assign(machine.regions(), 0);
    moves_.start(machine);
    machine.attach(sampler_);
    machine.attach(*this);
    capacity_ = capacity_in_regions(machine, 0);
    next_run_ = settings_.time("interval_s");
  }

  Nanoseconds step(Machine& machine) override {
    moves_.settle(machine, [](Region) {});
    for (const SampledAccess& sample : sampler_.take()) count(machine, sample);
    if (machine.now() >= next_check_) check_period(machine);
    if (machine.now() >= next_run_) {
      next_run_ = machine.now() + settings_.time("interval_s");
      // The thread sleeps once it has moved what it wanted to.
      if (moves_.size() == 0) migrate(machine);
    }
    // Where samples have their true price, it has what the thread that reads them does in it.
    if (!in_budget_) charge_helpers(machine, cpu_share_, kStep);
    return machine.now() + kStep;
  }

  void on_segment(Machine&, const Segment&) override {}
  void on_allocate(Machine&, Region first, std::uint32_t count) override {
    histogram_[0] += count;
    for (Region region = first; region < first + count; ++region) counts_[region] = 0;
  }
  void on_release(Machine&, Region first, std::uint32_t count) override {
    for (Region region = first; region < first + count; ++region) {
      // Releases may name regions that were never there: at a job's end, all of its indexes.
      auto& bin = histogram_[static_cast<std::size_t>(bin_of(counts_[region]))];
      bin = std::max<std::int64_t>(0, bin - 1);
      counts_[region] = 0;
    }
  }

 private:
  static constexpr Nanoseconds kStep = std::chrono::milliseconds(100);

  // Histogram and counts are looked after once in so many samples. Within a budget there are fewer, and they
  // keep the pace in time that they have with as many as MEMTIS's own limit pays for.
  std::uint64_t samples(double published) const {
    const double published_rate = settings_["cpu_share"] / seconds(MissSamplingSettings{}.price);
    const double pace = in_budget_ ? std::min(1.0, sampling_.most_per_second / published_rate) : 1;
    return static_cast<std::uint64_t>(std::max(1.0, published * pace));
  }

  void count(const Machine& machine, const SampledAccess& sample) {
    if (machine.tier_of(sample.region) == kNowhere) return;
    std::uint32_t& heat = counts_[sample.region];
    const int before = bin_of(heat), now = bin_of(++heat);
    if (before != now) {
      --histogram_[static_cast<std::size_t>(before)];
      ++histogram_[static_cast<std::size_t>(now)];
    }
    ++samples_;
    if (samples_ % cool_every_ == 0) cool(machine);
    if (samples_ % adapt_every_ == 0) adapt();
  }

  void cool(const Machine& machine) {
    histogram_ = {};
    for (Region region = 0; region < machine.regions(); ++region) {
      counts_[region] /= 2;
      if (machine.tier_of(region) != kNowhere)
        ++histogram_[static_cast<std::size_t>(bin_of(counts_[region]))];
    }
    adapt();
  }

  // From the hottest bin down, as many as fit. Where they leave much of the tier empty, the next bin is warm:
  // it is not promoted, and demoted last.
  void adapt() {
    std::int64_t hot = 0;
    int bin = kBins - 1;
    for (; bin > 0; --bin) {
      const std::int64_t with = hot + histogram_[static_cast<std::size_t>(bin)];
      if (with > capacity_) break;
      hot = with;
    }
    hot_bin_ = std::min(bin + 1, kBins - 1);
    const bool full = static_cast<double>(hot) >= settings_["fill"] * static_cast<double>(capacity_);
    warm_bin_ = full ? hot_bin_ : std::max(hot_bin_ - 1, 0);
  }

  // Holds the sampler to its share of a CPU by the period, a step at a time.
  void check_period(const Machine& machine) {
    const SamplingCounters& counters = sampler_.counters();
    const double length = seconds(machine.now() - (next_check_ - kPeriodCheck));
    const double share =
        static_cast<double>(counters.taken - taken_) * seconds(sampling_.price) / std::max(length, 1e-9);
    taken_ = counters.taken;
    next_check_ = machine.now() + kPeriodCheck;
    const double step = std::pow(settings_["last_period"] / settings_["first_period"], 1 / kPeriodSteps);
    if (share > cpu_share_ + kPeriodSlack) period_ *= step;
    if (share < cpu_share_ - kPeriodSlack) period_ /= step;
    period_ = std::clamp(period_, settings_["first_period"], settings_["last_period"]);
    sampler_.set_period(period_);
  }

  std::int64_t free_share(double share) const {
    return static_cast<std::int64_t>(std::ceil(share * static_cast<double>(capacity_)));
  }

  void migrate(Machine& machine) {
    std::vector<Region> hot, warm, cold;  // hot ones on slower tiers; the others on the fastest
    const Region regions = machine.regions();
    for (Region i = 0; i < regions; ++i) {
      const Region region = (cursor_ + i) % regions;
      const int tier = machine.tier_of(region), bin = bin_of(counts_[region]);
      if (tier > 0 && bin >= hot_bin_)
        hot.push_back(region);
      else if (tier == 0 && bin < hot_bin_)
        (bin >= warm_bin_ ? warm : cold).push_back(region);
    }
    cold.insert(cold.end(), warm.begin(), warm.end());
    const std::int64_t wanted = free_share(settings_["high_free"]) + static_cast<std::int64_t>(hot.size());
    for (const Region region : cold) {
      const int to = slower_with_room(machine, moves_, 0);
      if (moves_.room(machine, 0) >= wanted || to == kNowhere) break;
      moves_.queue(machine, region, to);
    }
    for (const Region region : hot) {
      if (moves_.room(machine, 0) <= free_share(settings_["low_free"])) break;
      moves_.queue(machine, region, 0);
      cursor_ = region;  // the lists go on where they were left
    }
  }

  PolicySettings settings_;
  double period_;
  MissSamplingSettings sampling_;
  MissSampler sampler_;
  bool in_budget_;                          // see PolicyContext::sampling_budget
  double cpu_share_;                        // of one CPU
  std::uint64_t cool_every_, adapt_every_;  // samples
  PendingMoves moves_;
  std::vector<std::uint32_t> counts_;  // sampled accesses, halved now and then
  std::array<std::int64_t, kBins> histogram_{};
  std::uint64_t samples_ = 0;
  std::int64_t capacity_ = 0;
  int hot_bin_ = 1, warm_bin_ = 1;
  Region cursor_ = 0;
  std::uint64_t taken_ = 0;
  Nanoseconds next_run_{}, next_check_ = kPeriodCheck;
};

}  // namespace

PolicyEntry memtis() {
  return {"memtis",
          "MEMTIS (SOSP'23): a histogram of sampled heat sets the threshold at which hot pages fill the fast "
          "tier.",
          false,
          [](const PolicyContext& context) -> Result<std::unique_ptr<TieringPolicy>> {
            return read_settings(context, kSettings)
                .map([&](const PolicySettings& s) -> std::unique_ptr<TieringPolicy> {
                  return std::make_unique<Memtis>(s, context);
                });
          },
          {{},
           {{"adapt", 20000}, {"cool", 400000}},
           {{"cool", 500000}},
           {{"cool", 8000000}},
           {{"first_period", 1009}},
           {{"interval_s", 0.1}},
           {{"cpu_share", 0.01}}},
          true};
}

}  // namespace tier::sim
