// Prefetch control as a whole: the node's meters are read, a tuner for each actuator chooses settings, the
// knob guard writes them. Off until armed; whatever ends it, everything is put back.
#pragma once

#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "core/clock.h"
#include "platform/api/meter.h"
#include "prefetch/controls/control.h"
#include "prefetch/guard/lease_watch.h"
#include "prefetch/loop/feedback.h"
#include "prefetch/meters/rates.h"
#include "prefetch/tuner/tuner.h"

namespace tier {

struct PrefetchLoopSettings {
  std::set<std::string> actuators;                 // that may be set, of actuator_table()
  std::set<std::string> devices;                   // whose read-ahead may be set; none: all
  Nanoseconds interval = std::chrono::seconds(1);  // between two decisions
  // Time without a decision after which an actuator's controls are put back; and without a tick after which
  // everything is.
  Nanoseconds lease = std::chrono::seconds(10);
  TunerSettings tuner;
};

struct PrefetchLoopParts {
  Knobs& knobs;
  const Clock& clock;  // thread-safe
  // Called with the actuators that are armed before their first decision, and with none once all is put back:
  // meters that only they need are started and stopped.
  std::function<void(const std::set<std::string>& actuators)> serve_meters = {};
  // What all meters that run read now, in their order of precedence.
  std::function<std::vector<MeterReadings>()> read_meters = {};
  std::vector<CpuGeneration> registers = {};
  std::function<Result<PrefetchMachine>()> read_machine = {};
  std::function<Result<MachineState>()> read_state = {};
  std::function<Result<KnobJournal>()> open_journal = {};
  std::function<void(const std::string&)> log = {};  // for people: every write, and what went wrong
};

// A write that was made, or would be.
struct PrefetchWrite {
  Knob knob{};
  std::string control, setting;
  std::uint64_t before = 0, after = 0;
  std::string fate;  // "written", "would be written", "restored", …
};

// What arming could do.
struct PrefetchRehearsal {
  std::vector<PrefetchWrite> writes;
  std::vector<PrefetchRefusal> refused;
};

// One control as it stands, for views.
struct TunedStanding {
  const PrefetchControl* control = nullptr;
  std::size_t setting = 0;
  TuningReason reason{};
  TuningContext context;
  const Arms* arms = nullptr;  // of its context; null: none yet
  std::uint64_t transitions = 0;
};

// What an actuator's settings are judged by.
struct NamedProgress {
  std::string actuator, signal;
  std::optional<double> per_second;  // none: no sound reading in the last interval
};

// Not thread-safe, but for what LeaseWatch does.
class PrefetchLoop {
 public:
  PrefetchLoop(PrefetchLoopParts parts, PrefetchLoopSettings settings);
  ~PrefetchLoop();
  PrefetchLoop(const PrefetchLoop&) = delete;
  PrefetchLoop& operator=(const PrefetchLoop&) = delete;

  // Finds what can be set and begins; what an earlier process left is put back first. kUnsupported: nothing
  // may be set by the settings. That there is nothing which could be set is no error: CPUs come later.
  // Idempotent.
  Result<std::vector<PrefetchWrite>> arm();
  // Everything is put back; what could not be, the last time, is tried again. On an error, which is that the
  // journal cannot be read, it stays armed.
  Result<std::vector<PrefetchWrite>> disarm();
  // Where it is not armed: puts back what the journal tells of, left by an earlier process or by a disarm()
  // that could not. Makes the journal where there is none.
  Result<std::vector<PrefetchWrite>> recover();
  // What arm() could write, with these actuators allowed: what each knob holds now, and what each setting
  // would make of it. Writes and changes nothing.
  Result<PrefetchRehearsal> rehearse(const std::set<std::string>& actuators) const;
  void configure(std::set<std::string> actuators);  // those that may be set, from the next arm() on

  // One decision. `node` is as fresh as the last interval.
  void tick(const PrefetchNode& node);

  const PrefetchLoopSettings& settings() const { return settings_; }
  const std::string& note() const { return note_; }  // why nothing is decided just now; or empty
  std::uint64_t decided() const { return decided_; }
  std::uint64_t undecided() const { return undecided_; }
  std::uint64_t written() const { return written_; }
  std::vector<TunedStanding> standings() const;
  // About controls like this one, oldest first.
  std::vector<TuningDecision> decisions(const PrefetchControl& control) const;
  const std::vector<PrefetchRefusal>& refused() const { return refused_; }
  const std::deque<PrefetchWrite>& writes() const { return writes_; }  // latest last; at most 256
  const SignalRates& rates() const { return rates_; }
  std::vector<NamedProgress> progress() const;

 private:
  struct Tuned;  // one actuator's controls and their tuner
  Result<std::unique_ptr<KnobGuard>> make_guard();
  Result<std::vector<PrefetchWrite>> begin();
  Result<void> find();
  void look_at_machine();
  bool decide(Tuned& tuned, const PrefetchNode& node);
  void apply(Tuned& tuned, const std::vector<std::size_t>& settings);
  bool set(const PrefetchControl& control, std::size_t setting);
  void forget_settings();  // everything has been put back
  // The guard's writes since the last call, which gave controls this setting; or put them back, and why.
  void collect(const std::string& setting, const char* put_back = nullptr);
  std::vector<PrefetchWrite> told(const RestoreReport& report) const;
  std::string control_of(const Knob& knob) const;  // its name; empty: none that is known
  void say(const std::string& text) const;
  void forget_found();
  RateSettings rate_settings() const;
  void serve_meters(const std::set<std::string>& actuators);  // rates begin anew

  PrefetchLoopParts parts_;
  PrefetchLoopSettings settings_;
  std::unique_ptr<LeaseWatch> guard_;  // null: not armed
  std::vector<PrefetchControl> controls_;
  std::vector<Tuned> tuned_;
  std::vector<PrefetchRefusal> refused_;
  std::set<std::string> lost_;  // controls that somebody else owns, or that did not take what was written
  SignalRates rates_;
  std::mutex fresh_mutex_;  // the lease's thread writes, too
  std::vector<KnobWrite> fresh_;
  std::deque<PrefetchWrite> writes_;
  MachineState machine_;  // as it was when the controls were found
  std::string note_;
  std::optional<Nanoseconds> last_tick_;
  bool left_ = false;  // something could not be put back
  std::uint64_t decided_ = 0, undecided_ = 0, written_ = 0;
};

}  // namespace tier
