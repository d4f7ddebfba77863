// Processes that write knobs are killed (SIGKILL) at random points; the restore program then runs, as systemd
// would run it, and every knob is compared with what it held before.
#pragma once

#include <filesystem>
#include <random>
#include <string>
#include <vector>

#include "platform/linux/knob_file.h"
#include "prefetch/guard/knob_guard.h"

namespace tier {

// The knobs of a run, and the test's own way to them, past the code under test.
class KillRig {
 public:
  virtual ~KillRig() = default;
  virtual TierKnobFiles files() const = 0;
  virtual std::vector<ControlledKnob> controlled() const = 0;
  virtual std::vector<Knob> untouched() const { return {}; }  // that no write may reach
  virtual std::uint64_t get(const Knob& knob) = 0;            // bits that hardware moves as 0
  virtual void set(const Knob& knob, std::uint64_t value) = 0;
  // Where a write can end its writer: at the n-th from now. false: it cannot here.
  virtual bool kill_in_write(unsigned, std::mt19937_64&) { return false; }
  // What the machine goes through between kill and restore, for example CPUs that go offline; and back.
  virtual void after_kill(std::mt19937_64&) {}
  virtual void after_restore() {}
};

struct KillOptions {
  unsigned kills = 256;
  std::uint64_t seed = 1;
  std::filesystem::path folder;  // for the journal; exists
  // The path that the restore program is told, where that is not the journal's own: see known_journal.h.
  std::filesystem::path known = {};
};

struct KillCounts {
  unsigned kills = 0;
  unsigned at_access = 0, in_write = 0,
           any_time = 0;                     // the kills: around an access, within a write, by the clock
  unsigned left_written = 0;                 // kills that left something to put back
  unsigned rewritten = 0, in_rewriting = 0;  // kills after the journal was rewritten, and while it was
  unsigned knobs = 0, exact = 0;             // compared after the restore; somebody else's values too
  unsigned foreign = 0, foreign_kept = 0;    // values that somebody else wrote after a kill
  unsigned through_sibling = 0;              // knobs put back through another CPU
  std::vector<std::string> faults;           // what was not as it must be, in words
};

KillCounts run_kills(KillRig& rig, const KillOptions& options);

}  // namespace tier
