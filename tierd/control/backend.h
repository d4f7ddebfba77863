// What the control server asks of the daemon. The daemon implements it, tests fake it.
#pragma once

#include <cstdint>
#include <string>

#include "core/result.h"
#include "tierd/control/views.h"

namespace tier {

// Who is at the other end of the socket, as the kernel says (SO_PEERCRED).
struct Caller {
  std::uint32_t uid = 0, gid = 0;
  std::int32_t pid = 0;
  bool privileged = false;  // root or member of the control group
};

struct TopQuery {
  std::uint32_t limit = 0;  // rows; 0 = all
};

struct HeatmapQuery {
  std::int32_t pid = 0;          // 0 = all
  std::uint32_t max_rows = 256;  // regions, the most demanded first, 1..4096
  std::uint32_t max_ticks = 60;  // columns, 1..512; rows × ticks at most 65536
};

struct SnapshotQuery {
  std::uint64_t since = 0;  // tick; an answer about this one or an earlier one need not be filled
  bool held = false;        // tell what the processes hold
  // Of all targets together: the most demanded regions; whole lists of what a process holds. About 3 MiB of
  // JSON.
  std::size_t max_regions = 16384, max_runs = 16384;
};

struct ExplainQuery {
  std::int32_t pid = 0;
  std::uint64_t address = 0;
};

struct PrefetchExplainQuery {
  std::string control;  // "core 3"
};

struct EventsQuery {
  std::uint64_t since = 0;     // sequence; 0 = all that is kept
  std::uint32_t limit = 1000;  // events per reply
};

// All calls come from the event loop's thread, between ticks. Limits of heatmap and top count rows that the
// caller may see (may_see in redact.h); the server removes by uid whatever a view carries beyond that. pause,
// resume, reload and the orders to prefetch are called for privileged callers only. Errors come back as Error
// (kinds map to tierctl's exit codes).
class ControlBackend {
 public:
  virtual ~ControlBackend() = default;
  virtual Result<StatusView> status(const Caller&) = 0;
  virtual Result<DoctorView> doctor(const Caller&) = 0;
  virtual Result<NodesView> nodes(const Caller&) = 0;
  virtual Result<TopView> top(const Caller&, const TopQuery&) = 0;
  virtual Result<HeatmapView> heatmap(const Caller&, const HeatmapQuery&) = 0;
  virtual Result<ForecastView> forecast(const Caller&) = 0;
  // With a tick at or before query.since nothing but the tick counts.
  virtual Result<SnapshotView> snapshot(const Caller&, const SnapshotQuery&) = 0;
  // kFailed when the process is not watched or the address not mapped. Must set ExplainView::uid.
  virtual Result<ExplainView> explain(const Caller&, const ExplainQuery&) = 0;
  virtual Result<EventsView> events(const Caller&, const EventsQuery&) = 0;
  virtual Result<ConfigView> config_show(const Caller&) = 0;
  virtual Result<void> pause(const Caller&) = 0;   // moves stop, sampling and scoring go on; idempotent
  virtual Result<void> resume(const Caller&) = 0;  // idempotent
  // Reads the configuration again; all or nothing: on error the old one stays in force. Returns the new one.
  virtual Result<ConfigView> reload(const Caller&) = 0;

  virtual Result<PrefetchView> prefetch(const Caller&) = 0;
  // kFailed: no control has that name.
  virtual Result<PrefetchExplainView> prefetch_explain(const Caller&, const PrefetchExplainQuery&) = 0;
  // Tuning begins, of what prefetch.arm of the configuration allows; kUnsupported: it allows nothing. A dry
  // run arms nothing, writes nothing, and tells what each setting of each control would write; where nothing
  // is allowed, of all actuators.
  virtual Result<PrefetchWritesView> prefetch_arm(const Caller&, bool dry_run) = 0;
  // Everything is put back and stays so until it is armed again. Idempotent.
  virtual Result<PrefetchWritesView> prefetch_disarm(const Caller&) = 0;
  // Everything is put back; where armed, tuning begins anew.
  virtual Result<PrefetchWritesView> prefetch_restore(const Caller&) = 0;
};

}  // namespace tier
