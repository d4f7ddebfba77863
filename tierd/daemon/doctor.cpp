#include "tierd/daemon/doctor.h"

#include <fmt/format.h>

#include "platform/linux/sampling/stall_source.h"

namespace tier {

Error SourceSelection::nothing() const {
  std::string reasons;
  for (const auto& choice : choices)
    reasons += fmt::format("{}{}: {}", reasons.empty() ? "" : "; ", choice.name, choice.reason);
  return {ErrorKind::kUnsupported, "no access source can run: " + reasons,
          "run `tierctl doctor`; it names what each one lacks"};
}

SourceSelection start_sources(const SamplingSettings& settings, const Clock& clock) {
  SourceSelection selection;
  StallOptions options;
  options.settings = settings;
  auto stall = std::make_unique<StallSource>(options, clock);
  const auto started = stall->start();
  selection.choices.push_back({"stall", started.has_value(), started ? "chosen" : started.error().text()});
  if (started) {
    selection.notes.push_back(fmt::format("source {}: {}", stall->status().name, stall->status().fidelity));
    selection.sources.push_back(std::move(stall));
  }
  return selection;
}

DoctorView running_doctor(const Engine& engine, const SourceSelection& selection) {
  DoctorView view;
  view.daemon_running = true;
  view.tiered = engine.topology().tiered();
  view.sources = selection.choices;
  return view;
}

}  // namespace tier
