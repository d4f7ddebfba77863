// From counters to rates per second: what may be believed of what the meters read, and what may not.
#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <vector>

#include "platform/api/meter.h"

namespace tier {

// Why a counter gives no rate in this interval.
enum class RateRefusal : std::uint8_t {
  kFirst,      // there is nothing to compare it with yet
  kStale,      // not read anew, too old, or the time since the reading before it is too long
  kBackwards,  // wrapped or reset
  kAbsurd,  // more than the signal can be, or read more than an interval ahead of now, or before time began
  kMultiplexed,  // counted for too little of the interval
  kMissing,      // was there the last time
};
inline constexpr std::size_t kRateRefusals = 6;
const char* to_string(RateRefusal);

struct RateSettings {
  std::uint32_t cpus = 1;  // of the node: bounds the time that can pass in programs
  // Of a reading, and of the time that a rate covers. Zero: two intervals.
  Nanoseconds max_age{};
  // Least share of the time asked for that a counter must have counted. Above it the count is scaled up;
  // below it is a guess.
  double min_running = 0.9;
};

// What one meter read in one tick.
struct MeterReadings {
  const char* meter = "";
  std::vector<CounterReading> readings;
};

// In the order of `meters`, which is their precedence.
std::vector<MeterReadings> read_all(std::span<const std::unique_ptr<Meter>> meters);

// Rates over the interval that has just ended. Of several meters that give a signal the first one counts, for
// the whole signal: units of different meters would be added twice. When that one changes, the signal begins
// anew. Memory is bounded by the readings of one tick.
class SignalRates {
 public:
  explicit SignalRates(const RateSettings& settings) : settings_(settings) {}

  // `interval`: the time since the last take(), or the one that is configured.
  void take(std::span<const MeterReadings> all, Nanoseconds now, Nanoseconds interval);

  // Per second, all units together. None unless every unit that is there, or was there the last time, has a
  // sound reading.
  std::optional<double> rate(Signal signal) const { return of(signal).sum; }
  std::optional<double> rate(Signal signal, std::uint32_t unit) const;
  // Units with a sound reading.
  const std::map<std::uint32_t, double>& by_unit(Signal signal) const { return of(signal).rates; }
  // Meter whose readings of the signal were taken last; "": none gives it.
  const char* meter(Signal signal) const { return of(signal).meter; }

  std::uint64_t refused(Signal signal, RateRefusal reason) const;
  // All but first readings: of these every counter has one.
  std::uint64_t refused(Signal signal) const;

 private:
  struct State {
    const char* meter = "";
    std::map<std::uint32_t, CounterReading> last;
    std::map<std::uint32_t, double> rates;
    std::optional<double> sum;
    std::array<std::uint64_t, kRateRefusals> refused{};
  };
  const State& of(Signal signal) const { return states_[static_cast<std::size_t>(signal)]; }
  void take_signal(Signal signal, const MeterReadings& from, Nanoseconds now, Nanoseconds interval,
                   Nanoseconds max_age);
  void take_reading(State& state, const CounterReading& reading, Nanoseconds now, Nanoseconds interval,
                    Nanoseconds max_age);

  RateSettings settings_;
  std::array<State, kSignals> states_;
};

}  // namespace tier
