// One comparison of two settings by time slices: before, during, after. The node's progress is compared with
// itself, for a group of controls that is compared with its neighbours at the same time gains or loses by
// what it does to them (a shared bandwidth).
#pragma once

#include <cstddef>
#include <optional>
#include <vector>

namespace tier {

// Mean of some intervals' logarithm of progress.
struct Level {
  double sum = 0;
  unsigned count = 0;
  void add(double value) { sum += value, ++count; }
  double mean() const { return count > 0 ? sum / count : 0; }
};

struct TrialRules {
  unsigned longest = 4;  // intervals of the other setting
  unsigned after = 2;    // intervals of the first setting again
  double up = 0.02;      // what a setting must gain at least to be taken, in logarithm
  double sure_up = 3;    // and by how many standard deviations it must be above nothing
  double sure_down = 2;  // standard deviations below nothing at which a trial is broken off
  double down = 0.01;    // and loss that it must have at least
};

enum class TrialState : unsigned char {
  kDuring,
  kAfter,  // it went back; what is seen now guards against a change that came with the trial
  kWon,    // the other setting is better: stay with it
  kDone,   // it is not, or not clearly; see gain()
  kVoid,   // nothing can be said
};

class Trial {
 public:
  // `before`: the level under the setting in force; `noise`: standard deviation of one interval.
  Trial(TrialRules rules, Level before, double noise);

  // An interval has passed under the setting that state() asks for: kDuring the other one, kAfter the first.
  TrialState see(double log_progress);
  // One short interval of the other setting, of which see() is told in longer ones, that leaves no hope: a
  // quarter less, and far beyond the noise.
  bool hopeless(double log_progress) const;
  // Breaks the trial off, with this as what the other setting gave.
  void give_up(double log_progress);
  TrialState state() const { return state_; }
  // Of the other setting against the first, with its variance.
  double gain() const;
  double variance() const;
  unsigned intervals() const { return during_.count; }  // of the other setting

 private:
  TrialState judge_during() const;
  double noise_of(unsigned before, unsigned during) const;

  TrialRules rules_;
  Level before_, during_, after_;
  double noise_;
  TrialState state_ = TrialState::kDuring;
};

}  // namespace tier
