// The answer of `tierctl doctor`, with the daemon and without.
#pragma once

#include <vector>

#include "platform/api/features.h"
#include "tierd/control/views.h"
#include "tierd/daemon/engine.h"

namespace tier {

// From a running daemon: what its own process may do, and what its sources really deliver.
DoctorView running_doctor(const Engine& engine, const std::vector<FeatureState>& features,
                          const std::vector<SourceDecision>& sources);

// Without a daemon: probes the machine with the rights of the caller; changes nothing and leaves nothing
// running. The service may have fewer rights: see its unit.
DoctorView local_doctor();

}  // namespace tier
