// What the engine does for memory that processes share.
#include <cerrno>

#include "core/object_id.h"
#include "tierd/daemon/engine.h"

namespace tier {

// Objects come with the mappings that show them, and go with the last one.
void Engine::drop_objects() {
  for (const TargetId id : tracker_.drop_unmapped_objects()) forget_target(id);
}

// The plan names an object's regions by offset; they are moved in the address spaces of processes that map
// them. The ledger keeps the plan as it was made.
void Engine::reach_pages(MigrationPlan& plan) const {
  for (MigrationRequest& request : plan.requests) {
    if (!is_object(request.key.target)) continue;
    const auto reach = tracker_.reach(request.key);
    if (!reach) {
      request.range = {};  // reported as failed: it names no page
      continue;
    }
    request.pid = reach->pid;
    request.start_time = reach->start_time;
    request.range = reach->range;
    request.also = reach->also;
  }
}

void Engine::tell_refused_sharing(const MigrationReport& report) {
  if (!is_object(report.key.target) || !report.pages.failed.contains(EACCES)) return;
  error(
      "memory that several processes share stays where it is: moving it takes CAP_SYS_NICE; run tierd as "
      "root, or add CAP_SYS_NICE to AmbientCapabilities and CapabilityBoundingSet of its unit");
}

}  // namespace tier
