// Which access sources run on this machine: a ladder, and every rung's reason.
#pragma once

#include <map>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "core/clock.h"
#include "platform/api/access_source.h"
#include "platform/api/features.h"
#include "platform/linux/sampling/sampling_settings.h"

namespace tier {

// What is known of the sources from before, when the choice is made anew in a running daemon.
struct SourceRequest {
  std::vector<std::string> running;           // they stay where no better one can take their place
  std::map<std::string, std::string> barred;  // not to be chosen now, with the reason
};

// The first rung that runs already, or whose features are present and that the settings allow, is chosen;
// `beside` rungs run with it when the settings ask for them. Returns every rung, in order. Pure.
std::vector<SourceDecision> choose_sources(std::span<const FeatureState> features,
                                           const SamplingSettings& settings,
                                           const SourceRequest& request = {});

// Whether the source of this name shows pages in use; faults show first touches alone.
bool shows_use(const std::string& source);

struct SourceSet {
  std::vector<std::unique_ptr<AccessSource>> sources;  // started; without those that ran already
  std::vector<SourceDecision> decisions;               // corrected by what happened at start
};

// Builds and starts what choose_sources() picks and does not run yet. A source that fails to start leaves its
// reason in its decision and the next rung takes its place. `clock` must outlive the sources.
SourceSet make_sources(std::span<const FeatureState> features, const SamplingSettings& settings,
                       const Clock& clock, const SourceRequest& request = {});

}  // namespace tier
