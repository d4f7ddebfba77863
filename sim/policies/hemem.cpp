// HeMem (Raybuck et al., SOSP 2021): PEBS samples, static thresholds, first in first out.
//
// Pages are write-protected while they are copied, so that only stores wait; beside that a move costs what
// the machine charges. Two threads spin, one over the PEBS buffers and one over the lists [C].
#include "sim/policies/entries.h"
#include "sim/policies/heat.h"
#include "sim/policies/pending_moves.h"
#include "sim/policies/region_lists.h"
#include "sim/policies/settings.h"

namespace tier::sim {
namespace {

constexpr PolicySetting kSettings[] = {
    {"period", 5000, "events per PEBS sample: the paper's [R]; the public tree has 19997 or 10007 [C]"},
    {"hot_reads", 8, "sampled reads that make a page hot [R]; the public tree has 4 [C]"},
    {"hot_writes", 4, "sampled writes that make a page hot [R] [C]"},
    {"cooling", 18, "samples of one page at which all pages' counts are halved [R]; the tree has 10 [C]"},
    {"interval_s", 0.01, "between the policy's runs, seconds [C]"},
    {"rate", 10.0 * (1 << 30), "of migration, bytes per second [C]"},
    {"copy_threads", 4, "that migrate [C]"},
};
constexpr double kSpinningThreads = 2;
constexpr double kReaders = 1;  // of them: reads the PEBS buffers; within a budget it may not spin

class HeMem final : public TieringPolicy, public Observer {
 public:
  HeMem(const PolicySettings& settings, const PolicyContext& context)
      : settings_(settings),
        interval_(settings.time("interval_s")),
        hot_reads_(settings["hot_reads"]),
        hot_writes_(settings["hot_writes"]),
        sampler_(within_budget({.period = settings["period"], .store_period = settings["period"]},
                               context.sampling_budget),
                 context.seed),
        spinning_(kSpinningThreads - (context.sampling_budget.bounds() ? kReaders : 0)),
        heat_(0, 0),
        lists_(0, 0) {}

  void start(Machine& machine) override {
    heat_ = SampledHeat(machine.regions(), settings_["cooling"]);
    lists_ = RegionLists(machine.regions(), kLists);
    moves_.start(machine);
    machine.attach(sampler_);
    machine.attach(*this);
    batch_ = set_up_hemem_copying(machine, settings_);
  }

  Nanoseconds step(Machine& machine) override {
    moves_.settle(machine, [&](Region region) { list(machine, region); });
    for (const SampledAccess& sample : sampler_.take()) count(machine, sample);
    promote(machine);
    if (cool_) cool(machine);
    charge_helpers(machine, spinning_, interval_);
    return machine.now() + interval_;
  }

  void on_segment(Machine&, const Segment&) override {}
  void on_allocate(Machine& machine, Region first, std::uint32_t count) override {
    for (Region region = first; region < first + count; ++region)
      if (lists_.list_of(region) == RegionLists::kNone && !moves_.contains(region)) list(machine, region);
  }
  void on_release(Machine&, Region first, std::uint32_t count) override {
    for (Region region = first; region < first + count; ++region) {
      heat_.forget(region);
      lists_.remove(region);
    }
  }

 private:
  enum : int { kFastCold, kFastHot, kSlowCold, kSlowHot, kLists };

  bool hot(Region region) {
    const auto& heat = heat_.cooled(region);
    return heat.reads >= hot_reads_ || heat.writes >= hot_writes_;
  }

  // At the end of the list where it belongs; where it is already, it stays in its place.
  void list(const Machine& machine, Region region) {
    const int tier = machine.tier_of(region);
    if (tier == kNowhere) return lists_.remove(region);
    const int list = (tier == 0 ? kFastCold : kSlowCold) + (hot(region) ? 1 : 0);
    if (lists_.list_of(region) != list) lists_.push_back(list, region);
  }

  void count(const Machine& machine, const SampledAccess& sample) {
    if (machine.tier_of(sample.region) == kNowhere) return;
    cool_ = heat_.count(sample) || cool_;
    if (!moves_.contains(sample.region)) list(machine, sample.region);
  }

  void promote(Machine& machine) {
    while (moves_.size() < batch_) {
      const auto region = lists_.front(kSlowHot);
      if (!region) return;
      if (!hot(*region)) {
        list(machine, *region);
        continue;
      }
      if (moves_.room(machine, 0) <= 0) {
        const auto victim = lists_.front(kFastCold);
        const int to = slower_with_room(machine, moves_, 0);
        if (!victim || to == kNowhere) return;  // all of the fast tier is hot
        lists_.remove(*victim);
        moves_.queue(machine, *victim, to);
      }
      lists_.remove(*region);
      moves_.queue(machine, *region, 0);
    }
  }

  void cool(const Machine& machine) {
    cool_ = false;
    for (const int list_number : {kFastHot, kSlowHot})
      for (auto region = lists_.front(list_number); region;) {
        const Region looked_at = *region;
        region = lists_.after(looked_at);
        list(machine, looked_at);
      }
  }

  PolicySettings settings_;
  Nanoseconds interval_;
  double hot_reads_, hot_writes_;
  MissSampler sampler_;
  double spinning_;  // threads
  SampledHeat heat_;
  RegionLists lists_;
  PendingMoves moves_;
  std::size_t batch_ = 1;  // moves on their way at a time
  bool cool_ = false;
};

}  // namespace

PolicyEntry hemem() {
  return {"hemem",
          "HeMem (SOSP'21): PEBS counts per 2 MiB, static thresholds, hot pages swapped with cold ones.",
          false,
          [](const PolicyContext& context) -> Result<std::unique_ptr<TieringPolicy>> {
            return read_settings(context, kSettings)
                .map([&](const PolicySettings& s) -> std::unique_ptr<TieringPolicy> {
                  return std::make_unique<HeMem>(s, context);
                });
          },
          {{},
           {{"period", 19997}, {"hot_reads", 4}, {"cooling", 10}},
           {{"period", 10007}},
           {{"period", 1009}},
           {{"hot_reads", 4}, {"cooling", 10}},
           {{"hot_reads", 16}, {"hot_writes", 8}, {"cooling", 36}},
           {{"cooling", 100}},
           {{"interval_s", 0.1}, {"rate", 1 << 30}}},
          true};
}

}  // namespace tier::sim
