// Turns rates of signals into what the tuner of each actuator is told: the node's progress and each control's
// share and context.
#pragma once

#include <optional>
#include <vector>

#include "prefetch/controls/control.h"
#include "prefetch/meters/rates.h"
#include "prefetch/tuner/feedback.h"

namespace tier {

// What samples tell of one CPU.
struct CpuActivity {
  AccessPattern pattern = AccessPattern::kUnknown;  // of the hottest instructions
  double stall = 0,
         slow_stall = 0;  // seconds waited for memory lately, and of them for tiers below the fastest
};

// What is known of the node besides meters.
struct PrefetchNode {
  std::vector<CpuActivity> cpus;             // by CPU number; those beyond are not known
  std::optional<double> fast_use, slow_use;  // as NodeFeedback
  bool migrating = false;
};

struct FeedbackInput {
  const SignalRates& rates;
  const PrefetchNode& node;
  const std::vector<const PrefetchControl*>& controls;  // all of one actuator
  Nanoseconds now{};
};

struct ActuatorFeedback {
  PrefetchFeedback feedback;
  const char* progress_signal = "";  // what the progress is counted in
};

struct FeedbackEntry {
  const char* actuator;   // of actuator_table()
  Nanoseconds settle{};   // until a setting shows
  Nanoseconds measure{};  // shortest time over which progress is compared
  double noise = 0.01;    // of such a time's log progress, until it has been seen
  unsigned sustain = 1;   // intervals until a context is believed; more where it comes from few samples
  ActuatorFeedback (*make)(const FeedbackInput& input);
};

// One entry for each actuator that is tuned.
const std::vector<FeedbackEntry>& feedback_table();

}  // namespace tier
