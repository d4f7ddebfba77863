// Removes from a view what its caller may not see. The only place that decides it.
#pragma once

#include "core/result.h"
#include "tierd/control/backend.h"

namespace tier {

// Root and the control group see everything; others the machine, the daemon, and their own processes.
bool may_see(const Caller&, std::int64_t owner);

void redact(StatusView&, const Caller&);
void redact(TopView&, const Caller&);
void redact(HeatmapView&, const Caller&);
void redact(SnapshotView&, const Caller&);
void redact(EventsView&, const Caller&);
// Settings, gains and writes are the node's; counters and access patterns tell what other users' programs do
// (the kernel gives the first to the privileged alone: perf_event_paranoid).
void redact(PrefetchView&, const Caller&);
void redact(PrefetchExplainView&, const Caller&);
inline void redact(DoctorView&, const Caller&) {}
inline void redact(NodesView&, const Caller&) {}
inline void redact(ForecastView&, const Caller&) {}
inline void redact(ConfigView&, const Caller&) {}
inline void redact(PrefetchWritesView&, const Caller&) {}

// For one process as a whole: kPermission when it belongs to somebody else.
Result<void> check_owner(const ExplainView&, const Caller&);

}  // namespace tier
