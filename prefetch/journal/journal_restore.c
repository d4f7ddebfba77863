#include "prefetch/journal/journal_restore.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "prefetch/journal/journal_latest.h"

// The knob as it can be reached: through the unit that wrote it, else one that shares it.
static int reach(const struct TierKnobAccess* access, const struct TierJournalRecord* record,
                 struct TierKnob* knob, uint64_t* value) {
  *knob = record->knob;
  const int error = access->read(access->self, knob, value);
  if (error == 0 || record->other_unit == kTierNoUnit) return error;
  knob->unit = record->other_unit;
  return access->read(access->self, knob, value) == 0 ? 0 : error;
}

static struct TierRestoreEvent restore_one(const struct TierKnobAccess* access,
                                           const struct TierJournalRecord* record) {
  struct TierRestoreEvent event = {record->knob, record->knob.unit, kTierFateFailed, 0, 0, 0};
  struct TierKnob knob;
  event.error = reach(access, record, &knob, &event.found);
  event.via = knob.unit;
  if (event.error != 0) return event;
  const uint64_t mask = record->mask, wanted = (event.found & ~mask) | (record->original & mask);
  event.left = event.found;
  const int ours =
      (event.found & mask) == (record->after & mask) || (event.found & mask) == (record->before & mask);
  if (event.found == wanted) {
    event.fate = kTierFateSame;
  } else if (!ours) {
    event.fate = kTierFateForeign;
  } else {
    event.error = access->write(access->self, &knob, wanted);
    if (event.error == 0) event.error = access->read(access->self, &knob, &event.left);
    if (event.error == 0 && (event.left & mask) == (wanted & mask)) event.fate = kTierFateRestored;
  }
  return event;
}

// Without it the next restore would find nothing of ours and say so; the record only saves it the look.
static void note_restored(FILE* journal, const struct TierJournalRecord* record) {
  struct TierJournalRecord note = *record;
  note.kind = kTierRestored;
  note.before = note.after = note.original;
  note.checksum = tier_journal_checksum(&note);
  fwrite(&note, sizeof note, 1, journal);
}

static void count_fate(enum TierRestoreFate fate, struct TierRestoreSummary* summary) {
  size_t* const counts[] = {&summary->restored, &summary->same, &summary->foreign, &summary->failed};
  ++*counts[fate];
}

int tier_restore(const char* path, const char* boot_id, const struct TierKnobAccess* access,
                 void (*report)(void* self, const struct TierRestoreEvent* event), void* self,
                 struct TierRestoreSummary* summary) {
  memset(summary, 0, sizeof *summary);
  struct TierJournalLatest latest;
  const int error = tier_journal_latest(path, boot_id, &latest);
  summary->knobs = latest.count;
  summary->damaged = latest.damaged, summary->other_boot = latest.other_boot;
  FILE* journal = latest.count != 0 ? tier_journal_open(path, 1) : NULL;
  for (size_t i = 0; i < latest.count; ++i) {
    const struct TierJournalRecord* record = &latest.records[i];
    if (record->kind != kTierIntent) {
      ++summary->same;
      continue;
    }
    const struct TierRestoreEvent event = restore_one(access, record);
    count_fate(event.fate, summary);
    if (journal != NULL && (event.fate == kTierFateRestored || event.fate == kTierFateSame))
      note_restored(journal, record);
    if (report != NULL) report(self, &event);
  }
  if (journal != NULL) fclose(journal);
  free(latest.records);
  return error;
}
