#include "tierd/daemon/source_keeper.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <utility>

namespace tier {
namespace {

std::vector<std::string> names_of(const std::vector<std::unique_ptr<AccessSource>>& sources) {
  std::vector<std::string> names;
  names.reserve(sources.size());
  for (const auto& source : sources) names.push_back(source->name());
  return names;
}

bool any_shows_use(const std::vector<std::string>& names) {
  return std::any_of(names.begin(), names.end(), shows_use);
}

bool chosen(const std::vector<SourceDecision>& decisions, const std::string& name) {
  return std::any_of(decisions.begin(), decisions.end(), [&](const SourceDecision& decision) {
    return decision.chosen && decision.name == name;
  });
}

std::string list(const std::vector<std::string>& names) {
  return names.empty() ? "none" : fmt::format("{}", fmt::join(names, ", "));
}

}  // namespace

SourceKeeper::SourceKeeper(SourceKeeperParts parts, SourceKeeperSettings settings)
    : parts_(std::move(parts)), settings_(settings) {}

std::vector<std::unique_ptr<AccessSource>> SourceKeeper::begin(Nanoseconds now) {
  features_ = parts_.probe();
  SourceSet set = parts_.make(features_, {});
  decisions_ = std::move(set.decisions);
  wait_ = settings_.first_wait;
  next_look_ = now + wait_;
  return std::move(set.sources);
}

void SourceKeeper::after_tick(Engine& engine, Nanoseconds now) {
  if (engine.sight().state() == SightState::kSees) worked_ = true;
  // Blind from before, but not shown to be so by the present sources, is no reason to exchange these.
  const bool blind = engine.sight().dark() || engine.source_names().empty();
  if (blind && std::exchange(worked_, false)) next_look_ = now, wait_ = settings_.first_wait;
  if (now < next_look_) return;
  next_look_ = now + wait_;
  wait_ = std::min(wait_ * 2, settings_.longest_wait);
  features_ = parts_.probe();
  blind ? look_while_blind(engine, now) : look_for_better(engine, now);
}

SourceRequest SourceKeeper::request(const Engine& engine, Nanoseconds now) const {
  SourceRequest request;
  request.running = engine.source_names();
  for (const auto& [name, bar] : bars_)
    if (now < bar.until)
      request.barred[name] = fmt::format("{}; tried again in {:.0f} s", bar.reason, seconds(bar.until - now));
  return request;
}

void SourceKeeper::bar_running(const Engine& engine, Nanoseconds now) {
  for (const std::string& name : engine.source_names()) {
    if (!shows_use(name)) continue;
    Bar& bar = bars_[name];
    bar.length =
        bar.length.count() == 0 ? settings_.first_bar : std::min(bar.length * 2, settings_.longest_bar);
    bar.until = now + bar.length;
    bar.reason = "went blind: " + engine.sight().reason();
  }
}

// Another source takes the place of the blind one. Where there is none, the blind one is started again, which
// repairs a fault of the loaded BPF program.
void SourceKeeper::look_while_blind(Engine& engine, Nanoseconds now) {
  const std::vector<std::string> blind = engine.source_names();
  const std::string why = blind.empty() ? "a source can run now" : list(blind) + " went blind";
  bar_running(engine, now);
  SourceSet others = parts_.make(features_, request(engine, now));
  if (any_shows_use(names_of(others.sources))) {
    for (const std::string& name : blind)
      if (shows_use(name)) engine.drop_source(name);
    return take(engine, std::move(others), now, why);
  }
  // What shows no use anyway, such as faults, is not begun anew for showing none.
  if (!blind.empty() && !any_shows_use(blind)) {
    decisions_ = std::move(others.decisions);
    return;
  }
  bars_.clear();
  for (const std::string& name : blind) engine.drop_source(name);
  SourceSet again = parts_.make(features_, {});
  if (again.sources.empty()) {
    decisions_ = std::move(again.decisions);  // they say why
    if (!blind.empty())
      engine.sources_changed(fmt::format("{} went blind, and nothing can run", list(blind)));
    return;
  }
  take(engine, std::move(again), now, why + (blind.empty() ? "" : ", no other can run"));
}

void SourceKeeper::look_for_better(Engine& engine, Nanoseconds now) {
  SourceSet set = parts_.make(features_, request(engine, now));
  // What runs already is kept, so all that is new is better, or was asked for beside it.
  if (set.sources.empty()) {
    decisions_ = std::move(set.decisions);
    return;
  }
  const std::string better = list(names_of(set.sources));
  for (const std::string& name : engine.source_names())
    if (!chosen(set.decisions, name)) engine.drop_source(name);
  take(engine, std::move(set), now, fmt::format("{} can run now", better));
}

void SourceKeeper::take(Engine& engine, SourceSet set, Nanoseconds now, const std::string& why) {
  decisions_ = std::move(set.decisions);
  for (auto& source : set.sources) engine.add_source(std::move(source));
  worked_ = false;
  next_look_ = std::max(next_look_, now + settings_.trial);
  engine.sources_changed(fmt::format("{}: {} from now on", why, list(engine.source_names())));
}

}  // namespace tier
