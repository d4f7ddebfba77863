#include "sim/machine/sampling.h"

#include <algorithm>
#include <cmath>
#include <utility>

namespace tier::sim {
namespace {

// Whole events out of what has accumulated.
std::uint64_t take_whole(double& due) {
  const double whole = std::floor(due);
  due -= whole;
  return static_cast<std::uint64_t>(whole);
}

bool happens(Random& random, double probability) {
  return std::uniform_real_distribution<double>(0, 1)(random) < probability;
}

SampledAccess sampled(const DrawnAccess& drawn, double weight) {
  return {drawn.region, drawn.target, drawn.tier, drawn.store, weight};
}

}  // namespace

void StallSampler::on_segment(Machine& machine, const Segment& segment) {
  const double threads = machine.busy_threads();
  if (threads <= 0) return;
  double stalled = 0;
  for (int t = 0; t < machine.tiers(); ++t) stalled += machine.stall_rate_of_tier(t);
  const double stalled_share = std::min(1.0, stalled / threads);
  const double wanted = settings_.rate * threads;
  const double rate = settings_.most_per_second > 0 ? std::min(wanted, settings_.most_per_second) : wanted;
  due_ += rate * seconds(segment.length);
  const double weight = threads / rate;  // thread-seconds between two samples
  for (std::uint64_t n = take_whole(due_); n > 0; --n) {
    ++counters_.taken;
    const bool waiting = happens(random_, stalled_share);
    if (!happens(random_, waiting ? settings_.decoded : settings_.computing_decoded)) {
      ++counters_.undecoded;
      continue;
    }
    const auto drawn = waiting ? machine.draw_stall(random_) : machine.draw_miss(random_);
    if (!drawn) continue;
    ++counters_.delivered;
    samples_.push_back(sampled(*drawn, weight));
    machine.interfere(drawn->target, seconds(settings_.price));
  }
}

std::vector<SampledAccess> StallSampler::take() { return std::exchange(samples_, {}); }

// The counter overflows on covered tiers only: other draws are not its business.
std::optional<DrawnAccess> MissSampler::draw(const Machine& machine) {
  while (true) {
    const auto drawn = machine.draw_miss(random_);
    if (!drawn || (settings_.tiers >> drawn->tier & 1U) != 0) return drawn;
  }
}

void MissSampler::sample(Machine& machine, double events, double& due, double period, bool stores,
                         double length) {
  if (period <= 0) return;
  due += events / period;
  const std::uint64_t taken = take_whole(due);
  const auto most = static_cast<std::uint64_t>(std::ceil(settings_.most_per_second * length));
  counters_.taken += taken;
  counters_.lost += taken > most ? taken - most : 0;
  for (std::uint64_t n = std::min(taken, most); n > 0; --n) {
    // Loads and stores are separate events, each with its own period; a draw of the other kind is none.
    const auto drawn = draw(machine);
    if (!drawn || drawn->store != stores) continue;
    ++counters_.delivered;
    samples_.push_back(sampled(*drawn, period));
    machine.interfere(drawn->target, seconds(settings_.price));
  }
}

void MissSampler::on_segment(Machine& machine, const Segment& segment) {
  double covered = 0;
  for (int t = 0; t < machine.tiers(); ++t)
    if ((settings_.tiers >> t & 1U) != 0) covered += machine.miss_rate_of_tier(t);
  const double length = seconds(segment.length), events = covered * length;
  if (events <= 0) return;
  sample(machine, events, due_, settings_.period, false, length);
  sample(machine, events, due_stores_, settings_.store_period, true, length);
}

std::vector<SampledAccess> MissSampler::take() { return std::exchange(samples_, {}); }

double touch_probability(const Machine& machine, Region region, Nanoseconds window) {
  const bool huge = machine.pages_of(region) == PageKind::kHuge;
  const Bytes page = huge ? machine.description().huge_page : machine.description().small_page;
  const double pages =
      std::max(1.0, static_cast<double>(machine.region_size().value) / static_cast<double>(page.value));
  return 1 - std::exp(-machine.miss_rate(region) / pages * seconds(window));
}

void HintFaults::unmap(const Machine& machine, Region region) {
  std::exponential_distribution<double> touches(1);
  const auto known =
      std::find_if(waiting_.begin(), waiting_.end(), [&](const Waiting& w) { return w.region == region; });
  const Waiting fresh{region, machine.now(), touches(random_)};
  if (known != waiting_.end()) {
    *known = fresh;
  } else {
    waiting_.push_back(fresh);
  }
}

void HintFaults::on_segment(Machine& machine, const Segment& segment) {
  const double length = seconds(segment.length);
  std::size_t kept = 0;
  for (Waiting& waiting : waiting_) {
    if (machine.tier_of(waiting.region) == kNowhere) continue;
    const double rate = machine.miss_rate(waiting.region);
    const double touches = rate * length;
    if (touches < waiting.touches_left) {
      waiting.touches_left -= touches;
      waiting_[kept++] = waiting;
      continue;
    }
    const Nanoseconds after{static_cast<std::int64_t>(waiting.touches_left / rate * 1e9)};
    faults_.push_back({waiting.region, waiting.since, segment.start + after});
    machine.interfere(machine.target_of(waiting.region), seconds(price_));
  }
  waiting_.resize(kept);
}

std::vector<HintFault> HintFaults::take() { return std::exchange(faults_, {}); }

}  // namespace tier::sim
