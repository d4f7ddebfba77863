#include "predictor/event_path.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <utility>

namespace tier {
namespace {

constexpr std::size_t kWays = 8;
constexpr double kTenth =
    1.2816;  // standard deviations to the 0.1 and 0.9 quantiles of a normal distribution
constexpr std::size_t kMostCrossed = 4096;

}  // namespace

EventPath::EventPath(EventPathSettings settings)
    : settings_(settings), entries_(std::bit_ceil(std::max(settings.capacity, kWays))) {}

std::size_t EventPath::set_of(const RegionKey& key) const {
  return static_cast<std::size_t>(mixed(key)) & (entries_.size() - 1) & ~(kWays - 1);
}

double EventPath::kept(const Entry& entry, Nanoseconds now) const {
  return now > entry.at ? std::exp(-seconds(now - entry.at) / seconds(settings_.leak)) : 1;
}

const EventPath::Entry* EventPath::find(const RegionKey& key) const {
  const std::size_t set = set_of(key);
  for (std::size_t i = set; i < set + kWays; ++i)
    if (entries_[i].key == key && entries_[i].samples > 0) return &entries_[i];
  return nullptr;
}

// Where its set is full, in the place of the one with least left: what is hot stays, whatever passes by.
EventPath::Entry& EventPath::find_or_replace(const RegionKey& key, Nanoseconds now) {
  const std::size_t set = set_of(key);
  std::size_t least = set;
  double least_left = 1e300;
  for (std::size_t i = set; i < set + kWays; ++i) {
    if (entries_[i].key == key) return entries_[i];
    const double left = entries_[i].samples * kept(entries_[i], now);
    if (left < least_left) least = i, least_left = left;
  }
  entries_[least] = {key, now, 0, 0, 0, false};
  return entries_[least];
}

void EventPath::add(const RegionKey& key, const AccessSample& sample) {
  Entry& entry = find_or_replace(key, sample.time);
  const auto left = static_cast<float>(kept(entry, sample.time));
  entry.at = std::max(entry.at, sample.time);
  entry.samples *= left, entry.stall *= left, entry.accesses *= left;
  if (entry.samples < settings_.threshold / 2) entry.fired = false;
  entry.samples += 1;
  (sample.meaning == WeightMeaning::kStall ? entry.stall : entry.accesses) +=
      static_cast<float>(sample.weight);
  if (entry.fired || entry.samples < settings_.threshold) return;
  entry.fired = true;
  if (crossed_.size() < kMostCrossed) crossed_.push_back(key);
}

std::vector<RegionKey> EventPath::take_crossed() { return std::exchange(crossed_, {}); }

std::optional<DemandQuantiles> EventPath::rate(const RegionKey& key, Nanoseconds now,
                                               Nanoseconds latency) const {
  const Entry* entry = find(key);
  if (entry == nullptr || latency.count() <= 0) return std::nullopt;
  const double left = kept(*entry, now);
  const double accesses = left * (entry->accesses + entry->stall / seconds(latency));
  const double mean = accesses / seconds(settings_.leak);
  // Variance of Poisson samples through an exponential window: half their mean.
  const double scatter = kTenth / std::sqrt(2 * std::max(left * entry->samples, 1e-9));
  return DemandQuantiles{static_cast<float>(mean * std::max(0.0, 1 - scatter)), static_cast<float>(mean),
                         static_cast<float>(mean * (1 + scatter))};
}

std::size_t EventPath::bytes_used() const {
  return entries_.capacity() * sizeof(Entry) + crossed_.capacity() * sizeof(RegionKey);
}

}  // namespace tier
