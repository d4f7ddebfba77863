// History in, demand forecast out.
#pragma once

#include <cstddef>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "core/forecast.h"
#include "core/node_context.h"
#include "core/region.h"

namespace tier {

// How much one part of the node's or the workload's context counted in a forecast.
struct Attention {
  std::string token;  // "tier 1", "power", "workload -16"
  double weight = 0;
};

// Sees every snapshot once, in order. The quantiles are of the demand itself, not of what so few samples
// will show of it. Not thread-safe.
class Forecaster {
 public:
  virtual ~Forecaster() = default;
  virtual std::string name() const = 0;
  // The state of the node in the tick that is forecast next. Optional; without it nothing is known of it.
  virtual void observe(const NodeContext& /*node*/) {}
  // Forecasts for every region of the snapshot, in its order.
  virtual ForecastSet forecast(const RegionSnapshot& snapshot) = 0;
  // One bounded step, about 20 ms, of work that can wait for idle time between ticks. False: nothing is left
  // to do.
  virtual bool idle_work() { return false; }
  virtual std::size_t bytes_used() const = 0;  // heap memory
  // Where it chooses between others: whom it follows now, by horizon. Else empty.
  virtual std::vector<std::string> leaders() const { return {}; }
  // Where it heeds a context: what of it, and how much, 0..1, together 1. Else empty.
  virtual std::vector<Attention> attention() const { return {}; }
};

struct ForecasterEntry {
  const char* name;         // as in the configuration
  const char* description;  // one sentence, for people
  std::function<std::unique_ptr<Forecaster>()> make;
};

// Every forecaster there is. A new one is one file and one line here.
std::span<const ForecasterEntry> forecaster_table();
// What every other one is measured against, and what takes over from one that does not earn its keep.
inline constexpr const char* kReactiveForecaster = "exponential-average";
inline constexpr const char* kLearnedForecaster = "learned";
std::unique_ptr<Forecaster> make_forecaster(const std::string& name);  // null when unknown

}  // namespace tier
