#include "prefetch/tuner/tuner.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <utility>

#include "core/normal.h"

namespace tier {
namespace {

constexpr double kLeastNoise = 0.002;
constexpr unsigned kNoiseMemory = 20;  // intervals
constexpr std::size_t kWindow = 6;     // intervals: long enough for a mean, short enough to follow a load
// So far off the window, in standard deviations and in logarithm, is no noise.
constexpr double kOddDeviations = 5, kOddLevel = 0.05;
constexpr double kRecomposed = 0.1;  // share of the activity in another context: nothing before compares
constexpr unsigned kMostBlind = 3;   // intervals without a reading that a test outlives
constexpr unsigned kMostDoublings = 5;
constexpr double kDoubt = 0.1;  // what evidence is worth after a change of the load
constexpr std::size_t kDecisions = 256;
constexpr Nanoseconds kMinute = std::chrono::minutes(1);

std::vector<std::size_t> kinds_of(const std::vector<TunedControl>& controls) {
  std::vector<std::size_t> kinds;
  kinds.reserve(controls.size());
  for (const TunedControl& each : controls) kinds.push_back(each.kind);
  return kinds;
}

std::string percent(double log_gain) { return fmt::format("{:+.1f} %", 100 * std::expm1(log_gain)); }

std::string percent(const Trial& trial, double weight) {
  return fmt::format("{} ± {:.1f}", percent(trial.gain() / weight),
                     100 * kNormal95 * std::sqrt(trial.variance()) / weight);
}

// Where prefetching is likely to be in the way less of it is looked at first.
bool less_first(const TuningContext& context) {
  return context.busy || context.pattern != AccessPattern::kSequential;
}

// A slice is the default's chance: it wins by being better at all, and is over once it is clearly worse.
TrialRules slice_rules(const TunerSettings& rules) {
  return {.longest = 3, .after = 1, .up = rules.keep, .sure_up = 2, .sure_down = 2, .down = rules.keep};
}

}  // namespace

const char* to_string(TuningReason reason) {
  switch (reason) {
    case TuningReason::kNothingBetter:
      return "nothing better is proven";
    case TuningReason::kBetter:
      return "better than the default";
    case TuningReason::kTrying:
      return "being tried";
    case TuningReason::kDefaultSlice:
      return "the default is compared with the better one";
    case TuningReason::kUnused:
      return "nothing has run there yet";
  }
  return "?";
}

PrefetchTuner::PrefetchTuner(TunerSettings settings, std::vector<TunedControl> controls)
    : rules_(settings), contexts_(kinds_of(controls), settings.sustain) {
  for (TunedControl& each : controls) controls_.emplace_back().is = std::move(each);
}

std::vector<std::size_t> PrefetchTuner::decide(const PrefetchFeedback& feedback) {
  const double changed = contexts_.see(feedback, all_default());
  weigh(feedback);
  if (changed > kRecomposed) window_.clear(), block_ = {}, test_.reset(), doubt();
  const auto& progress = feedback.node.progress;
  const bool sound = progress && std::isfinite(*progress) && *progress > 0 && !live_.empty();
  if (!sound || feedback.node.migrating) {
    ++undecided_;
    if (test_ && ++test_->blind > kMostBlind) test_.reset();
    return settings();
  }
  const double level = std::log(*progress);
  const bool strange = odd_ > 0 || odd(level);
  // What a context is known to want it gets at once; what was just measured was under something else.
  if (apply(feedback.node.time)) {
    // Contexts changed and with them the load: nothing under the old settings will tell more.
    if (strange) doubt();
    return settings();
  }
  if (give_up(level)) {
    apply(feedback.node.time);
    return settings();
  }
  if (settling_ > 0) {
    --settling_;
    return settings();
  }
  block_.add(level);
  if (block_.count < rules_.block) return settings();
  learn(std::exchange(block_, {}).mean(), feedback.node);
  apply(feedback.node.time);
  return settings();
}

// What costs a quarter of the progress and more is not measured to the end. Two in a row: in one the load may
// have paused.
bool PrefetchTuner::give_up(double level) {
  if (!test_ || rules_.block == 1) return false;
  test_->hopeless = test_->trial.hopeless(level) ? test_->hopeless + 1 : 0;
  if (test_->hopeless < 2) return false;
  test_->trial.give_up(level);
  return true;
}

void PrefetchTuner::learn(double level, const NodeFeedback& node) {
  ++interval_;
  for (const auto& [context, weight] : live_) {
    Arms& arms = known_[context];
    ++arms.seen;
    arms.fade(rules_.discount);
  }
  steady(level);
  if (test_) run_test(level);
  if (!test_) start_something(node);
}

void PrefetchTuner::put_back() {
  test_.reset(), window_.clear(), block_ = {};
  settling_ = odd_ = 0;
  for (Control& each : controls_) each.setting = 0;
}

void PrefetchTuner::weigh(const PrefetchFeedback& feedback) {
  before_ = std::exchange(live_, {});
  for (std::size_t i = 0; i < controls_.size(); ++i) {
    controls_[i].weight = feedback.scopes[i].weight;
    if (controls_[i].weight > 0) live_[contexts_.of(i)] += controls_[i].weight;
  }
  for (const auto& [context, weight] : live_) {
    Arms& arms = known_[context];
    arms.arms.resize(order_of(context.kind).size());
    if (!(arms.noise > 0)) arms.noise = rules_.noise;
  }
}

// The context that the node's progress is most of all: others may be far noisier.
const TuningContext& PrefetchTuner::dominant() const {
  const auto most = std::max_element(live_.begin(), live_.end(),
                                     [](const auto& a, const auto& b) { return a.second < b.second; });
  return most->first;
}

// Far off what was seen under the present settings.
bool PrefetchTuner::odd(double level) const {
  if (window_.empty()) return false;
  double mean = 0;
  for (const double each : window_) mean += each / static_cast<double>(window_.size());
  return std::abs(level - mean) > std::max(kOddDeviations * known_.at(dominant()).noise, kOddLevel);
}

// Keeps the window of what was seen under the present settings.
void PrefetchTuner::steady(double level) {
  if (!window_.empty()) {
    Arms& arms = known_.at(dominant());
    odd_ = odd(level) ? odd_ + 1 : 0;
    if (odd_ == 1) return;
    if (odd_ > 1) {
      odd_ = 0, window_.clear();
      doubt();
    } else {
      const double step = level - window_.back();
      // The first guess counts as much as two differences.
      arms.noise_seen = std::min(arms.noise_seen + 1, kNoiseMemory);
      const double fresh = 1.0 / (arms.noise_seen + 2);
      const double variance = (1 - fresh) * arms.noise * arms.noise + fresh * step * step / 2;
      arms.noise = std::max(std::sqrt(variance), kLeastNoise);
    }
  }
  window_.push_back(level);
  if (window_.size() > kWindow) window_.pop_front();
}

// The load has changed. Where the context looks as before what is in force must prove itself again, and what
// did not win may.
void PrefetchTuner::doubt() {
  for (const auto& [context, weight] : live_) {
    if (!before_.contains(context)) continue;
    Arms& arms = known_[context];
    arms.check_at = std::min(arms.check_at, arms.seen + rules_.baseline);
    arms.fade(kDoubt);
    for (Arm& arm : arms.arms) arm.due = std::min(arm.due, interval_ + rules_.first_check);
  }
}

void PrefetchTuner::run_test(double level) {
  const auto live = live_.find(test_->context);
  if (live == live_.end() || live->second < test_->weight / 2) return test_.reset();
  const TrialState state = test_->trial.see(level);
  if (state == TrialState::kDuring || state == TrialState::kAfter) return;
  const Test test = *std::exchange(test_, std::nullopt);
  if (state != TrialState::kVoid)
    spent_ += std::max(0.0, -std::expm1(test.trial.gain())) * test.trial.intervals();
  test.slice ? end_slice(test, state) : end_trial(test, state);
}

void PrefetchTuner::end_trial(const Test& test, TrialState state) {
  Arms& arms = known_[test.context];
  Arm& arm = arms.arms[test.to];
  arms.rest_until = interval_ + rules_.dwell;
  if (state == TrialState::kVoid) {
    arm.due = interval_ + rules_.retry;
    return note(test.context, test.to, test.from, "the load changed meanwhile: it tells nothing");
  }
  const Arm& from = arms.arms[test.from];
  const double uncertain = test.from == 0 || !from.tried() ? 0 : 1 / from.precision;
  arm.observe(from.gain + test.trial.gain() / test.weight,
              test.trial.variance() / (test.weight * test.weight) + uncertain);
  const std::string found = percent(test.trial, test.weight);
  if (state == TrialState::kWon) {
    arm.failures = arms.checks = 0;
    arms.check_at = arms.seen + rules_.first_check;
    return take(test.context, test.to, fmt::format("it gained {}", found));
  }
  arm.due = interval_ + (std::uint64_t{rules_.retry} << std::min(arm.failures++, kMostDoublings));
  note(test.context, test.to, test.from, fmt::format("not clearly better: {}", found));
}

void PrefetchTuner::end_slice(const Test& test, TrialState state) {
  Arms& arms = known_[test.context];
  Arm& arm = arms.arms[test.from];
  if (state == TrialState::kVoid) {
    arms.check_at = arms.seen + rules_.first_check;
    return;
  }
  arm.observe(-test.trial.gain() / test.weight, test.trial.variance() / (test.weight * test.weight));
  if (state == TrialState::kWon || arm.gain < rules_.keep) {
    // Against what was known of it, or with a load that changed just then: it is as if it had never been
    // tried.
    arm.gain = arm.precision = 0;
    arms.rest_until = interval_ + rules_.dwell;
    arm.due = interval_ + (std::uint64_t{rules_.first_check} << std::min(arm.failures++, kMostDoublings));
    return take(test.context, 0,
                fmt::format("the default won its slice of time by {}", percent(test.trial, test.weight)));
  }
  arms.check_at = arms.seen + (std::uint64_t{rules_.first_check} << std::min(++arms.checks, kMostDoublings));
}

void PrefetchTuner::start_something(const NodeFeedback& node) {
  if (window_.size() < rules_.baseline || odd_ > 0 || !node.may_explore) return;
  if (!check_due(node.time)) try_something(node.time);
}

bool PrefetchTuner::check_due(Nanoseconds now) {
  for (const auto& [context, weight] : live_) {
    const Arms& arms = known_[context];
    if (arms.incumbent == 0 || arms.seen < arms.check_at || !may_test(context, now)) continue;
    start(context, 0, true, "a slice of time for the default");
    return true;
  }
  return false;
}

void PrefetchTuner::try_something(Nanoseconds now) {
  if (spent_ > rules_.credit + rules_.budget * static_cast<double>(interval_)) return;
  double most = rules_.least_weight;
  const TuningContext* best = nullptr;
  std::size_t setting = 0;
  for (const auto& [context, weight] : live_) {
    const Arms& arms = known_[context];
    if (weight < most || interval_ < arms.rest_until) continue;
    const auto candidate =
        next_candidate(arms, order_of(context.kind), less_first(context), interval_, rules_.trial.up);
    if (!candidate || !may_test(context, now)) continue;
    most = weight, best = &context, setting = *candidate;
  }
  if (best != nullptr) start(*best, setting, false, "tried");
}

void PrefetchTuner::start(const TuningContext& context, std::size_t to, bool slice, std::string reason) {
  Level before;
  for (const double each : window_) before.add(each);
  const std::size_t from = known_[context].incumbent;
  test_.emplace(Test{context, from, to, slice, live_[context], 0, 0,
                     Trial(slice ? slice_rules(rules_) : rules_.trial, before, known_.at(dominant()).noise)});
  note(context, from, to, std::move(reason));
}

void PrefetchTuner::take(const TuningContext& context, std::size_t setting, std::string reason) {
  std::size_t& incumbent = known_[context].incumbent;
  note(context, incumbent, setting, std::move(reason));
  incumbent = setting;
}

// Whether so many more changes of the control are within what a minute may have.
bool PrefetchTuner::may_change(Control& control, unsigned changes, Nanoseconds now) const {
  auto& changed = control.changed;
  while (!changed.empty() && now - changed.front() >= kMinute) changed.pop_front();
  return changed.size() + changes <= rules_.transitions_per_minute;
}

// A slice or a trial is two changes.
bool PrefetchTuner::may_test(const TuningContext& context, Nanoseconds now) {
  for (std::size_t i = 0; i < controls_.size(); ++i)
    if (contexts_.of(i) == context && !may_change(controls_[i], 2, now)) return false;
  return true;
}

std::size_t PrefetchTuner::wanted(std::size_t i) const {
  const Control& control = controls_[i];
  if (!(control.weight > 0)) return control.setting;
  const TuningContext& context = contexts_.of(i);
  if (test_ && test_->context == context)
    return test_->trial.state() == TrialState::kDuring ? test_->to : test_->from;
  return known_.at(context).incumbent;
}

bool PrefetchTuner::apply(Nanoseconds now) {
  double moved = 0;
  for (std::size_t i = 0; i < controls_.size(); ++i) {
    Control& control = controls_[i];
    std::size_t setting = wanted(i);
    // The default is always open.
    if (setting != control.setting && setting != 0 && !may_change(control, 1, now)) setting = 0;
    if (setting == control.setting) continue;
    control.setting = setting;
    ++control.transitions;
    control.changed.push_back(now);
    moved += control.weight;
  }
  if (moved < rules_.least_weight) return false;
  window_.clear(), block_ = {}, odd_ = 0;
  settling_ = rules_.settle;
  return true;
}

std::vector<std::size_t> PrefetchTuner::settings() const {
  std::vector<std::size_t> all;
  for (const Control& each : controls_) all.push_back(each.setting);
  return all;
}

bool PrefetchTuner::all_default() const {
  return std::all_of(controls_.begin(), controls_.end(), [](const Control& c) { return c.setting == 0; });
}

const std::vector<std::size_t>& PrefetchTuner::order_of(std::size_t kind) const {
  return std::find_if(controls_.begin(), controls_.end(), [&](const Control& c) { return c.is.kind == kind; })
      ->is.order;
}

TuningReason PrefetchTuner::reason(std::size_t control) const {
  const auto known = known_.find(contexts_.of(control));
  if (known == known_.end()) return TuningReason::kUnused;
  if (test_ && test_->context == known->first && test_->trial.state() == TrialState::kDuring)
    return test_->slice ? TuningReason::kDefaultSlice : TuningReason::kTrying;
  return known->second.incumbent == 0 ? TuningReason::kNothingBetter : TuningReason::kBetter;
}

const Arms* PrefetchTuner::arms(const TuningContext& context) const {
  const auto known = known_.find(context);
  return known == known_.end() ? nullptr : &known->second;
}

void PrefetchTuner::note(const TuningContext& context, std::size_t from, std::size_t to, std::string reason) {
  decisions_.push_back({interval_, context, from, to, std::move(reason)});
  if (decisions_.size() > kDecisions) decisions_.pop_front();
}

}  // namespace tier
