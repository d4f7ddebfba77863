#include "tierd/daemon/doctor.h"

#include <fmt/format.h>

#include <algorithm>

#include "platform/linux/capabilities.h"
#include "platform/linux/confinement.h"
#include "platform/linux/machine.h"
#include "platform/linux/marked_pages.h"
#include "platform/linux/sampling/feature_probe.h"
#include "platform/linux/sampling/source_choice.h"
#include "platform/linux/topology_reader.h"
#include "platform/linux/watching/bpf_process_watch.h"
#include "tierd/daemon/views.h"

namespace tier {
namespace {

bool present(const std::vector<FeatureState>& features, Feature wanted) {
  return std::any_of(features.begin(), features.end(),
                     [&](const FeatureState& state) { return state.feature == wanted && state.present; });
}

// Tiers of which this process may use a node: pages can be moved between these alone.
std::size_t reachable_tiers(const TierTopology& topology) {
  const auto own = own_memory_nodes();
  return static_cast<std::size_t>(
      std::count_if(topology.tiers.begin(), topology.tiers.end(), [&](const Tier& tier) {
        return own.empty() || std::any_of(tier.nodes.begin(), tier.nodes.end(), [&](NodeId node) {
                 return std::find(own.begin(), own.end(), node) != own.end();
               });
      }));
}

// Reading another process's memory takes the right to trace it, which Yama's strictest setting gives to
// nobody.
bool may_read_memory(const MarkingFacts& facts, const DoctorView& view) {
  const bool traces = std::any_of(view.capabilities.begin(), view.capabilities.end(),
                                  [](const auto& c) { return c.name == "CAP_SYS_PTRACE" && c.held; });
  return traces && facts.yama.value_or(0) < 3;
}

LimitView marked_pages_limit(const MarkingFacts& facts, const MarkedTotals& met, const DoctorView& view) {
  LimitView limit{"pages marked by NUMA balancing", false, "this kernel moves them", ""};
  if (!facts.hides) return limit;
  const bool on = facts.balancing.value_or(0) != 0;
  const std::string kernel = "this kernel hides them from move_pages(2), as Linux 6.1 to 6.4 do";
  if (!on && facts.ever.value_or(0) == 0) {
    limit.reason = kernel + "; none was marked since it booted";
    return limit;
  }
  limit.limits = met.refused > 0 || !may_read_memory(facts, view);
  limit.reason =
      limit.limits ? kernel + ", and tierd may not read them, which would show them: they stay where they are"
                   : kernel + "; tierd reads a byte of each before it moves it";
  if (view.daemon_running)
    limit.reason += fmt::format(" ({} met, {} shown, {} left)", met.found, met.visible, met.left);
  limit.fix =
      !limit.limits ? "none is needed; kernel.numa_balancing=0 spares the reads"
      : facts.yama.value_or(0) >= 3
          ? "boot with kernel.yama.ptrace_scope below 3 and kernel.numa_balancing=0; switched off now, it "
            "leaves pages marked until their program touches them"
          : "give tierd CAP_SYS_PTRACE, as its unit does";
  return limit;
}

// What was not believed of the memory nodes, and what keeps tiers from being told apart.
void add_doubts(DoctorView& view, const TierTopology& topology) {
  const bool undecided = topology.undecided > 0;
  for (const std::string& doubt : topology.doubts)
    view.limits.push_back(
        {"memory tiers", undecided, doubt, undecided ? "tiers.order or tiers.bandwidths" : ""});
  for (const NumaNode& node : topology.nodes)
    for (const std::string& doubt : node.doubts)
      view.limits.push_back({"memory node " + std::to_string(node.id.value), false, doubt, ""});
}

std::string verdict(const DoctorView& view) {
  if (!view.can_observe) return "nothing can be sampled here; the sources below say what each one lacks";
  if (view.sight.state == "blind") return "blind: " + view.sight.reason;
  const std::string sampling = view.sight.state == "starting" ? "sampling starts: " + view.sight.reason + "; "
                               : !view.daemon_running         ? "sampling can be tried; "
                                                              : "sampling works; ";
  if (!view.tiered) return sampling + "one memory tier only, so there is nothing to move";
  if (!view.can_act)
    return sampling + "pages cannot be moved, see the features, capabilities and limits below";
  const std::string ready = sampling + "pages can be moved";
  return view.rivals.empty() ? ready : ready + "; others move pages here too, see the rivals below";
}

void fill(DoctorView& view, const std::vector<FeatureState>& features,
          const std::vector<SourceDecision>& decisions, const TierTopology& topology,
          const std::vector<Rival>& rivals, const MarkedTotals& met) {
  view.kernel = kernel_release();
  view.tiered = topology.tiered();
  for (const auto& f : features)
    view.features.push_back({f.name, f.present, f.first_kernel, f.reason, f.fix});
  for (const auto& d : decisions) view.sources.push_back({d.name, d.chosen, d.reason, {}});
  for (const auto& node : topology.nodes) {
    LatencyView latency;
    latency.node = node.id.value;
    if (node.read_latency) latency.latency_ns = node.read_latency->count();
    latency.source = to_string(node.latency_source);
    view.latencies.push_back(std::move(latency));
  }
  add_doubts(view, topology);
  for (const auto& c : read_capabilities()) view.capabilities.push_back({c.name, c.held, c.needed_for});
  for (const auto& rival : rivals) view.rivals.push_back({rival.name, rival.advice});
  for (const auto& limit : read_confinement())
    view.limits.push_back({limit.name, limit.limits, limit.reason, limit.fix});
  view.limits.push_back(marked_pages_limit(read_marking_facts(), met, view));
  view.can_observe = std::any_of(decisions.begin(), decisions.end(), [](const SourceDecision& decision) {
    return decision.chosen && shows_use(decision.name);
  });
  view.can_act = view.can_observe && view.tiered && present(features, Feature::kMovePages) &&
                 reachable_tiers(topology) > 1;
  view.verdict = verdict(view);
}

// A row among the features: whether processes are watched by events or by files, and why.
void add_process_watch(DoctorView& view, const ProcessWatchState& state) {
  const bool by_events = state.way == "events";
  view.features.push_back(
      {"process events (a BPF iterator and hooks)", by_events, "5.15",
       by_events ? fmt::format("a look at the processes takes {:.1f} ms of CPU", seconds(state.cost) * 1e3)
                 : "processes are watched by reading files, some at a time: " + state.reason,
       by_events ? "" : state.fix});
}

}  // namespace

DoctorView running_doctor(const Engine& engine, const std::vector<FeatureState>& features,
                          const std::vector<SourceDecision>& sources) {
  DoctorView view;
  view.daemon_running = true;
  view.sight = sight_view(engine.sight());
  fill(view, features, sources, engine.topology(), engine.state().rivals, engine.marked());
  for (SourceChoiceView& source : view.sources)
    if (const Sight* sight = engine.source_sight(source.name)) source.sight = to_string(sight->state());
  view.meters = meter_views(engine.meters());
  for (const auto& [node, doubt] : engine.latency().load_doubts())
    view.limits.push_back({"latency of node " + std::to_string(node.value), false, doubt, ""});
  add_process_watch(view, engine.targets().watch());
  view.reading = reading_view(engine);
  return view;
}

DoctorView local_doctor() {
  DoctorView view;
  const auto features = LinuxFeatureProbe().probe();
  TierTopology topology;
  if (auto nodes = LinuxTopologyReader().nodes()) {
    if (auto built = build_tiers(std::move(*nodes))) topology = std::move(*built);
  }
  fill(view, features, choose_sources(features, SamplingSettings{}), topology, LinuxRivalFinder().find(), {});
  const MonotonicClock clock;
  ProcessWatchState state;
  if (const auto watch = BpfProcessWatch::start(clock))
    state = (*watch)->state();
  else
    state.reason = watch.error().message, state.fix = watch.error().fix;
  add_process_watch(view, state);
  return view;
}

}  // namespace tier
