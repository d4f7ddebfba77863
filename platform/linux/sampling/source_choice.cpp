#include "platform/linux/sampling/source_choice.h"

#include <algorithm>
#include <array>

#include "platform/linux/sampling/damon_source.h"
#include "platform/linux/sampling/fault_source.h"
#include "platform/linux/sampling/hardware_source.h"
#include "platform/linux/sampling/stall_source.h"

namespace tier {
namespace {

// `beside`: another one that shows more samples already.
using Maker = std::unique_ptr<AccessSource> (*)(const SamplingSettings&, const Clock&, bool beside);

std::unique_ptr<AccessSource> make_hardware(const SamplingSettings& settings, const Clock& clock, bool) {
  Result<HardwareEvent> event = find_hardware_event("");
  if (!event) return nullptr;
  return std::make_unique<HardwareSource>(settings, *event, clock);
}
std::unique_ptr<AccessSource> make_stall(const SamplingSettings& settings, const Clock& clock, bool) {
  StallOptions options;
  options.settings = settings;
  return std::make_unique<StallSource>(options, clock);
}
std::unique_ptr<AccessSource> make_damon(const SamplingSettings& settings, const Clock& clock, bool beside) {
  return std::make_unique<DamonSource>(settings, clock, beside ? DamonUse::kTouched : DamonUse::kFrequencies);
}
std::unique_ptr<AccessSource> make_faults(const SamplingSettings& settings, const Clock& clock, bool) {
  return std::make_unique<FaultSource>(settings, clock);
}

// One rung of the ladder. A new source is one file and one row here.
struct Rung {
  const char* name;
  bool SamplingSettings::*allowed;
  bool SamplingSettings::*beside;  // run also when a rung above runs; nullptr: never
  std::array<Feature, 4> needs;    // the last one repeated where there are fewer
  bool shows_use;                  // of pages that are in memory; false: first touches alone
  const char* what_for;
  const char* what_for_beside;  // nullptr: the same
  Maker make;
};

const std::array<Rung, 4> kLadder = {{
    {"hardware",
     &SamplingSettings::allow_hardware,
     nullptr,
     {Feature::kHardwareSampling, Feature::kBtf, Feature::kBpfRingBuffer, Feature::kBpfTracing},
     true,
     "addresses and latencies from the processor itself",
     nullptr,
     make_hardware},
    {"stall",
     &SamplingSettings::allow_stall,
     nullptr,
     {Feature::kBtf, Feature::kBpfTracing, Feature::kBpfRingBuffer, Feature::kBpfRingBuffer},
     true,
     "waiting time by address, on any machine",
     nullptr,
     make_stall},
    {"damon",
     &SamplingSettings::allow_damon,
     &SamplingSettings::damon_beside,
     {Feature::kDamonVaddr, Feature::kDamonTracepoint, Feature::kBtf, Feature::kBpfRingBuffer},
     true,
     "access frequency of every span",
     "which memory nobody touches",
     make_damon},
    {"faults",
     &SamplingSettings::allow_faults,
     &SamplingSettings::faults_beside,
     {Feature::kFaultTracepoint, Feature::kBtf, Feature::kBpfTracing, Feature::kBpfRingBuffer},
     false,
     "first touches and hint faults; pages in use do not show, so nothing is moved by them",
     nullptr,
     make_faults},
}};

// Names the features that the rung lacks, with the first kernel that has each; empty when none.
std::string missing_of(const Rung& rung, std::span<const FeatureState> features) {
  std::string missing;
  for (std::size_t i = 0; i < rung.needs.size(); ++i) {
    const Feature need = rung.needs[i];
    if (i > 0 && need == rung.needs[i - 1]) break;  // the last one repeated
    const auto state = std::find_if(features.begin(), features.end(),
                                    [&](const FeatureState& candidate) { return candidate.feature == need; });
    if (state != features.end() && state->present) continue;
    const std::string text = state == features.end()
                                 ? "a feature that was not probed"
                                 : state->name + " (Linux " + state->first_kernel + "): " + state->reason +
                                       (state->fix.empty() ? "" : "; fix: " + state->fix);
    missing += (missing.empty() ? "needs " : "; needs ") + text;
  }
  return missing;
}

bool runs(const SourceRequest& request, const std::string& name) {
  return std::find(request.running.begin(), request.running.end(), name) != request.running.end();
}

// Decides the rungs from `first` on; `taken`: name of the rung that samples, or empty.
void decide(std::vector<SourceDecision>& decisions, std::size_t first, std::string taken,
            std::span<const FeatureState> features, const SamplingSettings& settings,
            const SourceRequest& request) {
  for (std::size_t i = first; i < kLadder.size(); ++i) {
    const Rung& rung = kLadder[i];
    SourceDecision& decision = decisions[i];
    decision = {rung.name, false, {}};
    const auto barred = request.barred.find(rung.name);
    // What runs has all that it needs, whatever a probe says at a bad moment.
    const std::string missing = runs(request, rung.name) ? "" : missing_of(rung, features);
    const bool asked_beside = rung.beside != nullptr && settings.*rung.beside;
    if (!(settings.*rung.allowed)) {
      decision.reason = "switched off in the configuration";
    } else if (barred != request.barred.end()) {
      decision.reason = barred->second;
    } else if (!missing.empty()) {
      decision.reason = missing;
    } else if (taken.empty() || asked_beside) {
      decision.chosen = true;
      const char* beside = rung.what_for_beside != nullptr ? rung.what_for_beside : rung.what_for;
      decision.reason = taken.empty() ? rung.what_for : std::string(beside) + ", beside " + taken;
    } else {
      decision.reason = "not needed: " + taken + " is better here";
    }
    if (decision.chosen && taken.empty()) taken = rung.name;
  }
}

}  // namespace

std::vector<SourceDecision> choose_sources(std::span<const FeatureState> features,
                                           const SamplingSettings& settings, const SourceRequest& request) {
  std::vector<SourceDecision> decisions(kLadder.size());
  decide(decisions, 0, {}, features, settings, request);
  return decisions;
}

bool shows_use(const std::string& source) {
  const auto rung = std::find_if(kLadder.begin(), kLadder.end(),
                                 [&](const Rung& candidate) { return source == candidate.name; });
  return rung != kLadder.end() && rung->shows_use;
}

SourceSet make_sources(std::span<const FeatureState> features, const SamplingSettings& settings,
                       const Clock& clock, const SourceRequest& request) {
  SourceSet set;
  set.decisions = choose_sources(features, settings, request);
  std::string taken;
  for (std::size_t i = 0; i < kLadder.size(); ++i) {
    if (!set.decisions[i].chosen) continue;
    if (runs(request, kLadder[i].name)) {
      if (taken.empty()) taken = kLadder[i].name;
      continue;
    }
    std::unique_ptr<AccessSource> source = kLadder[i].make(settings, clock, !taken.empty());
    const Result<void> started =
        source ? source->start() : fail(ErrorKind::kUnsupported, "the PMU seen at the probe is gone");
    if (started) {
      set.sources.push_back(std::move(source));
      if (taken.empty()) taken = kLadder[i].name;
    } else {
      set.decisions[i] = {kLadder[i].name, false, "did not start: " + started.error().text()};
      decide(set.decisions, i + 1, taken, features, settings, request);
    }
  }
  return set;
}

}  // namespace tier
