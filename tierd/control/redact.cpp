#include "tierd/control/redact.h"

#include <vector>

namespace tier {
namespace {

template <typename Row>
std::uint64_t drop_foreign(std::vector<Row>& rows, const Caller& caller) {
  return std::erase_if(rows, [&](const Row& row) { return row.uid == kNobody || !may_see(caller, row.uid); });
}

void drop_patterns(PrefetchControlView& control) {
  control.context.clear();
  control.reason.clear();
}

}  // namespace

bool may_see(const Caller& caller, std::int64_t owner) {
  return caller.privileged || owner == kNobody || owner == static_cast<std::int64_t>(caller.uid);
}

void redact(StatusView& view, const Caller& caller) {
  if (caller.privileged) return;
  view.last_error.clear();  // may name other people's processes
  view.troubles.clear();
  view.unmatched.clear();  // the same
}

void redact(TopView& view, const Caller& caller) {
  if (!caller.privileged) view.hidden += drop_foreign(view.rows, caller);
}

void redact(HeatmapView& view, const Caller& caller) {
  if (!caller.privileged) view.hidden += drop_foreign(view.rows, caller);
}

void redact(SnapshotView& view, const Caller& caller) {
  if (!caller.privileged) view.hidden += drop_foreign(view.targets, caller);
}

void redact(EventsView& view, const Caller& caller) {
  std::erase_if(view.events, [&](const Event& event) {
    // An event about a process without a known owner is nobody's to see.
    return !may_see(caller, event.uid) || (!caller.privileged && event.uid == kNobody && event.pid != 0);
  });
}

void redact(PrefetchView& view, const Caller& caller) {
  if (caller.privileged) return;
  view.progress.reset();
  for (PrefetchSignalView& signal : view.signals) signal.per_second.reset();
  for (PrefetchControlView& control : view.controls) drop_patterns(control);
}

void redact(PrefetchExplainView& view, const Caller& caller) {
  if (caller.privileged) return;
  drop_patterns(view.control);
  for (PrefetchDecisionView& decision : view.decisions) decision.reason.clear();
}

Result<void> check_owner(const ExplainView& view, const Caller& caller) {
  if (may_see(caller, view.uid) && (caller.privileged || view.uid != kNobody)) return {};
  return fail(ErrorKind::kPermission, "process " + std::to_string(view.pid) + " belongs to another user",
              "run as root, or join the control group (tierd): usermod -aG tierd NAME");
}

}  // namespace tier
