// Reads the journal: of every knob what counts.
#pragma once

#include "prefetch/journal/journal_format.h"

#ifdef __cplusplus
extern "C" {
#endif

struct TierJournalLatest {
  struct TierJournalRecord* records;  // by knob; from malloc(), the caller's to free
  size_t count;
  size_t damaged;     // places in the file where bytes are no record
  size_t other_boot;  // records
};

// The latest sound record of every knob of this boot in the journal at `path`. 0, or an errno value: the
// journal cannot be read, and there are no records. A journal that does not exist is an empty one.
int tier_journal_latest(const char* path, const char* boot_id, struct TierJournalLatest* latest);

#ifdef __cplusplus
}
#endif
