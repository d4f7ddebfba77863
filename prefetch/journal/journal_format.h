// The journal on disk: what every knob held before tierd first wrote it, and what tierd wrote since. In C,
// for the restore program needs nothing but libc and this.
//
// A file of records one behind the other, in the machine's byte order; the latest of a knob counts. A record
// is appended before the write that it tells of, so that after a kill at any point the knob holds `before` or
// `after`, or what somebody else wrote. It is kept on storage that a reboot empties, as a reboot resets
// knobs; records of another boot say nothing.
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "platform/api/knob.h"

#ifdef __cplusplus
extern "C" {
#endif

enum { kTierJournalMagic = 0x314A5054, kTierBootIdSize = 36 };  // "TPJ1"
static const uint32_t kTierNoUnit = UINT32_MAX;

enum TierJournalKind {
  kTierSnapshot = 1,  // nothing of ours is in the knob
  kTierIntent = 2,    // `after` is about to be written
  kTierRestored = 3,  // the original is back
};

struct TierJournalRecord {
  uint32_t magic;
  uint32_t kind;
  struct TierKnob knob;
  uint32_t other_unit;  // a CPU that shares the register, should the knob's be offline; kTierNoUnit: none
  uint32_t checksum;    // FNV-1a over the record with 0 here
  uint32_t reserved;    // 0
  uint64_t mask;        // bits that tierd may write
  uint64_t original;    // the whole knob before tierd's first write
  uint64_t before;      // as read before this write
  uint64_t after;       // as this write leaves it
  char boot_id[kTierBootIdSize];  // /proc/sys/kernel/random/boot_id
  uint32_t reserved_too;          // 0
};

uint32_t tier_journal_checksum(const struct TierJournalRecord* record);

#ifdef __cplusplus
}
#endif
