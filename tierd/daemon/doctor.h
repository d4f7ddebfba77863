// What this machine offers: access sources chosen and started, and the answer of `tierctl doctor`, with the
// daemon and without.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "core/clock.h"
#include "core/result.h"
#include "platform/api/access_source.h"
#include "platform/api/features.h"
#include "platform/linux/sampling/sampling_settings.h"
#include "tierd/control/views.h"
#include "tierd/daemon/engine.h"

namespace tier {

struct SourceSelection {
  std::vector<std::unique_ptr<AccessSource>> sources;  // started; handed to the engine
  std::vector<SourceDecision> decisions;               // every source there is: chosen, or why not
  std::vector<FeatureState> features;

  Error nothing() const;  // why no source runs, for when `sources` is empty
};

// Probes the features, starts what the ladder chooses, and goes down it when one fails to start.
SourceSelection start_sources(const SamplingSettings& settings, const Clock& clock);

// From a running daemon.
DoctorView running_doctor(const Engine& engine, const SourceSelection& selection);

// Without a daemon: probes the machine by itself; changes nothing and leaves nothing running.
DoctorView local_doctor();

}  // namespace tier
