// Which prefetch setting each control should have: a contextual bandit over settings, judged by the node's
// progress in time slices, that keeps the default wherever nothing better is proven.
//
// Controls in the same context (context.h) share what is known and are set alike. One thing at a time is
// tried, against the setting in force, for a few intervals (trial.h); the default gets slices of time for as
// long as something else is in force, at growing distances, and takes over where it wins them. Thresholds are
// asymmetric: a setting must gain `trial.up` to be taken, and is dropped when the default's slices leave it
// less than `keep`.
#pragma once

#include <deque>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "prefetch/tuner/arms.h"
#include "prefetch/tuner/context.h"
#include "prefetch/tuner/policy.h"
#include "prefetch/tuner/trial.h"

namespace tier {

struct TunerSettings {
  TrialRules trial;
  unsigned sustain = 3;  // intervals that a control's context must have looked different
  unsigned settle = 0;   // intervals after a change that tell nothing yet
  // Intervals that are measured as one: contexts are followed every interval, what settings are worth needs
  // longer where intervals are short. All numbers of intervals that follow count those.
  unsigned block = 1;
  double noise = 0.01;       // of one interval's log progress, standard deviation, until it has been seen
  double keep = 0.005;       // gain below which the default takes over, in logarithm
  double discount = 0.99;    // of evidence, each interval
  unsigned dwell = 3;        // intervals after a decision in which its context tries nothing
  unsigned baseline = 2;     // intervals of the setting in force that a trial is compared with, at least
  unsigned first_check = 8;  // intervals until the default's first slice; each later one comes twice as late
  unsigned retry = 48;       // intervals until what did not win is tried again; doubles with each time
  double least_weight = 0.05;  // share of the activity below which a context is not tried on
  // Share of the progress that trying may cost, over the whole life; `credit` intervals' worth at the start.
  double budget = 0.01, credit = 2;
  unsigned transitions_per_minute = 12;  // of one control
};

struct TunedControl {
  std::size_t kind = 0;            // controls with the same settings in the same order have the same
  std::vector<std::size_t> order;  // its settings, from the least prefetching to the most
};

// Why a control has its setting.
enum class TuningReason : std::uint8_t {
  kNothingBetter,  // the default; nothing better is proven in its context
  kBetter,         // it gained in its context
  kTrying,
  kDefaultSlice,  // the default is compared with the better one
  kUnused,        // nothing has run there yet
};
const char* to_string(TuningReason reason);

struct TuningDecision {
  std::uint64_t interval = 0;
  TuningContext context;
  std::size_t from = 0, to = 0;
  std::string reason;  // for people
};

class PrefetchTuner final : public PrefetchPolicy {
 public:
  PrefetchTuner(TunerSettings settings, std::vector<TunedControl> controls);

  std::vector<std::size_t> decide(const PrefetchFeedback& feedback) override;
  // Somebody has put everything back to its default; what was learnt stays.
  void put_back();

  bool exploring() const { return test_.has_value(); }
  std::uint64_t undecided() const { return undecided_; }
  std::uint64_t transitions(std::size_t control) const { return controls_[control].transitions; }
  TuningReason reason(std::size_t control) const;
  const TuningContext& context(std::size_t control) const { return contexts_.of(control); }
  // Null: the context was never live.
  const Arms* arms(const TuningContext& context) const;
  const std::deque<TuningDecision>& decisions() const { return decisions_; }  // latest last; at most 256

 private:
  struct Control {
    TunedControl is;
    std::size_t setting = 0;
    double weight = 0;
    std::uint64_t transitions = 0;
    std::deque<Nanoseconds> changed;  // times, of the last minute
  };
  struct Test {
    TuningContext context;
    std::size_t from = 0, to = 0;
    bool slice = false;     // `to` is the default, given a slice of time
    double weight = 0;      // share of the activity
    unsigned blind = 0;     // intervals without a reading
    unsigned hopeless = 0;  // short intervals in a row
    Trial trial;
  };

  std::vector<std::size_t> settings() const;
  bool all_default() const;
  void weigh(const PrefetchFeedback& feedback);
  bool give_up(double log_progress);
  void learn(double log_progress, const NodeFeedback& node);
  const TuningContext& dominant() const;
  bool odd(double log_progress) const;
  void steady(double log_progress);
  void doubt();
  void run_test(double log_progress);
  void end_trial(const Test& test, TrialState state);
  void end_slice(const Test& test, TrialState state);
  void start_something(const NodeFeedback& node);
  bool check_due(Nanoseconds now);
  void try_something(Nanoseconds now);
  void start(const TuningContext& context, std::size_t to, bool slice, std::string reason);
  void take(const TuningContext& context, std::size_t setting, std::string reason);
  bool apply(Nanoseconds now);  // true: what is measured from now on is under other settings
  bool may_change(Control& control, unsigned changes, Nanoseconds now) const;
  bool may_test(const TuningContext& context, Nanoseconds now);
  std::size_t wanted(std::size_t control) const;
  const std::vector<std::size_t>& order_of(std::size_t kind) const;
  void note(const TuningContext& context, std::size_t from, std::size_t to, std::string reason);

  TunerSettings rules_;
  std::vector<Control> controls_;
  ContextTracker contexts_;
  std::map<TuningContext, Arms> known_;
  std::map<TuningContext, double> live_, before_;  // context -> share of the activity; in the interval before
  Level block_;                                    // log progress of intervals that are measured as one
  std::deque<double> window_;                      // log progress under the present settings, latest last
  std::optional<Test> test_;
  double spent_ = 0;       // intervals' worth of progress that trying has cost
  unsigned odd_ = 0;       // intervals in a row far off the window
  unsigned settling_ = 0;  // intervals still to be passed over
  std::uint64_t interval_ = 0, undecided_ = 0;
  std::deque<TuningDecision> decisions_;
};

}  // namespace tier
