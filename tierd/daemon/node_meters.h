// The meters that run in the daemon, started once and read for everyone: their rates feed the engine, and
// through it the policy and the forecaster, whatever is armed; prefetch control reads the same counters.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "core/clock.h"
#include "platform/api/machine.h"
#include "platform/api/meter.h"
#include "prefetch/meters/rates.h"

namespace tier {

struct NodeMetersSettings {
  Nanoseconds interval = std::chrono::seconds(1);  // between two ticks of the engine
  std::uint32_t cpus = 1;                          // of the node; bounds what is believed
  // A meter that is refused is tried again after this time, then after twice that and so on, up to the most:
  // a server may not be up yet, a file system not mounted, a right not given. Some tries cost milliseconds.
  Nanoseconds retry = std::chrono::minutes(1), most_retry = std::chrono::hours(1);
};

struct NodeMetersParts {
  const Clock& clock;
  std::vector<MeterEntry> table;    // in order of precedence
  MetricReader* sensors = nullptr;  // what meters do not have: power, temperature
};

// References must outlive it. Not thread-safe.
class NodeMeters final : public MetricReader {
 public:
  // Starts the meters that need no actuator.
  NodeMeters(NodeMetersParts parts, const NodeMetersSettings& settings);

  // Once per tick of the engine. Rates are over the time since the last call, by the rules of SignalRates: a
  // counter that is stale, goes backwards, is absurd, multiplexed or missing gives none. Of several meters
  // that give a figure the first one with a sound rate counts.
  MachineReadings read() override;

  // Meters that these prefetch actuators need are started too, all others that need one are stopped.
  void serve(const std::set<std::string>& actuators);
  // Reads every meter that runs, now.
  std::vector<MeterReadings> read_meters();

  // One for each row of the table.
  std::vector<MeterDecision> meters() const override;

 private:
  struct Row {
    MeterEntry entry;
    std::unique_ptr<Meter> meter;  // null: it does not run
    std::string refusal;           // why the last try failed
    Nanoseconds retry_at{}, delay{};
    std::vector<CounterReading> latest;
    SignalRates rates{RateSettings{}};
    std::optional<Nanoseconds> delivered;  // when it last gave a sound rate
    std::optional<RateRefusal> refused;    // what most of its counters gave instead of one, in the last tick
  };
  bool wanted(const Row& row) const;
  void start_wanted();
  void start(Row& row, Nanoseconds now) const;
  void take(Row& row, Nanoseconds now, Nanoseconds passed);
  std::string silence_of(const Row& row) const;
  std::optional<double> rate(Signal signal) const;
  std::vector<NodeTraffic> memory_traffic() const;

  NodeMetersParts parts_;
  NodeMetersSettings settings_;
  std::vector<Row> rows_;
  std::set<std::string> actuators_;
  Nanoseconds now_{};                        // of the last read() or start
  std::optional<Nanoseconds> read_, taken_;  // when meters were read last; when rates were made of it
};

}  // namespace tier
