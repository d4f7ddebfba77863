// tierd itself as a policy on a simulated machine: the daemon's engine and migrator, linked, not rewritten.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "migrator/migrator.h"
#include "predictor/network/learned.h"
#include "sim/host/platform.h"
#include "sim/policies/policy.h"
#include "tierd/daemon/engine.h"

namespace tier::sim {

struct TierdSettings {
  EngineSettings engine;
  MigratorSettings migrator;
  StallSamplingSettings sampling;
  Nanoseconds bits_every{};                 // see SimulatedStallSource
  std::shared_ptr<const NamedModel> model;  // of the forecaster "learned"; null: the switch alone
  // The daemon's own work of one tick takes no time here; `tools/bench` has its cost.
};

// As installed, in act mode. Sampling: the kernel's tick of 250 Hz on every busy CPU, thinned to what 1 % of
// a CPU pays for at 5 us a sample (docs/benchmarks.md, sampling-price).
TierdSettings default_tierd();
// Overrides by name, for sweeps: horizon_s, interval_s, longest_s, rate_mib_s, samples_per_second,
// bits_every_s, cooldown_s, event_path, promotion_caution, demotion_caution. kUsage lists the names.
Result<TierdSettings> tierd_with(const PolicySettingsMap& overrides);

class TierdPolicy final : public TieringPolicy {
 public:
  // `known`: workloads of the machine, whose future is then known instead of forecast; see foresight.h.
  TierdPolicy(TierdSettings settings, std::uint64_t seed, std::vector<WorkloadFactory> known = {})
      : settings_(std::move(settings)), seed_(seed), known_(std::move(known)) {}
  ~TierdPolicy() override;
  void start(Machine& machine) override;
  Nanoseconds step(Machine& machine) override;

  const Engine& engine() const { return *engine_; }

 private:
  TierdSettings settings_;
  std::uint64_t seed_;
  std::vector<WorkloadFactory> known_;
  std::unique_ptr<SimulatedPlatform> platform_;
  std::shared_ptr<ManualExecutor> executor_;
  std::unique_ptr<Migrator> migrator_;
  std::unique_ptr<Engine> engine_;
  Nanoseconds look_every() const { return settings_.engine.interval / 10; }  // as the daemon's loop

  Nanoseconds next_tick_{}, next_look_{};
  std::optional<Nanoseconds> next_move_;  // none: until the next tick there is nothing to move
};

// The table's lines for it: "tierd" as installed, and one more for every forecaster worth comparing with it.
std::vector<PolicyEntry> tierd_entries();

}  // namespace tier::sim
