// Keeps what stall samples mean on this machine up to date: from a prior, from the calibration loop, run in a
// child beside the watched programs until it is settled, and from the watched programs' own samples.
#pragma once

#include <memory>
#include <optional>
#include <string>

#include "core/clock.h"
#include "platform/linux/sampling/calibration.h"
#include "platform/linux/sampling/sampling_settings.h"
#include "platform/linux/sampling/stall_evidence.h"

namespace tier {

struct StallCalibration {
  bool at_block_starts = false;    // see StallEvidence
  unsigned samples = 0;            // of the calibration loop
  bool ip_is_behind = true;        // the saved pointer is that of the instruction after the one waited for
  double concentration = 0;        // share of samples at the load, over the load's share of instructions
  double right_share = 0;          // of the samples at the load, decoded into the buffer
  bool settled = false;            // else the prior still counts
  double instruction_seconds = 0;  // mean, in the loop
  WeightMeaning meaning = WeightMeaning::kStall;

  // Whether samples are to be decoded and weighed alike under both.
  bool same_rule(const StallCalibration& other) const {
    return ip_is_behind == other.ip_is_behind && meaning == other.meaning;
  }
};

// Blocks for a fork and for the end of a killed child only. Not thread-safe.
class LiveCalibration {
 public:
  // `clock` must outlive this. `with_child` false: no calibration loop runs.
  LiveCalibration(const SamplingSettings& settings, const Clock& clock, WeightMeaning prior, bool with_child);

  // Starts the child when it is due, and ends it once all is settled or its time is over. A run that settled
  // nothing is repeated after 40 s, then after twice as long each time, an hour at most: with 0.4 s of CPU
  // time each, never more than 1 % of a CPU. True when child() has changed.
  bool advance();
  // The child, to be watched beside the programs.
  std::optional<Pid> child() const;

  // A sample of the child; `picked`: the address that it decodes to.
  void add_calibration(Address ip, std::optional<Address> picked);
  void add_live(Address ip, X86Transition transition) { evidence_.add_live(ip, transition); }

  bool settled() const { return evidence_.settled(); }
  StallCalibration verdict() const;
  std::string describe() const;

 private:
  bool end_child();

  const SamplingSettings& settings_;
  const Clock& clock_;
  bool with_child_;
  StallEvidence evidence_;
  std::unique_ptr<CalibrationChild> child_;
  Nanoseconds next_run_{}, pause_;
  double instruction_seconds_;
  std::string trouble_;  // why the last run did not start
};

}  // namespace tier
