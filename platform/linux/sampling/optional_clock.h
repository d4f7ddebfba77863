// The clock event beside the tick: not permitted everywhere, not wanted always, and not used before its price
// is known.
#pragma once

#include <functional>
#include <optional>
#include <string>

#include "core/clock.h"
#include "core/result.h"
#include "core/units.h"
#include "platform/linux/sampling/refusal.h"

namespace tier {

class OptionalClock {
 public:
  // What it drives; tests hand in their own.
  struct Machine {
    std::function<Result<void>(double frequency)> set_frequency;  // of an event on each CPU, Hz; 0: none
    // One step of measuring what an extra interrupt costs: nothing as long as more steps are needed.
    std::function<Result<std::optional<Nanoseconds>>()> measure_price;
    std::function<PermissionFacts()> facts;
  };

  // `clock` must outlive this.
  OptionalClock(Machine machine, const Clock& clock) : machine_(std::move(machine)), clock_(clock) {}

  // Wants events of `frequency`. The first wishes measure the price instead, a step each. A refusal is kept,
  // and asked again only once the facts that decide on it have changed (looked at every ten seconds) or ten
  // minutes are over. True when the frequency has changed.
  bool request(double frequency);

  // Events of `frequency` at once, at whatever price: for a source that has nothing else to sample with.
  Result<void> require(double frequency);

  double frequency() const { return frequency_; }
  std::optional<Nanoseconds> price() const { return price_; }
  // Why there is none, one sentence without its full stop; empty while there is no refusal.
  const std::string& refusal() const { return refusal_; }

 private:
  bool may_try();
  bool refused(const Error& error);

  Machine machine_;
  const Clock& clock_;
  double frequency_ = 0;
  std::optional<Nanoseconds> price_;
  std::string refusal_;
  PermissionFacts refused_with_;
  Nanoseconds refused_at_{}, looked_at_{};
};

}  // namespace tier
