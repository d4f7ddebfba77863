// A daemon made of canned views, for the tests of the server, of tierctl and of the rendering. Every field
// that a table shows has a telling value.
#pragma once

#include <string>
#include <vector>

#include "tierd/control/backend.h"

namespace tier {

class FakeBackend : public ControlBackend {
 public:
  // Rows belong to `owner` (pid 4100) and to uid 4242 (pid 4200).
  explicit FakeBackend(std::uint32_t owner = 0);

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

  void add_event(const std::string& kind, std::int32_t pid, std::int64_t uid, const std::string& message);

  bool paused = false;
  bool blind = false;
  std::uint64_t tick = 100;           // of the snapshot; a test that counts it up publishes it
  bool nobody_is_there = false;       // in snapshots
  std::vector<Caller> control_calls;  // pause, resume, reload, orders to prefetch
  std::string prefetch_state = "armed";
  bool restore_fails = false;  // of one knob of two
  Result<ConfigView> reload_answer = ConfigView{};

 private:
  std::uint32_t owner_;
  std::vector<Event> events_;
};

}  // namespace tier
