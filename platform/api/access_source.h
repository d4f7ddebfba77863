// Where access samples come from. One interface for hardware sampling, stall sampling, DAMON and faults.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <vector>

#include "core/access_sample.h"
#include "core/result.h"
#include "core/target.h"

namespace tier {

// Not thread-safe: one thread calls all methods. Callers start(), then set_targets() whenever the set
// changes, collect() each tick.
class AccessSource {
 public:
  virtual ~AccessSource() = default;

  // As in SourceDecision: "hardware", "stall", "damon", "faults".
  virtual std::string name() const = 0;

  // Loads and attaches. Fails with kUnsupported (naming the missing feature and the first kernel with it) or
  // kPermission.
  virtual Result<void> start() = 0;

  // Replaces the set of watched processes. Samples of processes not in it are counted as foreign and never
  // delivered.
  virtual Result<void> set_targets(std::span<const Target> targets) = 0;

  // The processes' current mappings, for sources that watch ranges (DAMON). Others ignore it.
  virtual Result<void> set_ranges(TargetId, std::span<const Mapping>) { return {}; }

  // Drains what has arrived since the last call. Never blocks.
  virtual Result<SampleBatch> collect() = 0;

  // Seconds of stall a second that better placement could still save: what a source that can take more
  // samples at a price weighs that price against. 0 until told. Others ignore it.
  virtual void set_stake(double) {}

  // The share of its budgets, above 0 to 1, that the source may use from now on. Others ignore it.
  virtual void set_budget_share(double) {}

  virtual SourceStatus status() const = 0;

  // What a source that works delivers, so that a dead one can be told from programs that rest. Samples per
  // second of CPU time that targets use in user mode; 0: their number does not follow it.
  virtual double samples_per_cpu_second() const { return 0; }
  // Longest time between two deliveries while targets run; none: the source does not show pages in use.
  virtual std::optional<Nanoseconds> longest_silence() const { return Nanoseconds(0); }

  // Detaches; idempotent; called by the destructor too.
  virtual void stop() = 0;
};

}  // namespace tier
