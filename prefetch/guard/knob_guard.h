// Writes knobs so that they are always put back: the rules of docs/design.md, section 10.
//
// Before the first write the whole knob is kept in the journal, before every write what is about to be
// written; only bits of the mask change; what was written is read back; a knob that holds neither what
// was found nor what was written belongs to somebody else from then on. A lease that is not renewed puts
// everything back, so that a loop that hangs decays to what the machine had.
#pragma once

#include <functional>
#include <map>
#include <optional>
#include <set>
#include <vector>

#include "core/clock.h"
#include "platform/api/knobs.h"
#include "prefetch/journal/journal_restore.h"
#include "prefetch/journal/knob_journal.h"

namespace tier {

// A knob as it is controlled: of a register that CPUs share one of them.
struct ControlledKnob {
  Knob knob{};
  std::uint64_t mask = ~std::uint64_t{0};  // bits that may be written
  std::uint32_t other_unit = kTierNoUnit;  // see TierJournalRecord
};

// One write, for the log: every one is told, with the old and the new value.
struct KnobWrite {
  Knob knob{};
  std::uint64_t before = 0, after = 0;
};

struct RestoreReport {
  TierRestoreSummary summary{};
  std::vector<TierRestoreEvent> events;
};

// Not thread-safe.
class KnobGuard {
 public:
  // `knobs` must outlive it. `lease`: time without renew() after which expire() puts everything back.
  KnobGuard(Knobs& knobs, KnobJournal journal, Nanoseconds lease,
            std::function<void(const KnobWrite&)> log = {});
  // Puts everything back.
  ~KnobGuard();
  KnobGuard(const KnobGuard&) = delete;
  KnobGuard& operator=(const KnobGuard&) = delete;

  // Puts back what a process before this one left. Once, before the first set().
  Result<RestoreReport> begin(Nanoseconds now);

  // The knob's bits of the mask become those of `bits`; a set that changes nothing writes nothing.
  // kDiffers: somebody else wrote it, and it is left to him. kUnsupported: it cannot be read or written, the
  // write did not hold (what it held is back), or the lease has run out. kFailed: the journal cannot be
  // written.
  Result<void> set(const ControlledKnob& which, std::uint64_t bits);

  void renew(Nanoseconds now) { renewed_ = now, expired_ = false; }
  // Everything back if the lease has run out; they are free again with the next renew().
  std::optional<Result<RestoreReport>> expire(Nanoseconds now);
  bool expired() const { return expired_; }
  // The CPU came online, or the machine woke up: its registers are what reset or firmware made them.
  Result<void> forget_cpu(std::uint32_t cpu);
  // Knobs that cannot be put back, or are somebody else's, are refused from then on: what the first held
  // is known to the journal alone.
  Result<RestoreReport> restore();

  std::size_t controlled() const { return states_.size(); }  // knobs that were written and not put back

 private:
  struct State {
    ControlledKnob which;
    std::uint64_t original = 0, written = 0;
  };
  Result<State*> snapshot(const ControlledKnob& which, std::uint64_t now);
  Result<void> write(State& state, std::uint64_t before, std::uint64_t after);

  Knobs& knobs_;
  KnobJournal journal_;
  Nanoseconds lease_, renewed_{};
  std::function<void(const KnobWrite&)> log_;
  std::map<Knob, State, KnobOrder> states_;
  std::set<Knob, KnobOrder> refused_;  // somebody else's, or lost
  bool expired_ = false;
};

}  // namespace tier
