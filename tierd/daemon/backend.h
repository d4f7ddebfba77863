// The daemon's side of the control socket: answers views from the engine and passes orders to it.
#pragma once

#include <functional>
#include <string>

#include "tierd/config/loader.h"
#include "tierd/control/backend.h"
#include "tierd/daemon/engine.h"
#include "tierd/daemon/prefetch_desk.h"

namespace tier {

// Called on the event loop's thread, between ticks.
class DaemonBackend final : public ControlBackend {
 public:
  // `load` reads the configuration again, `doctor` looks at the machine again; `prefetch`: null where
  // prefetching is not controlled; `in_force` is told of each configuration that a reload has put in force.
  // All must outlive the backend. `model_refusal`: why the learned forecaster's model is not used; empty: it
  // is read.
  DaemonBackend(Engine& engine, LoadedConfig config, std::function<Result<LoadedConfig>()> load,
                std::function<DoctorView(const Engine&)> doctor, std::string version,
                PrefetchDesk* prefetch = nullptr, std::function<void(const Config&)> in_force = {},
                std::string model_refusal = {})
      : engine_(engine),
        start_(config),
        config_(std::move(config)),
        load_(std::move(load)),
        doctor_(std::move(doctor)),
        version_(std::move(version)),
        prefetch_(prefetch),
        in_force_(std::move(in_force)),
        model_refusal_(std::move(model_refusal)) {}

  Result<StatusView> status(const Caller&) override;
  Result<DoctorView> doctor(const Caller&) override;
  Result<NodesView> nodes(const Caller&) override;
  Result<TopView> top(const Caller&, const TopQuery&) override;
  Result<HeatmapView> heatmap(const Caller&, const HeatmapQuery&) override;
  Result<ForecastView> forecast(const Caller&) override;
  Result<SnapshotView> snapshot(const Caller&, const SnapshotQuery&) override;
  Result<ExplainView> explain(const Caller&, const ExplainQuery&) override;
  Result<EventsView> events(const Caller&, const EventsQuery&) override;
  Result<ConfigView> config_show(const Caller&) override;
  Result<void> pause(const Caller&) override;
  Result<void> resume(const Caller&) override;
  Result<ConfigView> reload(const Caller&) override;
  Result<PrefetchView> prefetch(const Caller&) override;
  Result<PrefetchExplainView> prefetch_explain(const Caller&, const PrefetchExplainQuery&) override;
  Result<PrefetchWritesView> prefetch_arm(const Caller&, bool dry_run) override;
  Result<PrefetchWritesView> prefetch_disarm(const Caller&) override;
  Result<PrefetchWritesView> prefetch_restore(const Caller&) override;

  // What SIGHUP does; `actor` is for the event that tells of it, be it refused or not.
  Result<void> reload_as(const std::string& actor);

 private:
  Result<std::vector<std::string>> read_again();
  Result<void> apply(const LoadedConfig& loaded);
  Error uncontrolled() const;

  Engine& engine_;
  const LoadedConfig start_;
  LoadedConfig config_;               // in force
  std::vector<std::string> waiting_;  // keys whose values in the files differ, until a restart
  std::function<Result<LoadedConfig>()> load_;
  std::function<DoctorView(const Engine&)> doctor_;
  std::string version_;
  PrefetchDesk* prefetch_;
  std::function<void(const Config&)> in_force_;
  std::string model_refusal_;
};

}  // namespace tier
