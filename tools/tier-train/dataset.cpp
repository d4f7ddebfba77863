#include "tools/tier-train/dataset.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <memory>
#include <random>

#include "sim/workloads/draw.h"
#include "sim/workloads/pattern.h"

namespace tier::sim {
namespace {

constexpr double kRatePerThread = 250;  // samples per second: the kernel's tick
// Of the samples, whose address can be computed (StallSamplingSettings). Here each counts for the others.
constexpr double kDecoded = 0.8;
constexpr std::uint32_t kNever32 = ~0U;

std::uint32_t draw_poisson(std::mt19937_64& random, double mean) {
  // Beyond, the normal approximation with its whole-number rounding is off by less than a percent of a
  // deviation.
  constexpr double kMany = 60;
  if (mean > kMany) {
    const double radius = std::sqrt(-2 * std::log1p(-draw_uniform(random)));
    const double normal = radius * std::cos(2 * M_PI * draw_uniform(random));
    return static_cast<std::uint32_t>(std::max(0.0, std::round(mean + normal * std::sqrt(mean))));
  }
  std::uint32_t count = 0;
  for (double left = draw_exponential(random, 1); left < mean; left += draw_exponential(random, 1)) ++count;
  return count;
}

// One workload at its own pace; regions and targets counted on from those of the ones before it.
class Runner {
 public:
  Runner(std::unique_ptr<Workload> workload, std::uint32_t first_region, std::uint32_t first_target)
      : workload_(std::move(workload)), first_region_(first_region), first_target_(first_target) {}

  bool done() const { return done_; }
  const WorkloadInfo& info() const { return workload_->info(); }
  double threads() const {
    double sum = 0;
    for (const WorkloadTarget& target : info().targets) sum += target.threads;
    return done_ ? 0 : sum;
  }

  // Runs up to `end`. Adds to demand by region; events go to `on_event(event, first region, target)`.
  template <typename OnEvent>
  Result<void> run(Nanoseconds end, std::vector<float>& demand, OnEvent on_event) {
    while (!done_ && now_ < end) {
      if (now_ >= interval_end_) {
        auto next = TIER_TRY(workload_->next());
        if (!next) {
          done_ = true;
          break;
        }
        interval_ = std::move(*next);
        interval_end_ += interval_.duration;
        for (const RegionEvent& event : interval_.events)
          on_event(event, first_region_ + event.first, first_target_ + event.target);
      }
      const Nanoseconds until = std::min(end, interval_end_);
      add(seconds(until - now_) / seconds(interval_.duration), demand);
      now_ = until;
    }
    return {};
  }

 private:
  void add(double part, std::vector<float>& demand) const {
    for (std::size_t s = 0; s < interval_.demand->streams.size(); ++s) {
      const Stream& stream = info().streams[s];
      const double each = part * (1 - stream.prefetchable) / stream.parallelism;
      for (const RegionDemand& region : interval_.demand->streams[s])
        demand[first_region_ + region.region] +=
            static_cast<float>(each * (region.loads + kReferenceStoreWait * region.stores));
    }
  }

  std::unique_ptr<Workload> workload_;
  std::uint32_t first_region_, first_target_;
  Interval interval_;
  Nanoseconds now_{}, interval_end_{};
  bool done_ = false;
};

struct Held {
  RegionKey key;
  std::uint32_t region = 0;
};

struct RegionState {
  bool held = false, fast = false;
  RegionKey key;
  std::uint32_t allocated = 0, sampled = kNever32;  // ticks
};

class Maker {
 public:
  Maker(const DatasetSettings& settings, std::uint32_t regions, Bytes region_size)
      : settings_(settings),
        region_size_(region_size),
        states_(regions),
        fast_left_(static_cast<std::int64_t>(std::llround(settings.fast_share * regions))),
        random_(settings.seed) {}

  void on_event(const RegionEvent& event, std::uint32_t first, std::uint32_t target, Bytes size) {
    for (std::uint32_t i = 0; i < event.count; ++i) {
      RegionState& state = states_[first + i];
      const bool take = event.change == RegionChange::kAllocate;
      if (state.held == take) continue;
      if (state.fast) ++fast_left_;
      state = {};
      state.held = take;
      state.key = {{target + 1}, event.address + i * size.value};
      state.allocated = tick_;
      state.fast = take && fast_left_ > 0;
      if (state.fast) --fast_left_;
    }
    changed_ = true;
  }

  // Ends a tick in which regions were asked for so much, while so many threads ran.
  DatasetTick close(std::vector<float> demand, double threads) {
    order();
    DatasetTick out;
    const double rate = std::min(settings_.samples_per_second, kRatePerThread * threads);
    const double waited = rate > 0 ? threads / rate / kDecoded : 0;  // seconds that a sample stands for
    out.snapshot.sequence = tick_ + 1;
    out.snapshot.tick = {tick_};
    out.snapshot.interval = settings_.tick;
    out.snapshot.time = settings_.tick * (tick_ + 1);
    // Samples per access.
    for (const int node : {0, 1}) {
      const double latency =
          kReferenceLatency * (node == 0 ? settings_.fast_latency : settings_.slow_latency);
      out.snapshot.visibility.push_back({NodeId{node}, waited > 0 ? latency / waited : 0});
    }
    for (const Held& held : held_) {
      RegionState& state = states_[held.region];
      const double latency = latency_of(state);
      const std::uint32_t samples =
          waited > 0 ? draw_poisson(random_, demand[held.region] * latency / waited) : 0;
      if (samples > 0) state.sampled = tick_;
      const bool lately = state.sampled != kNever32 && tick_ - state.sampled < settings_.listed_for;
      if (!lately && !state.fast) {
        ++out.snapshot.quiet;
        continue;
      }
      out.snapshot.regions.push_back(row(state, samples, samples * waited));
      out.regions.push_back(held.region);
    }
    for (std::size_t r = 0; r < states_.size(); ++r)
      if (!states_[r].held && demand[r] == 0) demand[r] = kNotHeld;
    for (float& each : demand)
      if (each != kNotHeld) each /= static_cast<float>(seconds(settings_.tick));
    out.demand = std::move(demand);
    ++tick_;
    return out;
  }

 private:
  double latency_of(const RegionState& state) const {
    return kReferenceLatency * (state.fast ? settings_.fast_latency : settings_.slow_latency);
  }

  Region row(const RegionState& state, std::uint32_t samples, double waited) const {
    Region region;
    region.key = state.key;
    region.range = {state.key.start, state.key.start + region_size_.value};
    region.samples = samples;
    region.demand = {waited / latency_of(state)};
    region.waited = {waited};
    region.node = NodeId{state.fast ? 0 : 1};
    region.resident = region_size_;
    region.pages = PageKind::kHuge;
    region.age = tick_ - state.allocated;
    region.idle = state.sampled == kNever32 ? kNever : tick_ - state.sampled;
    return region;
  }

  void order() {
    if (!changed_) return;
    changed_ = false;
    held_.clear();
    for (std::uint32_t r = 0; r < states_.size(); ++r)
      if (states_[r].held) held_.push_back({states_[r].key, r});
    std::sort(held_.begin(), held_.end(), [](const Held& a, const Held& b) { return a.key < b.key; });
  }

  DatasetSettings settings_;
  Bytes region_size_;
  std::vector<RegionState> states_;
  std::vector<Held> held_;  // by key
  std::int64_t fast_left_;
  std::mt19937_64 random_;
  std::uint32_t tick_ = 0;
  bool changed_ = false;
};

NodeContext context_of(const DatasetSettings& settings, std::uint32_t regions, Bytes region_size) {
  NodeContext node;
  const double all = static_cast<double>(regions) * static_cast<double>(region_size.value);
  const auto add = [&](int rank, double latency, double size) {
    TierContext tier;
    tier.rank = rank;
    tier.loaded_latency = Nanoseconds{static_cast<std::int64_t>(1e9 * kReferenceLatency * latency)};
    tier.total = Bytes{static_cast<std::uint64_t>(size)};
    node.tiers.push_back(tier);
  };
  add(0, settings.fast_latency, all * settings.fast_share), add(1, settings.slow_latency, all);
  node[NodeMetric::kSampled] = settings.samples_per_second;
  return node;
}

Result<std::vector<Runner>> open_runners(const std::vector<WorkloadFactory>& workloads, Dataset& dataset) {
  std::vector<Runner> runners;
  std::uint32_t targets = 0;
  for (const WorkloadFactory& factory : workloads) {
    auto opened = TIER_TRY(factory());
    const WorkloadInfo info = opened->info();
    runners.emplace_back(std::move(opened), dataset.regions, targets);
    dataset.regions += info.regions;
    targets += static_cast<std::uint32_t>(info.targets.size());
  }
  return runners;
}

}  // namespace

Result<Dataset> make_dataset(const std::vector<WorkloadFactory>& workloads, const DatasetSettings& settings) {
  Dataset dataset;
  auto runners = TIER_TRY(open_runners(workloads, dataset));
  if (!runners.empty())
    dataset.node = context_of(settings, dataset.regions, runners.front().info().region_size);
  Maker maker(settings, dataset.regions, runners.empty() ? Bytes{} : runners.front().info().region_size);
  while (dataset.ticks.size() < settings.most_ticks) {
    std::vector<float> demand(dataset.regions);
    const Nanoseconds end = settings.tick * (dataset.ticks.size() + 1);
    double threads = 0;
    for (Runner& runner : runners) {
      auto ran =
          runner.run(end, demand, [&](const RegionEvent& event, std::uint32_t first, std::uint32_t target) {
            maker.on_event(event, first, target, runner.info().region_size);
          });
      if (!ran) return tl::make_unexpected(ran.error());
      threads += runner.threads();
    }
    if (threads == 0) break;
    dataset.ticks.push_back(maker.close(std::move(demand), threads));
  }
  if (dataset.ticks.empty())
    return fail(ErrorKind::kUsage, "the workload ends before its first tick", "give it more length");
  return dataset;
}

std::string with_seed(const std::string& spec, std::uint64_t seed) {
  if (seed == 0) return spec;
  static constexpr std::string_view kBeside = " + ";
  std::string out;
  std::uint64_t part_number = 0;
  for (std::size_t begin = 0; begin <= spec.size(); ++part_number) {
    const std::size_t end = std::min(spec.find(kBeside, begin), spec.size());
    std::string part = spec.substr(begin, end - begin);
    begin = end + kBeside.size();
    if (!part.starts_with("trace")) {
      if (const auto at = part.find("seed="); at != std::string::npos) {
        const std::size_t comma = std::min(part.find(',', at), part.size());
        part.erase(at > 0 ? at - 1 : at, comma - at + (at > 0 ? 1 : 0));
      }
      part += (part.find(':') == std::string::npos ? ":" : ",") +
              fmt::format("seed={}", 100 * seed + part_number);
    }
    out += (out.empty() ? "" : std::string(kBeside)) + part;
  }
  return out;
}

}  // namespace tier::sim
