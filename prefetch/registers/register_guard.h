// Writes registers so that they are always put back: the rules of docs/design.md, section 10.
//
// Before the first write the whole register is kept in the journal, before every write what is about to be
// written; only bits of the mask change; what was written is read back; a register that holds neither what
// was found nor what was written belongs to somebody else from then on. A lease that is not renewed puts
// everything back, so that a loop that hangs decays to what the machine had.
#pragma once

#include <functional>
#include <map>
#include <optional>
#include <set>
#include <utility>
#include <vector>

#include "core/clock.h"
#include "platform/api/registers.h"
#include "prefetch/journal/journal_restore.h"
#include "prefetch/journal/register_journal.h"

namespace tier {

// A register as it is controlled: once for all CPUs that share it.
struct ControlledRegister {
  std::uint32_t cpu = 0;                 // that writes it
  std::uint32_t other_cpu = kTierNoCpu;  // that shares it, see TierJournalRecord
  std::uint32_t reg = 0;
  std::uint64_t mask = 0;  // bits that may be written
};

// One write, for the log: every one is told, with the old and the new value.
struct RegisterWrite {
  std::uint32_t cpu = 0, reg = 0;
  std::uint64_t before = 0, after = 0;
};

struct RestoreReport {
  TierRestoreSummary summary{};
  std::vector<TierRestoreEvent> events;
};

// Not thread-safe.
class RegisterGuard {
 public:
  // `registers` must outlive it. `lease`: time without renew() after which expire() puts everything back.
  RegisterGuard(Registers& registers, RegisterJournal journal, Nanoseconds lease,
                std::function<void(const RegisterWrite&)> log = {});
  // Puts everything back.
  ~RegisterGuard();
  RegisterGuard(const RegisterGuard&) = delete;
  RegisterGuard& operator=(const RegisterGuard&) = delete;

  // Puts back what a process before this one left. Once, before the first set().
  Result<RestoreReport> begin(Nanoseconds now);

  // The register's bits of the mask become those of `bits`; a set that changes nothing writes nothing.
  // kDiffers: somebody else wrote it, and it is left to him. kUnsupported: it cannot be read or written, the
  // write did not hold (what it held is back), or the lease has run out. kFailed: the journal cannot be
  // written.
  Result<void> set(const ControlledRegister& which, std::uint64_t bits);

  void renew(Nanoseconds now) { renewed_ = now, expired_ = false; }
  // Everything back if the lease has run out; the registers are free again with the next renew().
  std::optional<RestoreReport> expire(Nanoseconds now);
  // The CPU came online, or the machine woke up: its registers are what reset or firmware made them.
  Result<void> forget_cpu(std::uint32_t cpu);
  // Registers that cannot be put back, or are somebody else's, are refused from then on: what the first held
  // is known to the journal alone.
  Result<RestoreReport> restore();

  std::size_t controlled() const { return states_.size(); }  // registers that were written and not put back

 private:
  using Key = std::pair<std::uint32_t, std::uint32_t>;  // CPU and register
  struct State {
    ControlledRegister which;
    std::uint64_t original = 0, written = 0;
  };
  Result<State*> snapshot(const ControlledRegister& which, std::uint64_t now);
  Result<void> write(State& state, std::uint64_t before, std::uint64_t after);

  Registers& registers_;
  RegisterJournal journal_;
  Nanoseconds lease_, renewed_{};
  std::function<void(const RegisterWrite&)> log_;
  std::map<Key, State> states_;
  std::set<Key> refused_;  // somebody else's, or lost
  bool expired_ = false;
};

}  // namespace tier
