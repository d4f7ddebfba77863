#include "tierd/daemon/prefetch_views.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "core/normal.h"
#include "core/printable.h"
#include "tierd/config/keys.h"

namespace tier {
namespace {

std::string number(const Knob& knob, std::uint64_t value) {
  return knob.kind == kTierKnobRegister ? fmt::format("{:#x}", value) : std::to_string(value);
}

PrefetchArmView arm_view(const std::string& setting, const Arm& arm, double noise) {
  PrefetchArmView view;
  view.setting = setting;
  if (!arm.tried()) return view;
  const double half = kNormal95 * arm.deviation();
  view.gain = std::expm1(arm.gain);
  view.gain_low = std::expm1(arm.gain - half), view.gain_high = std::expm1(arm.gain + half);
  view.evidence = arm.precision * noise * noise;
  return view;
}

// A setting is in force because it won its trial; evidence grows old and contexts change, so what is known
// now need not say so any more.
std::string better_text(const PrefetchArmView& arm) {
  if (arm.gain_low && *arm.gain_low > 0) return to_string(TuningReason::kBetter);
  return "it won its trial; what is known now does not tell it from the default";
}

}  // namespace

PrefetchControlView prefetch_control_view(const TunedStanding& standing) {
  const PrefetchControl& control = *standing.control;
  PrefetchControlView view;
  view.name = control.name, view.actuator = control.actuator, view.scope = to_string(control.scope);
  view.setting = control.settings[standing.setting].name;
  for (const PrefetchSetting& each : control.settings) view.settings.push_back(each.name);
  if (standing.arms != nullptr) view.context = to_string(standing.context);
  view.reason = to_string(standing.reason);
  view.transitions = standing.transitions;
  if (standing.arms == nullptr || standing.setting == 0) return view;
  const PrefetchArmView arm = arm_view("", standing.arms->arms[standing.setting], 1);
  view.gain = arm.gain, view.gain_low = arm.gain_low, view.gain_high = arm.gain_high;
  if (standing.reason == TuningReason::kBetter) view.reason = better_text(arm);
  return view;
}

PrefetchWriteView write_view(const PrefetchWrite& write) {
  return {to_string(write.knob),           write.control, write.setting, number(write.knob, write.before),
          number(write.knob, write.after), write.fate};
}

PrefetchAdviceView advice_view(const AdviceState& state) {
  PrefetchAdviceView view;
  view.armed = state.armed;
  view.ranges = state.ranges;
  view.advised_bytes = state.advised.value, view.used_bytes = state.used.value,
  view.judged_bytes = state.judged.value;
  view.useful_share = state.useful_share;
  view.state = state.state;
  return view;
}

PrefetchView prefetch_view(const PrefetchLoop& loop, const std::vector<MeterDecision>& meters) {
  PrefetchView view;
  view.decisions = loop.decided(), view.undecided = loop.undecided(), view.writes = loop.written();
  for (const TunedStanding& each : loop.standings()) {
    view.controls.push_back(prefetch_control_view(each));
    view.transitions += each.transitions;
  }
  for (const PrefetchRefusal& each : loop.refused()) view.refused.push_back({each.name, each.reason});
  for (const NamedProgress& each : loop.progress()) {
    if (view.progress || (!each.per_second && !view.progress_signal.empty())) continue;
    view.progress_signal = each.signal, view.progress = each.per_second;
  }
  for (const MeterDecision& each : meters) view.meters.push_back({each.name, each.used, each.reason});
  for (std::size_t s = 0; s < kSignals; ++s) {
    const auto signal = static_cast<Signal>(s);
    if (*loop.rates().meter(signal) == 0) continue;
    view.signals.push_back({to_string(signal), loop.rates().rate(signal), loop.rates().refused(signal)});
  }
  return view;
}

Result<PrefetchExplainView> prefetch_explain_view(const PrefetchLoop& loop, const std::string& name) {
  const auto all = loop.standings();
  const auto found = std::find_if(all.begin(), all.end(),
                                  [&](const TunedStanding& each) { return each.control->name == name; });
  if (found == all.end()) {
    for (const PrefetchRefusal& each : loop.refused())
      if (each.name == name)
        return fail(ErrorKind::kFailed, fmt::format("\"{}\" is not tuned: {}", name, each.reason));
    std::vector<std::string> names;
    names.reserve(all.size());
    for (const TunedStanding& each : all) names.push_back(each.control->name);
    const std::string nearest = nearest_name(name, names);
    return fail(ErrorKind::kFailed, fmt::format("no control is called \"{}\"", escaped_short(name)),
                nearest.empty() ? "`tierctl prefetch status` lists them"
                                : fmt::format("did you mean \"{}\"?", nearest));
  }
  PrefetchExplainView view;
  view.control = prefetch_control_view(*found);
  const auto& settings = found->control->settings;
  for (std::size_t s = 0; s < settings.size(); ++s)
    view.arms.push_back(arm_view(settings[s].name, found->arms != nullptr ? found->arms->arms[s] : Arm{},
                                 found->arms != nullptr ? found->arms->noise : 0));
  // What the others are measured against.
  PrefetchArmView& standard = view.arms.front();
  standard.gain = standard.gain_low = standard.gain_high = 0.0;
  const auto decisions = loop.decisions(*found->control);
  for (const auto& each : decisions)
    view.decisions.push_back({each.interval, settings[each.from].name, settings[each.to].name,
                              fmt::format("{} ({})", each.reason, to_string(each.context))});
  for (const auto& each : loop.writes())
    if (each.control == name) view.writes.push_back(write_view(each));
  // The latest first.
  std::reverse(view.decisions.begin(), view.decisions.end());
  std::reverse(view.writes.begin(), view.writes.end());
  return view;
}

}  // namespace tier
