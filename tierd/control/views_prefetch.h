// The views of prefetch control; by the rules of views.h, which includes this.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace tier {

// What tells whether a prefetch setting is worth it.
struct PrefetchMeterView {
  std::string name;  // "papi", "vmstat", …
  bool used = false;
  std::string reason;
};

struct PrefetchSignalView {
  std::string name;  // of platform/api/meter.h
  // Over the last interval, all units together; null: no sound reading, or a caller without privilege.
  std::optional<double> per_second;
  std::uint64_t refused = 0;  // readings that were stale, went backwards or were multiplexed
};

// One prefetch setting that is tuned as one.
struct PrefetchControlView {
  std::string name;                   // "core 3", "sdb", "swap"
  std::string actuator;               // "hardware", "readahead", "page-cluster"
  std::string scope;                  // "core", "module", "device", "system"
  std::string setting;                // in force; "default" is what was found
  std::vector<std::string> settings;  // all, the default first
  std::string context;  // "sequential, slow tier busy", …; hidden from callers without privilege
  std::string reason;   // one sentence: why this setting; likewise
  std::optional<double> gain, gain_low,
      gain_high;  // of the setting against the default, share of the progress; 95 %
  std::uint64_t transitions = 0;
};

struct PrefetchRefusalView {
  std::string name, reason;
};

// Advice ahead of need (process_madvise).
struct PrefetchAdviceView {
  bool armed = false;
  std::uint64_t ranges = 0;  // advised since start
  std::uint64_t advised_bytes = 0, used_bytes = 0, judged_bytes = 0;
  std::optional<double> useful_share;  // of the judged, lately
  std::string state;                   // one sentence
};

struct PrefetchView {
  std::string schema = "io.tierd.prefetch/1";
  std::string state;               // "off", "armed", "disarmed"
  std::vector<std::string> armed;  // actuators that the configuration allows to be set
  std::string note;                // one sentence: why nothing is decided just now; empty when it is
  std::string journal;             // file
  std::uint64_t decisions = 0, undecided = 0;  // intervals with and without a sound reading
  std::uint64_t writes = 0, transitions = 0;
  // Work of the node's programs; in its signal's unit per second. Hidden from callers without privilege.
  std::optional<double> progress;
  std::string progress_signal;
  std::vector<PrefetchControlView> controls;
  std::vector<PrefetchRefusalView> refused;  // what is not tuned, and why
  std::vector<PrefetchMeterView> meters;
  std::vector<PrefetchSignalView> signals;
  PrefetchAdviceView advice;
};

// One number of the machine that is, was or would be written.
struct PrefetchWriteView {
  std::string knob;  // "register 0x1a4 of CPU 3"
  std::string control, setting;
  std::string before, after;  // registers in hex
  std::string fate;  // "written", "would be written", "restored", "somebody else's, left alone", "failed"
};

// What arm, disarm and restore did, or would do.
struct PrefetchWritesView {
  std::string schema = "io.tierd.prefetch-writes/1";
  std::string state;  // of PrefetchView, afterwards
  bool dry_run = false;
  std::vector<PrefetchWriteView> writes;
  std::vector<PrefetchRefusalView> refused;
};

// What is known of one setting of a control in its present context.
struct PrefetchArmView {
  std::string setting;
  std::optional<double> gain, gain_low, gain_high;  // against the default, share of the progress; 95 %
  double evidence = 0;                              // intervals, the older the less they count
};

struct PrefetchDecisionView {
  std::uint64_t tick = 0;
  std::string from, to;
  std::string reason;  // hidden from callers without privilege
};

struct PrefetchExplainView {
  std::string schema = "io.tierd.prefetch-explain/1";
  PrefetchControlView control;
  std::vector<PrefetchArmView> arms;            // the default first
  std::vector<PrefetchDecisionView> decisions;  // latest first
  std::vector<PrefetchWriteView> writes;        // latest first
};

}  // namespace tier
