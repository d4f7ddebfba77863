#include "tierd/daemon/doctor.h"

#include <fmt/format.h>

#include <algorithm>

#include "platform/linux/capabilities.h"
#include "platform/linux/machine.h"
#include "platform/linux/sampling/feature_probe.h"
#include "platform/linux/sampling/source_choice.h"
#include "platform/linux/topology_reader.h"

namespace tier {
namespace {

bool present(const std::vector<FeatureState>& features, Feature wanted) {
  return std::any_of(features.begin(), features.end(),
                     [&](const FeatureState& state) { return state.feature == wanted && state.present; });
}

std::string verdict(const DoctorView& view) {
  if (!view.can_observe) return "nothing can be sampled here; the sources below say what each one lacks";
  if (!view.tiered) return "sampling works; one memory tier only, so there is nothing to move";
  if (!view.can_act) return "sampling works; pages cannot be moved, see the features and capabilities below";
  return view.rivals.empty() ? "ready to observe and to act"
                             : "ready; others move pages here too, see the rivals below";
}

void fill(DoctorView& view, const std::vector<FeatureState>& features,
          const std::vector<SourceDecision>& decisions, const TierTopology& topology,
          const std::vector<Rival>& rivals) {
  view.kernel = kernel_release();
  view.tiered = topology.tiered();
  for (const auto& f : features)
    view.features.push_back({f.name, f.present, f.first_kernel, f.reason, f.fix});
  for (const auto& d : decisions) view.sources.push_back({d.name, d.chosen, d.reason});
  for (const auto& node : topology.nodes) {
    LatencyView latency;
    latency.node = node.id.value;
    if (node.read_latency) latency.latency_ns = node.read_latency->count();
    latency.source = to_string(node.latency_source);
    view.latencies.push_back(std::move(latency));
  }
  for (const auto& c : read_capabilities()) view.capabilities.push_back({c.name, c.held, c.needed_for});
  for (const auto& rival : rivals) view.rivals.push_back({rival.name, rival.advice});
  view.can_observe =
      std::any_of(decisions.begin(), decisions.end(), [](const SourceDecision& d) { return d.chosen; });
  view.can_act = view.can_observe && view.tiered && present(features, Feature::kMovePages);
  view.verdict = verdict(view);
}

}  // namespace

Error SourceSelection::nothing() const {
  std::string reasons;
  for (const auto& decision : decisions) {
    reasons += fmt::format("{}{}: {}", reasons.empty() ? "" : "; ", decision.name, decision.reason);
  }
  return {ErrorKind::kUnsupported, "no access source can run: " + reasons,
          "run `tierctl doctor`; it names what each one lacks"};
}

SourceSelection start_sources(const SamplingSettings& settings, const Clock& clock) {
  SourceSelection selection;
  selection.features = LinuxFeatureProbe().probe();
  auto made = make_sources(selection.features, settings, clock);
  selection.sources = std::move(made.sources);
  selection.decisions = std::move(made.decisions);
  return selection;
}

DoctorView running_doctor(const Engine& engine, const SourceSelection& selection) {
  DoctorView view;
  view.daemon_running = true;
  fill(view, selection.features, selection.decisions, engine.topology(), engine.state().rivals);
  return view;
}

DoctorView local_doctor() {
  DoctorView view;
  const auto features = LinuxFeatureProbe().probe();
  TierTopology topology;
  if (auto nodes = LinuxTopologyReader().nodes()) {
    if (auto built = build_tiers(std::move(*nodes))) topology = std::move(*built);
  }
  fill(view, features, choose_sources(features, SamplingSettings{}), topology, LinuxRivalFinder().find());
  return view;
}

}  // namespace tier
