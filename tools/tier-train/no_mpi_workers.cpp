// Of a build without MPI.
#include "tools/tier-train/mpi_workers.h"

namespace tier::sim {

bool under_mpi() { return false; }

Result<std::unique_ptr<Workers>> make_mpi_workers(Work, const MpiWorkersSettings&) {
  return fail(ErrorKind::kUnsupported, "tier-train was built without MPI",
              "apt-get install libopenmpi-dev openmpi-bin, and build again");
}

}  // namespace tier::sim
