#include "sim/host/tierd_policy.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "sim/host/foresight.h"

namespace tier::sim {
namespace {

struct Override {
  const char* name;
  void (*set)(TierdSettings&, double);
};

Nanoseconds time_of(double s) { return Nanoseconds{std::llround(s * 1e9)}; }

constexpr Override kOverrides[] = {
    {"horizon_s", [](TierdSettings& s, double v) { s.engine.policy.horizon = time_of(v); }},
    {"interval_s", [](TierdSettings& s, double v) { s.engine.interval = time_of(std::max(v, 1e-3)); }},
    {"longest_s", [](TierdSettings& s, double v) { s.engine.longest = time_of(std::max(v, 1e-3)); }},
    {"rate_mib_s",
     [](TierdSettings& s, double v) {
       s.migrator.rate = s.engine.policy.rate = {static_cast<std::uint64_t>(v) << 20};
     }},
    {"samples_per_second", [](TierdSettings& s, double v) { s.sampling.most_per_second = v; }},
    {"bits_every_s", [](TierdSettings& s, double v) { s.bits_every = time_of(v); }},
    {"cooldown_s", [](TierdSettings& s, double v) { s.engine.policy.cooldown = time_of(v); }},
    {"event_path", [](TierdSettings& s, double v) { s.engine.event_path = v != 0; }},
    {"promotion_caution", [](TierdSettings& s, double v) { s.engine.policy.promotion_caution = v; }},
    {"demotion_caution", [](TierdSettings& s, double v) { s.engine.policy.demotion_caution = v; }},
};

}  // namespace

TierdSettings default_tierd() {
  TierdSettings settings;
  settings.engine.act = true;
  settings.engine.targets.default_minimum = {1};
  settings.sampling.rate = 250;
  settings.sampling.most_per_second = 2000;
  return settings;
}

Result<TierdSettings> tierd_with(const PolicySettingsMap& overrides) {
  TierdSettings settings = default_tierd();
  for (const auto& [name, value] : overrides) {
    const auto* known = std::find_if(std::begin(kOverrides), std::end(kOverrides),
                                     [&name = name](const Override& o) { return name == o.name; });
    if (known == std::end(kOverrides)) {
      std::string names;
      for (const Override& o : kOverrides) names += (names.empty() ? "" : ", ") + std::string(o.name);
      return fail(ErrorKind::kUsage, fmt::format("tierd has no setting \"{}\"", name),
                  "use one of: " + names);
    }
    known->set(settings, value);
  }
  return settings;
}

TierdPolicy::~TierdPolicy() {
  if (migrator_) migrator_->stop();
}

void TierdPolicy::start(Machine& machine) {
  platform_ = std::make_unique<SimulatedPlatform>(machine);
  executor_ = std::make_shared<ManualExecutor>();
  settings_.migrator.huge_page = machine.region_size();
  settings_.engine.tracker.region_size = machine.region_size();
  migrator_ = std::make_unique<Migrator>(*platform_, *platform_, *platform_, *platform_, settings_.migrator,
                                         executor_);
  auto source =
      std::make_unique<SimulatedStallSource>(machine, settings_.sampling, seed_, settings_.bits_every);
  (void)source->start();  // attaching to a simulated machine cannot fail
  EngineParts parts{
      *platform_, *platform_, *migrator_,
      *platform_, *platform_, *platform_,
      *platform_, *platform_, *platform_,
      {},         Pid{1},     [&machine] {
                      return static_cast<std::int64_t>(machine.now().count()); }};
  parts.make_forecaster = forecaster_maker(settings_.model);
  parts.sources.push_back(std::move(source));
  if (!known_.empty()) parts.forecaster = std::make_unique<Foresight>(machine, known_);
  auto engine = Engine::create(std::move(parts), settings_.engine);
  if (!engine) return;
  engine_ = std::move(*engine);
  next_tick_ = machine.now() + engine_->tick_length();
  next_look_ = machine.now() + look_every();
}

Nanoseconds TierdPolicy::step(Machine& machine) {
  constexpr Nanoseconds kNever = std::chrono::hours(1 << 20);
  if (!engine_) return kNever;
  while (!machine.done()) {
    if (machine.now() >= next_tick_) {
      engine_->tick();
      next_tick_ += engine_->tick_length();
      next_move_ = machine.now();
    } else if (settings_.engine.event_path && machine.now() >= next_look_) {
      engine_->between_ticks();
      next_look_ += look_every();
      next_move_ = machine.now();
    } else if (next_move_ && *next_move_ <= machine.now()) {
      const auto wait = executor_->run_once();
      if (wait) {
        next_move_ = machine.now() + *wait;
      } else {
        next_move_.reset();
      }
    } else {
      const Nanoseconds next = next_move_ ? std::min(*next_move_, next_tick_) : next_tick_;
      return settings_.engine.event_path ? std::min(next, next_look_) : next;
    }
  }
  return kNever;
}

namespace {

PolicyEntry entry_of(const char* name, const char* description, const char* forecaster) {
  PolicyEntry entry;
  entry.name = name;
  entry.description = description;
  entry.make = [forecaster](const PolicyContext& context) -> Result<std::unique_ptr<TieringPolicy>> {
    auto settings = TIER_TRY(tierd_with(context.settings));
    settings.sampling = within_budget(settings.sampling, context.sampling_budget);
    if (forecaster != nullptr) settings.engine.forecaster = forecaster;
    if (settings.engine.forecaster == kLearnedForecaster) {
      settings.model = TIER_TRY(load_model(default_model_path()));
    }
    return std::make_unique<TierdPolicy>(std::move(settings), context.seed);
  };
  entry.sweep = {{}};
  entry.samples = true;
  return entry;
}

}  // namespace

std::vector<PolicyEntry> tierd_entries() {
  std::vector<PolicyEntry> entries = {
      entry_of("tierd", "this project's own engine as installed, reactive forecast", nullptr),
      entry_of("tierd-switch", "the same, with the forecaster that did best lately", "switch"),
      entry_of("tierd-learned", "the same, with the trained network over the switch", kLearnedForecaster),
  };
  entries[0].sweep = {{},
                      {{"horizon_s", 4}},
                      {{"interval_s", 1}},
                      {{"rate_mib_s", 256}},
                      {{"samples_per_second", 8000}},
                      {{"demotion_caution", 1}}};
  PolicyEntry& foresight = entries.emplace_back(
      entry_of("tierd-foresight", "the same, with forecasts that know the future: what is left to the policy",
               nullptr));
  foresight.oracle = true;
  foresight.make = [](const PolicyContext& context) -> Result<std::unique_ptr<TieringPolicy>> {
    auto settings = TIER_TRY(tierd_with(context.settings));
    settings.sampling = within_budget(settings.sampling, context.sampling_budget);
    return std::make_unique<TierdPolicy>(std::move(settings), context.seed, context.workloads);
  };
  return entries;
}

}  // namespace tier::sim
