// Prefetching under shared bandwidth: what the settings of some scopes do to all of them (docs/simulator.md,
// "Prefetchers under shared bandwidth").
#pragma once

#include <array>
#include <cstddef>
#include <optional>
#include <span>
#include <vector>

#include "prefetch/tuner/feedback.h"

namespace tier::sim {

struct PrefetchScopeState {
  AccessPattern pattern = AccessPattern::kUnknown;
  std::optional<double> slow_share;  // of its stall; none where it does not stall or has no tiers
  double progress = 0;               // work per second, exact
  double weight = 0;                 // share of the node's activity
};

// What holds while nothing changes: exact, without a meter's noise.
struct PrefetchState {
  double progress = 0;  // of all scopes together
  std::optional<double> fast_use, slow_use;
  std::vector<PrefetchScopeState> scopes;
};

// Some scopes at work. All have the same settings to choose from; 0 is the default.
class PrefetchModel {
 public:
  virtual ~PrefetchModel() = default;
  virtual std::size_t scopes() const = 0;
  virtual std::size_t settings() const = 0;
  // Which scopes do the same kind of work: numbers from 0, one for each scope.
  virtual const std::vector<std::size_t>& kinds() const = 0;
  // `settings`: one for each scope. `intensity`: how much more than usual everybody asks of memory, 1 is
  // usual. The same for the same arguments, whatever was asked before.
  virtual PrefetchState solve(std::span<const std::size_t> settings, double intensity) const = 0;
};

// --- hardware prefetchers of cores over two tiers ------------------------------------------------------

struct PrefetchTier {
  double latency = 0;    // seconds, of one access while nobody else is there
  double bandwidth = 0;  // bytes per second that are sustained: 75 to 85 % of the theoretical peak (McCalpin)
  double queueing = 0;   // the share of `latency` that requests queue for
};

// latency · (1 + queueing · use / (1 - use)): the mean wait of an M/M/1 queue for the part that is shared.
// `use` from 0; it is cut off at kMostUse.
double loaded_latency(const PrefetchTier& tier, double use);
constexpr double kMostUse = 0.999;

// What a group of prefetchers does to a program, all relative to the demand misses there are without it.
struct Prefetcher {
  double coverage = 0;   // of the misses, fetched before they are asked for; 0..1
  double waste = 0;      // lines fetched and never used, per miss
  double pollution = 0;  // misses more, of lines that prefetched ones have evicted, per miss
};

struct PrefetchWorkload {
  AccessPattern pattern = AccessPattern::kUnknown;
  double rate = 0;        // instructions per second while nothing waits
  double misses = 0;      // of the last-level cache, per instruction, without prefetchers
  double slow_share = 0;  // of the misses, served by the slow tier
  double parallel = 1;    // misses in flight together (memory-level parallelism)
  double writes = 0;      // lines written back per line fetched on demand
  double lead = 0;        // how much earlier than demand prefetches are sent, in unloaded latencies
  double activity = 1;    // share of the time in which the program runs; 0: the scope is idle
  Prefetcher l1, l2;
};

// Settings: 0 all prefetchers on, 1 those of L2 off, 2 all off, as prefetch/controls/control.cpp makes them.
class HardwareModel final : public PrefetchModel {
 public:
  // tiers: the fast one, the slow one. kinds: as many as workloads.
  HardwareModel(std::array<PrefetchTier, 2> tiers, std::vector<PrefetchWorkload> workloads,
                std::vector<std::size_t> kinds);
  std::size_t scopes() const override { return workloads_.size(); }
  std::size_t settings() const override { return 3; }
  const std::vector<std::size_t>& kinds() const override { return kinds_; }
  PrefetchState solve(std::span<const std::size_t> settings, double intensity) const override;

 private:
  std::array<PrefetchTier, 2> tiers_;
  std::vector<PrefetchWorkload> workloads_;
  std::vector<std::size_t> kinds_;
};

}  // namespace tier::sim
