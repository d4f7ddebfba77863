#include "prefetch/loop/prefetch_loop.h"

#include <fmt/format.h>

#include <algorithm>
#include <numeric>

namespace tier {
namespace {

constexpr std::size_t kWrites = 256;
constexpr const char* kReadahead = "readahead";  // of actuator_table()
constexpr const char* kNothingFound = "nothing was found here that may be set";
// The two clocks are not read at the same time.
constexpr Nanoseconds kSleepJitter = std::chrono::milliseconds(100);

// Setting numbers from the least prefetching to the most.
std::vector<std::size_t> order_of(const PrefetchControl& control) {
  std::vector<std::size_t> order(control.settings.size());
  std::iota(order.begin(), order.end(), 0U);
  std::stable_sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) {
    return control.settings[a].amount < control.settings[b].amount;
  });
  return order;
}

bool alike(const PrefetchControl& a, const PrefetchControl& b) {
  return std::equal(a.settings.begin(), a.settings.end(), b.settings.begin(), b.settings.end(),
                    [](const PrefetchSetting& x, const PrefetchSetting& y) {
                      return x.name == y.name && x.amount == y.amount;
                    });
}

// Controls with the same settings learn from each other.
std::vector<TunedControl> tuned_controls(const std::vector<const PrefetchControl*>& controls) {
  std::vector<TunedControl> all;
  for (std::size_t i = 0; i < controls.size(); ++i) {
    std::size_t kind = 0;
    while (!alike(*controls[kind], *controls[i])) ++kind;
    all.push_back({kind, order_of(*controls[i])});
  }
  return all;
}

unsigned intervals_of(Nanoseconds time, Nanoseconds interval) {
  return static_cast<unsigned>((time + interval - Nanoseconds(1)) / interval);
}

const char* fate_of(TierRestoreFate fate) {
  switch (fate) {
    case kTierFateRestored:
      return "restored";
    case kTierFateSame:
      return "as it was";
    case kTierFateForeign:
      return "somebody else's, left alone";
    case kTierFateFailed:
      return "failed";
  }
  return "?";
}

PrefetchControls find_all(const PrefetchMachine& machine, const std::set<std::string>& actuators,
                          const PrefetchLoopSettings& settings, const std::vector<CpuGeneration>& registers,
                          Knobs& knobs) {
  PrefetchMachine wanted = machine;
  if (!settings.devices.empty())
    std::erase_if(wanted.devices, [&](const BlockDevice& d) { return !settings.devices.contains(d.name); });
  PrefetchControls all;
  for (const ActuatorEntry& actuator : actuator_table())
    if (actuators.contains(actuator.name)) actuator.find(wanted, registers, knobs, all);
  if (settings.devices.empty() || !actuators.contains(kReadahead)) return all;
  std::set<std::string> absent = settings.devices;
  for (const BlockDevice& each : machine.devices)
    if (absent.erase(each.name) == 0) all.refused.push_back({each.name, "not named in prefetch.devices"});
  for (const std::string& each : absent)
    all.refused.push_back({each, "prefetch.devices names it: there is no such block device"});
  return all;
}

}  // namespace

struct PrefetchLoop::Tuned {
  const FeedbackEntry* entry;
  std::vector<const PrefetchControl*> controls;
  std::vector<std::size_t> settings;  // in force
  PrefetchTuner tuner;
  Nanoseconds decided{};  // when it could last
  std::optional<double> progress;
  const char* progress_signal = "";
};

PrefetchLoop::PrefetchLoop(PrefetchLoopParts parts, PrefetchLoopSettings settings)
    : parts_(std::move(parts)), settings_(std::move(settings)), rates_(rate_settings()) {}

// While the log is still there to be told.
PrefetchLoop::~PrefetchLoop() {
  guard_.reset();
  collect("default", "tierd ends");
}

void PrefetchLoop::configure(std::set<std::string> actuators) { settings_.actuators = std::move(actuators); }

Result<std::vector<PrefetchWrite>> PrefetchLoop::arm() {
  if (guard_) return std::vector<PrefetchWrite>{};
  if (settings_.actuators.empty())
    return fail(ErrorKind::kUnsupported, "the configuration allows no prefetch setting to be changed",
                "name actuators in prefetch.arm, then `tierctl config reload`");
  return begin();
}

Result<std::unique_ptr<KnobGuard>> PrefetchLoop::make_guard() {
  auto journal = TIER_TRY(parts_.open_journal());
  return std::make_unique<KnobGuard>(parts_.knobs, std::move(journal), settings_.lease,
                                     [this](const KnobWrite& write) {
                                       const std::scoped_lock lock(fresh_mutex_);
                                       fresh_.push_back(write);
                                     });
}

Result<std::vector<PrefetchWrite>> PrefetchLoop::begin() {
  auto guard = TIER_TRY(make_guard());
  auto report = TIER_TRY(guard->begin(parts_.clock.now()));
  collect("default", "left by an earlier tierd");
  auto writes = told(report);
  TIER_TRY(find());
  guard_ = std::make_unique<LeaseWatch>(std::move(guard), parts_.clock, settings_.lease / 4);
  left_ = false;
  note_ = tuned_.empty() ? kNothingFound : "armed just now: nothing is metered yet";
  serve_meters(settings_.actuators);
  say(fmt::format("armed: {} controls, {} things that are not tuned", controls_.size(), refused_.size()));
  return writes;
}

Result<void> PrefetchLoop::find() {
  auto machine = TIER_TRY(parts_.read_machine());
  auto state = TIER_TRY(parts_.read_state());
  forget_found();
  machine_ = std::move(state);
  auto found = find_all(machine, settings_.actuators, settings_, parts_.registers, parts_.knobs);
  controls_ = std::move(found.controls), refused_ = std::move(found.refused);
  for (const FeedbackEntry& entry : feedback_table()) {
    std::vector<const PrefetchControl*> own;
    for (const PrefetchControl& each : controls_)
      if (each.actuator == entry.actuator) own.push_back(&each);
    if (own.empty()) continue;
    TunerSettings rules = settings_.tuner;
    rules.settle = intervals_of(entry.settle, settings_.interval),
    rules.block = std::max(intervals_of(entry.measure, settings_.interval), 1U);
    rules.sustain = entry.sustain, rules.noise = entry.noise;
    PrefetchTuner tuner(rules, tuned_controls(own));
    tuned_.push_back(
        {&entry, own, std::vector<std::size_t>(own.size()), std::move(tuner), parts_.clock.now(), {}, ""});
  }
  return {};
}

RateSettings PrefetchLoop::rate_settings() const {
  RateSettings rates;
  rates.cpus = static_cast<std::uint32_t>(std::max<std::size_t>(machine_.cpus.size(), 1));
  rates.max_age = 3 * settings_.interval;
  return rates;
}

void PrefetchLoop::serve_meters(const std::set<std::string>& actuators) {
  rates_ = SignalRates(rate_settings()), last_tick_.reset();
  if (parts_.serve_meters) parts_.serve_meters(actuators);
}

void PrefetchLoop::forget_found() { tuned_.clear(), controls_.clear(), refused_.clear(), lost_.clear(); }

Result<std::vector<PrefetchWrite>> PrefetchLoop::disarm() {
  if (!guard_) return left_ ? recover() : std::vector<PrefetchWrite>{};
  auto report = guard_->with([](KnobGuard& guard) { return guard.restore(); });
  if (!report) return tl::make_unexpected(report.error());
  guard_.reset();
  collect("default", "disarmed");
  auto writes = told(*report);
  forget_found();
  note_.clear(), serve_meters({});
  left_ = report->summary.failed > 0;
  say(fmt::format("disarmed: {} settings put back", report->summary.restored));
  return writes;
}

Result<std::vector<PrefetchWrite>> PrefetchLoop::recover() {
  auto guard = TIER_TRY(make_guard());
  const auto report = TIER_TRY(guard->restore());
  collect("default", "left the last time");
  left_ = report.summary.failed > 0;
  return told(report);
}

Result<PrefetchRehearsal> PrefetchLoop::rehearse(const std::set<std::string>& actuators) const {
  PrefetchControls found{controls_, refused_};
  if (!guard_) {
    auto machine = TIER_TRY(parts_.read_machine());
    found = find_all(machine, actuators, settings_, parts_.registers, parts_.knobs);
  }
  PrefetchRehearsal all{{}, std::move(found.refused)};
  for (const PrefetchControl& control : found.controls)
    for (const PrefetchSetting& setting : control.settings)
      for (const KnobValue& value : setting.values) {
        const auto before = parts_.knobs.read(value.knob.knob);
        if (!before) continue;  // it has gone meanwhile
        const std::uint64_t after = (*before & ~value.knob.mask) | (value.bits & value.knob.mask);
        if (*before != after)
          all.writes.push_back(
              {value.knob.knob, control.name, setting.name, *before, after, "would be written"});
      }
  return all;
}

// CPUs that came back hold what reset or firmware gave them, and so do all after the machine slept. What the
// others hold is put back before it is taken for the default.
void PrefetchLoop::look_at_machine() {
  const auto now = parts_.read_state();
  if (!now) return;
  const bool slept = now->slept - machine_.slept > kSleepJitter;
  if (!slept && now->cpus == machine_.cpus) return;
  say(slept ? "the machine slept: settings are looked at anew"
            : "CPUs came or went: settings are looked at anew");
  const auto put_back = guard_->with([&](KnobGuard& guard) -> Result<void> {
    TIER_TRY(guard.restore());
    for (const std::uint32_t cpu : now->cpus)
      if (slept || !std::binary_search(machine_.cpus.begin(), machine_.cpus.end(), cpu))
        TIER_TRY(guard.forget_cpu(cpu));
    return {};
  });
  collect("default", "the machine changed");
  if (!put_back) return say(put_back.error().text());
  forget_settings();
  if (auto found = find(); !found) say(found.error().text());
}

void PrefetchLoop::tick(const PrefetchNode& node) {
  if (!guard_) return;
  const Nanoseconds now = parts_.clock.now();
  look_at_machine();
  const bool lapsed = guard_->with([&](KnobGuard& guard) {
    const bool expired = guard.expire(now).has_value() || guard.expired();
    guard.renew(now);
    return expired;
  });
  collect("default", "the lease has run out");
  if (lapsed) {
    say("no decision for longer than the lease: everything was put back");
    forget_settings();
  }
  const auto readings = parts_.read_meters ? parts_.read_meters() : std::vector<MeterReadings>{};
  // The time after them, or they would lie in the future.
  rates_.take(readings, parts_.clock.now(), last_tick_ ? now - *last_tick_ : settings_.interval);
  last_tick_ = now;
  note_ = tuned_.empty() ? kNothingFound : "";
  if (tuned_.empty()) return;
  bool any = false;
  for (Tuned& each : tuned_) any |= decide(each, node);
  ++(any ? decided_ : undecided_);
  if (any) note_.clear();
}

void PrefetchLoop::forget_settings() {
  for (Tuned& each : tuned_) {
    each.tuner.put_back();
    std::fill(each.settings.begin(), each.settings.end(), 0U);
  }
}

// False: nothing could be decided; the note says why.
bool PrefetchLoop::decide(Tuned& tuned, const PrefetchNode& node) {
  const Nanoseconds now = parts_.clock.now();
  auto [feedback, signal] = tuned.entry->make({rates_, node, tuned.controls, now});
  tuned.progress = feedback.node.progress, tuned.progress_signal = signal;
  for (std::size_t i = 0; i < tuned.controls.size(); ++i)
    if (lost_.contains(tuned.controls[i]->name)) feedback.scopes[i].weight = 0;
  // One thing at a time on the whole node, or neither could be told from the other.
  for (const Tuned& other : tuned_)
    if (&other != &tuned && other.tuner.exploring()) feedback.node.may_explore = false;
  const std::uint64_t undecided = tuned.tuner.undecided();
  const auto settings = tuned.tuner.decide(feedback);
  if (tuned.tuner.undecided() == undecided) {
    tuned.decided = now;
    apply(tuned, settings);
    return true;
  }
  if (node.migrating)
    note_ = "a burst of page moves: frozen";
  else
    note_ += fmt::format("{}no sound reading of {}", note_.empty() ? "" : "; ", tuned.progress_signal);
  if (now - tuned.decided <= settings_.lease) return false;
  tuned.tuner.put_back();
  apply(tuned, std::vector<std::size_t>(tuned.controls.size()));
  return false;
}

void PrefetchLoop::apply(Tuned& tuned, const std::vector<std::size_t>& settings) {
  for (std::size_t i = 0; i < settings.size(); ++i)
    if (settings[i] != tuned.settings[i] && set(*tuned.controls[i], settings[i]))
      tuned.settings[i] = settings[i];
}

// All of a control's knobs, or none: what was written of a setting that does not take is put back.
bool PrefetchLoop::set(const PrefetchControl& control, std::size_t setting) {
  if (lost_.contains(control.name)) return false;
  bool lapsed = false;
  const auto written = guard_->with([&](KnobGuard& guard) -> Result<void> {
    for (const KnobValue& value : control.settings[setting].values)
      if (auto done = guard.set(value.knob, value.bits); !done) {
        lapsed = guard.expired();
        for (const KnobValue& found : control.settings[0].values) (void)guard.set(found.knob, found.bits);
        return done;
      }
    return {};
  });
  collect(control.settings[setting].name);
  // A tick that took longer than the lease is no fault of the control's: the next one begins anew.
  if (!written && !lapsed) {
    lost_.insert(control.name);
    refused_.push_back({control.name, written.error().text()});
    say(fmt::format("{} is given up: {}", control.name, written.error().text()));
  }
  return written.has_value();
}

std::string PrefetchLoop::control_of(const Knob& knob) const {
  for (const PrefetchControl& control : controls_)
    for (const KnobValue& value : control.settings.front().values)
      if (!KnobOrder{}(value.knob.knob, knob) && !KnobOrder{}(knob, value.knob.knob)) return control.name;
  return {};
}

std::vector<PrefetchWrite> PrefetchLoop::told(const RestoreReport& report) const {
  std::vector<PrefetchWrite> all;
  for (const TierRestoreEvent& event : report.events)
    all.push_back(
        {event.knob, control_of(event.knob), "default", event.found, event.left, fate_of(event.fate)});
  return all;
}

void PrefetchLoop::collect(const std::string& setting, const char* put_back) {
  std::vector<KnobWrite> fresh;
  {
    const std::scoped_lock lock(fresh_mutex_);
    fresh.swap(fresh_);
  }
  for (const KnobWrite& write : fresh) {
    ++written_;
    const std::string control = control_of(write.knob);
    say(fmt::format("{}{}, {}: {} {:#x} -> {:#x}", put_back != nullptr ? put_back : "",
                    put_back != nullptr && !control.empty() ? ", " + control : control, setting,
                    to_string(write.knob), write.before, write.after));
    writes_.push_back({write.knob, control, setting, write.before, write.after,
                       put_back != nullptr ? fate_of(kTierFateRestored) : "written"});
    if (writes_.size() > kWrites) writes_.pop_front();
  }
}

void PrefetchLoop::say(const std::string& text) const {
  if (parts_.log) parts_.log(text);
}

std::vector<TunedStanding> PrefetchLoop::standings() const {
  std::vector<TunedStanding> all;
  for (const Tuned& tuned : tuned_)
    for (std::size_t i = 0; i < tuned.controls.size(); ++i) {
      if (lost_.contains(tuned.controls[i]->name)) continue;
      const TuningContext& context = tuned.tuner.context(i);
      all.push_back({tuned.controls[i], tuned.settings[i], tuned.tuner.reason(i), context,
                     tuned.tuner.arms(context), tuned.tuner.transitions(i)});
    }
  return all;
}

std::vector<TuningDecision> PrefetchLoop::decisions(const PrefetchControl& control) const {
  std::vector<TuningDecision> own;
  for (const Tuned& tuned : tuned_) {
    const auto at = std::find(tuned.controls.begin(), tuned.controls.end(), &control);
    if (at == tuned.controls.end()) continue;
    const std::size_t kind = tuned.tuner.context(static_cast<std::size_t>(at - tuned.controls.begin())).kind;
    for (const TuningDecision& each : tuned.tuner.decisions())
      if (each.context.kind == kind) own.push_back(each);
  }
  return own;
}

std::vector<NamedProgress> PrefetchLoop::progress() const {
  std::vector<NamedProgress> all;
  for (const Tuned& each : tuned_) all.push_back({each.entry->actuator, each.progress_signal, each.progress});
  return all;
}

}  // namespace tier
