// Reads the journal: of every knob what counts.
#pragma once

#include <stdio.h>

#include "prefetch/journal/journal_format.h"

#ifdef __cplusplus
extern "C" {
#endif

struct TierJournalLatest {
  struct TierJournalRecord* records;  // by knob; from malloc(), the caller's to free
  size_t count;
  size_t damaged;     // places in the file where bytes are no record
  size_t other_boot;  // records
  size_t end;         // of the last sound record of any boot: bytes from the file's beginning
};

// Opens a journal to read, or to append and then made where it is missing; never waits for a pipe. NULL with
// errno; ENXIO: it is no regular file.
FILE* tier_journal_open(const char* path, int append);

// Registers are written by what a journal says, so its records must be root's own. 0: the file belongs to
// root or to the caller, and is empty or may be written by its owner alone. EPERM: it is not so.
int tier_journal_trusted(FILE* file);

// The latest sound record of every knob of this boot in the journal at `path`. 0, or an errno value: the
// journal cannot be read, and there are no records. EPERM: see tier_journal_trusted(). ENOLINK: `path` is a
// link to a file that does not exist. A journal that does not exist is an empty one.
int tier_journal_latest(const char* path, const char* boot_id, struct TierJournalLatest* latest);

#ifdef __cplusplus
}
#endif
