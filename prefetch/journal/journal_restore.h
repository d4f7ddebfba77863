// Puts knobs back to what the journal says they held. The same code in the daemon and in the restore
// program that runs after it was killed.
#pragma once

#include "prefetch/journal/journal_format.h"

#ifdef __cplusplus
extern "C" {
#endif

// Access to knobs: 0, or an errno value.
struct TierKnobAccess {
  int (*read)(void* self, const struct TierKnob* knob, uint64_t* value);
  int (*write)(void* self, const struct TierKnob* knob, uint64_t value);
  void* self;
};

enum TierRestoreFate {
  kTierFateRestored,  // the bits of the mask are what they were before tierd
  kTierFateSame,      // they were so already
  kTierFateForeign,   // they are neither what tierd wrote nor what it found: somebody else's, left alone
  kTierFateFailed,    // it could not be read or written, see `error`; or the write did not hold, error 0
};

struct TierRestoreEvent {
  struct TierKnob knob;  // as in the journal
  uint32_t via;          // the unit through which it was reached
  enum TierRestoreFate fate;
  int error;       // errno
  uint64_t found;  // value before, where it could be read
  uint64_t left;   // and after
};

struct TierRestoreSummary {
  size_t knobs;  // in the journal, of this boot
  size_t restored, same, foreign, failed;
  size_t damaged;     // places in the journal where bytes are no record
  size_t other_boot;  // records
};

// Of every knob of this boot in the journal at `path` the bits of its mask; other bits stay as they are,
// for hardware may have moved them. What is restored is noted in the journal, so that doing it twice does
// nothing. `report` is called for each knob. 0, or an errno value: the journal cannot be read. A journal
// that does not exist is an empty one.
int tier_restore(const char* path, const char* boot_id, const struct TierKnobAccess* access,
                 void (*report)(void* self, const struct TierRestoreEvent* event), void* self,
                 struct TierRestoreSummary* summary);

#ifdef __cplusplus
}
#endif
