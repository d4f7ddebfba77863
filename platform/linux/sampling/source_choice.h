// Which access sources run on this machine: a ladder, and every rung's reason.
#pragma once

#include <memory>
#include <span>
#include <vector>

#include "core/clock.h"
#include "platform/api/access_source.h"
#include "platform/api/features.h"
#include "platform/linux/sampling/sampling_settings.h"

namespace tier {

// The first rung whose features are present and that the settings allow is chosen; `beside` rungs run with it
// when the settings ask for them. Returns every rung, in order. Pure.
std::vector<SourceDecision> choose_sources(std::span<const FeatureState> features,
                                           const SamplingSettings& settings);

struct SourceSet {
  std::vector<std::unique_ptr<AccessSource>> sources;  // started
  std::vector<SourceDecision> decisions;               // corrected by what happened at start
};

// Builds and starts what choose_sources() picks. A source that fails to start leaves its reason in its
// decision and the next rung takes its place. `clock` must outlive the sources.
SourceSet make_sources(std::span<const FeatureState> features, const SamplingSettings& settings,
                       const Clock& clock);

}  // namespace tier
