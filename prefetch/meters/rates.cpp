#include "prefetch/meters/rates.h"

#include <algorithm>
#include <cstring>
#include <tl/expected.hpp>

namespace tier {
namespace {

using Verdict = tl::expected<double, RateRefusal>;

// What no machine reaches, so that a wrapped, forged or misread counter shows. Far above what there is: a
// bound that bites is worse than none. Time gets twice what can pass, since samples estimate it and files are
// read a little after their time is noted.
constexpr double kTime = 2e9;           // ns per second, of one CPU or of the node's wall clock
constexpr double kCycleBound = 1e10;    // no CPU clocks at 10 GHz
constexpr double kInstructions = 2e11;  // nor retires 20 instructions a cycle at that
constexpr double kBytes = 1e14;         // 100 TB/s: fifty times the HBM of a socket
constexpr double kEvents = 1e12;        // pages or faults: one in a picosecond

double bound(const CounterReading& reading, std::uint32_t cpus) {
  switch (reading.signal) {
    case Signal::kInstructions:
      return kInstructions;
    case Signal::kCycles:
      return kCycleBound;
    case Signal::kUserTime:
    case Signal::kSampledStall:
      return reading.unit == kWholeNode ? kTime * std::max(cpus, 1U) : kTime;
    case Signal::kMemoryStall:
    case Signal::kIoStall:
      return kTime;
    case Signal::kRefaults:
    case Signal::kMajorFaults:
    case Signal::kSwapIns:
    case Signal::kSwapReadahead:
    case Signal::kSwapReadaheadHits:
      return kEvents;
    default:
      return kBytes;
  }
}

// What the count is to be multiplied by for the time in which the counter did not count.
Verdict scale(const CounterReading& before, const CounterReading& now, double min_running) {
  if (now.enabled.count() == 0 && now.running.count() == 0) return 1.0;
  if (now.enabled < before.enabled || now.running < before.running)
    return tl::make_unexpected(RateRefusal::kBackwards);
  const double enabled = seconds(now.enabled) - seconds(before.enabled);
  const double running = seconds(now.running) - seconds(before.running);
  if (running <= 0 || running < min_running * enabled) return tl::make_unexpected(RateRefusal::kMultiplexed);
  return std::max(1.0, enabled / running);
}

Verdict rate_of(const CounterReading& before, const CounterReading& now, Nanoseconds max_age,
                const RateSettings& settings) {
  if (now.at - before.at > max_age) return tl::make_unexpected(RateRefusal::kStale);
  if (now.value < before.value) return tl::make_unexpected(RateRefusal::kBackwards);
  const Verdict factor = scale(before, now, settings.min_running);
  if (!factor) return factor;
  const double rate = static_cast<double>(now.value - before.value) * *factor / seconds(now.at - before.at);
  // Written so that what is no number is refused too.
  if (!(rate <= bound(now, settings.cpus))) return tl::make_unexpected(RateRefusal::kAbsurd);
  return rate;
}

}  // namespace

const char* to_string(RateRefusal refusal) {
  static constexpr std::array<const char*, kRateRefusals> kNames = {
      "first reading", "stale", "went backwards", "absurd", "multiplexed", "missing"};
  return kNames[static_cast<std::size_t>(refusal)];
}

std::vector<MeterReadings> read_all(std::span<const std::unique_ptr<Meter>> meters) {
  std::vector<MeterReadings> all;
  all.reserve(meters.size());
  for (const auto& meter : meters) all.push_back({meter->name(), meter->read()});
  return all;
}

void SignalRates::take(std::span<const MeterReadings> all, Nanoseconds now, Nanoseconds interval) {
  const Nanoseconds max_age = settings_.max_age.count() > 0 ? settings_.max_age : 2 * interval;
  static const MeterReadings kNone;
  for (std::size_t i = 0; i < kSignals; ++i) {
    const auto signal = static_cast<Signal>(i);
    const auto gives = [signal](const MeterReadings& meter) {
      return std::any_of(meter.readings.begin(), meter.readings.end(),
                         [signal](const CounterReading& reading) { return reading.signal == signal; });
    };
    const auto from = std::find_if(all.begin(), all.end(), gives);
    take_signal(signal, from == all.end() ? kNone : *from, now, interval, max_age);
  }
}

void SignalRates::take_signal(Signal signal, const MeterReadings& from, Nanoseconds now, Nanoseconds interval,
                              Nanoseconds max_age) {
  State& state = states_[static_cast<std::size_t>(signal)];
  if (std::strcmp(state.meter, from.meter) != 0 && from.meter[0] != '\0') state.last.clear();
  if (from.meter[0] != '\0') state.meter = from.meter;
  state.rates.clear(), state.sum.reset();
  std::map<std::uint32_t, CounterReading> given;
  for (const CounterReading& reading : from.readings)
    if (reading.signal == signal) given.try_emplace(reading.unit, reading);
  std::uint64_t missing = 0;
  for (auto it = state.last.begin(); it != state.last.end();) {
    const bool gone = !given.contains(it->first);
    missing += gone;
    it = gone ? state.last.erase(it) : std::next(it);
  }
  state.refused[static_cast<std::size_t>(RateRefusal::kMissing)] += missing;
  for (const auto& [unit, reading] : given) take_reading(state, reading, now, interval, max_age);
  if (missing > 0 || given.empty() || state.rates.size() < given.size()) return;
  state.sum = 0;
  for (const auto& [unit, rate] : state.rates) *state.sum += rate;
}

void SignalRates::take_reading(State& state, const CounterReading& reading, Nanoseconds now,
                               Nanoseconds interval, Nanoseconds max_age) {
  const auto refuse = [&state](RateRefusal reason) { ++state.refused[static_cast<std::size_t>(reason)]; };
  // Who notes the time of a tick before it reads has readings a little ahead of it. What is far ahead is not
  // kept: until that time came every sound reading would look old beside it.
  if (reading.at > now + interval || reading.at.count() < 0) return refuse(RateRefusal::kAbsurd);
  const auto before = state.last.find(reading.unit);
  if (before != state.last.end() && reading.at <= before->second.at) return refuse(RateRefusal::kStale);
  if (before == state.last.end()) {
    state.last.emplace(reading.unit, reading);
    return refuse(RateRefusal::kFirst);
  }
  const Verdict rate = now - reading.at > max_age ? tl::make_unexpected(RateRefusal::kStale)
                                                  : rate_of(before->second, reading, max_age, settings_);
  before->second = reading;
  if (!rate) return refuse(rate.error());
  state.rates[reading.unit] = *rate;
}

std::optional<double> SignalRates::rate(Signal signal, std::uint32_t unit) const {
  const auto& rates = of(signal).rates;
  const auto it = rates.find(unit);
  return it == rates.end() ? std::nullopt : std::optional(it->second);
}

std::uint64_t SignalRates::refused(Signal signal, RateRefusal reason) const {
  return of(signal).refused[static_cast<std::size_t>(reason)];
}

std::uint64_t SignalRates::refused(Signal signal) const {
  std::uint64_t all = 0;
  for (std::size_t i = 0; i < kRateRefusals; ++i)
    if (static_cast<RateRefusal>(i) != RateRefusal::kFirst) all += of(signal).refused[i];
  return all;
}

}  // namespace tier
