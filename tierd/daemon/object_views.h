// Memory that processes share, as people see it: under a name that tells what it is, at addresses of a
// process.
#pragma once

#include <string>
#include <vector>

#include "tierd/control/views.h"
#include "tierd/daemon/engine.h"

namespace tier {

// "shared memory of postgres (101 processes)", or a file's base name.
std::string object_label(const Engine& engine, const Target& object);
// Objects that are worth a row: as large as a region, or sampled in the last tick. The others are counted in
// all totals; most of them are libraries.
std::vector<Target> listed_objects(const Engine& engine);
// Whose region it is and where: pid, uid, name, start, end, shared_by. An object's region lies in `viewer`,
// or (id 0) in the process that has mapped it for longest.
void place_row(const Engine& engine, const RegionKey& key, TargetId viewer, HeatmapRow& row);
// Before a process is dropped: whose rows of the heat map were its own.
void remember_ended(const Engine& engine, TargetId id, HeatRecord& heat);
// What `viewer` maps of the region, and who shares it.
void fill_sharing(const Engine& engine, const RegionKey& key, const Target& viewer, ExplainView& view);

}  // namespace tier
