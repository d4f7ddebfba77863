// Workers on several machines. All of MPI is in mpi_workers.cpp; a build without MPI has no_mpi_workers.cpp
// in its place.
#pragma once

#include "core/units.h"
#include "tools/tier-train/workers.h"

namespace tier::sim {

struct MpiWorkersSettings {
  Nanoseconds time_out{};  // of one job; 0: none. Then its worker counts as lost, and another has the job
};

// Whether mpirun, or another launcher, started this process as one of several.
bool under_mpi();

// Only where under_mpi() is true, and once. Rank 0 leads and works itself only where it is alone or every
// other is lost. kUnsupported: built without MPI; kFailed: MPI does not start.
Result<std::unique_ptr<Workers>> make_mpi_workers(Work work, const MpiWorkersSettings& settings);

}  // namespace tier::sim
