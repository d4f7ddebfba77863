// A meter whose counters a test moves.
#pragma once

#include <map>
#include <set>
#include <string>
#include <utility>

#include "core/clock.h"
#include "platform/api/meter.h"

namespace tier {

class FakeMeter final : public Meter {
 public:
  using Counter = std::pair<Signal, std::uint32_t>;  // and unit

  // The clock must outlive it.
  explicit FakeMeter(const Clock& clock, std::string name = "fake") : clock_(clock), name_(std::move(name)) {}

  const char* name() const override { return name_.c_str(); }
  std::vector<CounterReading> read() override {
    if (!frozen) at_ = clock_.now();
    std::vector<CounterReading> out;
    for (const auto& [counter, value] : values) {
      if (unknown.contains(counter)) continue;
      CounterReading reading;
      reading.signal = counter.first, reading.unit = counter.second;
      reading.value = value, reading.at = at_;
      reading.enabled = enabled, reading.running = running;
      out.push_back(reading);
    }
    return out;
  }
  void add(Signal signal, std::uint64_t amount, std::uint32_t unit = kWholeNode) {
    values[{signal, unit}] += amount;
  }

  std::map<Counter, std::uint64_t> values;
  std::set<Counter> unknown;         // cannot be read now
  Nanoseconds enabled{}, running{};  // of all
  bool frozen = false;               // read by nobody anew: `at` stands still

 private:
  const Clock& clock_;
  std::string name_;
  Nanoseconds at_{};
};

}  // namespace tier
