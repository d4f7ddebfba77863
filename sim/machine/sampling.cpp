#include "sim/machine/sampling.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <utility>

namespace tier::sim {
namespace {

constexpr double kSaturated = 40;  // expected touches of a page: none has less than one chance in 2^53

// Whole events out of what has accumulated.
std::uint64_t take_whole(double& due) {
  const double whole = std::floor(due);
  due -= whole;
  return static_cast<std::uint64_t>(whole);
}

bool happens(Random& random, double probability) { return uniform(random) < probability; }

SampledAccess sampled(const DrawnAccess& drawn, double weight) {
  return {drawn.region, drawn.target, drawn.tier, drawn.store, weight};
}

}  // namespace

Region StallSampler::at_hand(const Machine& machine, std::uint32_t target) {
  if (at_hand_.empty()) at_hand_.resize(machine.targets().size(), machine.regions());
  Region& known = at_hand_[target];
  const auto is_its = [&](Region r) {
    return machine.tier_of(r) != kNowhere && machine.target_of(r) == target;
  };
  if (known < machine.regions() && is_its(known)) return known;
  for (known = 0; known < machine.regions() && !is_its(known);) ++known;
  return known;
}

std::optional<SampledAccess> StallSampler::draw(const Machine& machine, bool waiting) {
  if (waiting) {
    const auto drawn = machine.draw_stall(random_);
    return drawn ? std::optional(sampled(*drawn, 0)) : std::nullopt;
  }
  double left = uniform(random_) * machine.busy_threads();
  for (std::uint32_t target = 0; target < machine.targets().size(); ++target) {
    const Region region = at_hand(machine, target);
    if (region == machine.regions()) continue;  // not running
    left -= machine.targets()[target].threads;
    if (left <= 0) return SampledAccess{region, target, machine.tier_of(region), false, 0};
  }
  return std::nullopt;
}

void StallSampler::on_segment(Machine& machine, const Segment& segment) {
  const double threads = machine.busy_threads();
  if (threads <= 0) return;
  double stalled = 0;
  for (int t = 0; t < machine.tiers(); ++t) stalled += machine.stall_rate_of_tier(t);
  const double stalled_share = std::min(1.0, stalled / threads);
  const double wanted = settings_.rate * threads;
  const double rate = settings_.most_per_second > 0 ? std::min(wanted, settings_.most_per_second) : wanted;
  due_ += rate * seconds(segment.length);
  for (std::uint64_t n = take_whole(due_); n > 0; --n) {
    ++counters_.taken;
    auto drawn =
        happens(random_, settings_.decoded) ? draw(machine, happens(random_, stalled_share)) : std::nullopt;
    if (!drawn) {
      ++counters_.undecoded;
      continue;
    }
    ++counters_.delivered;
    drawn->weight = threads / rate;  // thread-seconds between two samples
    samples_.push_back(*drawn);
    machine.interfere(drawn->target, seconds(settings_.price));
  }
}

std::vector<SampledAccess> StallSampler::take() { return std::exchange(samples_, {}); }

void MissSampler::sample(Machine& machine, double& due, double period, MissEvent event) {
  drawn_.clear();
  machine.draw_misses(random_, take_whole(due), event, settings_.tiers, drawn_);
  drawn_of_.assign(machine.targets().size(), 0);
  for (const DrawnAccess& drawn : drawn_) {
    ++drawn_of_[drawn.target];
    samples_.push_back(sampled(drawn, period));
  }
  counters_.taken += drawn_.size();
  counters_.delivered += drawn_.size();
  for (std::uint32_t target = 0; target < drawn_of_.size(); ++target)
    machine.interfere(target, static_cast<double>(drawn_of_[target]) * seconds(settings_.price));
}

// Loads and stores are separate events, each with its own period; the limit holds for both together.
void MissSampler::on_segment(Machine& machine, const Segment& segment) {
  const bool demand = settings_.loads == MissEvent::kDemandLoads;
  double loads = 0, stores = 0;  // per second
  for (int t = 0; t < machine.tiers(); ++t) {
    if ((settings_.tiers >> t & 1U) == 0) continue;
    stores += machine.store_rate_of_tier(t);
    loads += demand ? machine.demand_load_rate_of_tier(t)
                    : std::max(0.0, machine.miss_rate_of_tier(t) - machine.store_rate_of_tier(t));
  }
  const auto per_second = [](double rate, double period) { return period > 0 ? rate / period : 0; };
  const double of_loads = per_second(loads, settings_.period);
  const double of_stores = per_second(stores, settings_.store_period);
  const double wanted = of_loads + of_stores;
  if (wanted <= 0) return;
  const double length = seconds(segment.length), kept = std::min(1.0, settings_.most_per_second / wanted);
  due_lost_ += (1 - kept) * wanted * length;
  const std::uint64_t lost = take_whole(due_lost_);
  counters_.taken += lost;
  counters_.lost += lost;
  due_loads_ += kept * of_loads * length;
  due_stores_ += kept * of_stores * length;
  if (of_loads > 0) sample(machine, due_loads_, settings_.period, settings_.loads);
  if (of_stores > 0) sample(machine, due_stores_, settings_.store_period, MissEvent::kStores);
}

std::vector<SampledAccess> MissSampler::take() { return std::exchange(samples_, {}); }

double SamplingBudget::most(Nanoseconds price) const {
  double most = std::numeric_limits<double>::infinity();
  if (cpu_share > 0) most = cpu_share / seconds(price);
  if (per_second > 0) most = std::min(most, per_second);
  return most;
}

MissSamplingSettings within_budget(MissSamplingSettings settings, const SamplingBudget& budget) {
  if (!budget.bounds()) return settings;
  settings.price = kMissSamplePrice;
  settings.most_per_second = std::min(settings.most_per_second, budget.most(settings.price));
  return settings;
}

StallSamplingSettings within_budget(StallSamplingSettings settings, const SamplingBudget& budget) {
  if (!budget.bounds()) return settings;
  settings.most_per_second = budget.most(kStallSamplePrice);
  // The sampler charges for those that decode: they pay for the others.
  settings.price =
      Nanoseconds{std::llround(static_cast<double>(kStallSamplePrice.count()) / settings.decoded)};
  return settings;
}

double touch_rate(const Machine& machine, Region region) {
  const bool huge = machine.pages_of(region) == PageKind::kHuge;
  const Bytes page = huge ? machine.description().huge_page : machine.description().small_page;
  const double pages =
      std::max(1.0, static_cast<double>(machine.region_size().value) / static_cast<double>(page.value));
  return machine.miss_rate(region) / pages;
}

double touch_probability(double touch_rate, Nanoseconds window) {
  const double expected = touch_rate * seconds(window);
  return expected > kSaturated ? 1 : 1 - std::exp(-expected);
}

double touch_probability(const Machine& machine, Region region, Nanoseconds window) {
  return touch_probability(touch_rate(machine, region), window);
}

void HintFaults::unmap(const Machine& machine, Region region) {
  if (turns_.size() < machine.regions()) turns_.resize(machine.regions());
  std::exponential_distribution<double> touches(1);
  wait(machine, {region, machine.now(), machine.now(), {}, touches(random_), ++turns_[region]});
}

// Looks again when the fault is due at the present rate, or soon, since rates change.
void HintFaults::wait(const Machine& machine, Waiting waiting) {
  constexpr double kPatience = 0.1;  // seconds
  const double rate = machine.miss_rate(waiting.region);
  const double due = rate > 0 ? std::min(kPatience, waiting.touches_left / rate) : kPatience;
  waiting.look = waiting.seen + Nanoseconds{1 + static_cast<std::int64_t>(due * 1e9)};
  waiting_.push(waiting);
}

void HintFaults::on_segment(Machine& machine, const Segment& segment) {
  const Nanoseconds end = segment.start + segment.length;
  while (!waiting_.empty() && waiting_.top().look <= end) {
    Waiting waiting = waiting_.top();
    waiting_.pop();
    if (waiting.turn != turns_[waiting.region] || machine.tier_of(waiting.region) == kNowhere) continue;
    const double rate = machine.miss_rate(waiting.region);
    const double touches = rate * seconds(end - waiting.seen);
    if (touches >= waiting.touches_left) {
      const Nanoseconds after{static_cast<std::int64_t>(waiting.touches_left / rate * 1e9)};
      faults_.push_back({waiting.region, waiting.since, waiting.seen + after});
      machine.interfere(machine.target_of(waiting.region), seconds(price_));
      continue;
    }
    waiting.touches_left -= touches;
    waiting.seen = end;
    wait(machine, waiting);
  }
}

std::vector<HintFault> HintFaults::take() { return std::exchange(faults_, {}); }

}  // namespace tier::sim
