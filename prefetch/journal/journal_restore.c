#include "prefetch/journal/journal_restore.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

// FNV-1a, 32 bits (Fowler, Noll, Vo; RFC 9923): tells a record that was cut or overwritten.
uint32_t tier_journal_checksum(const struct TierJournalRecord* record) {
  struct TierJournalRecord copy = *record;
  copy.checksum = 0;
  const unsigned char* bytes = (const unsigned char*)&copy;
  uint32_t hash = 2166136261U;
  for (size_t i = 0; i < sizeof copy; ++i) hash = (hash ^ bytes[i]) * 16777619U;
  return hash;
}

// A record and its place in the file.
struct Placed {
  struct TierJournalRecord record;
  size_t place;
};

// By knob, the latest first.
static int compare(const void* left, const void* right) {
  const struct Placed *a = left, *b = right;
  const int order = memcmp(&a->record.knob, &b->record.knob, sizeof a->record.knob);
  if (order != 0) return order;
  return a->place > b->place ? -1 : a->place < b->place;
}

// The sound records of this boot; the caller frees them. NULL with *error 0: there are none.
static struct Placed* load(const char* path, const char* boot_id, size_t* count,
                           struct TierRestoreSummary* summary, int* error) {
  *count = 0, *error = 0;
  FILE* file = fopen(path, "rb");
  if (file == NULL) {
    *error = errno == ENOENT ? 0 : errno;
    return NULL;
  }
  struct Placed* all = NULL;
  size_t room = 0, got;
  int damaged = 0;  // within what is no record
  struct TierJournalRecord record;
  for (long begin = 0; (got = fread(&record, 1, sizeof record, file)) == sizeof record;) {
    const int sound = record.magic == kTierJournalMagic && record.checksum == tier_journal_checksum(&record);
    summary->damaged += !sound && !damaged;
    damaged = !sound;
    // A record that was cut leaves the next one anywhere behind it.
    begin += sound ? (long)sizeof record : 1;
    if (!sound && fseek(file, begin, SEEK_SET) != 0) break;
    if (!sound) continue;
    if (memcmp(record.boot_id, boot_id, kTierBootIdSize) != 0) {
      ++summary->other_boot;
      continue;
    }
    if (*count == room) {
      room = room == 0 ? 64 : 2 * room;
      struct Placed* larger = realloc(all, room * sizeof *all);
      if (larger == NULL) {
        *error = ENOMEM;
        break;
      }
      all = larger;
    }
    all[*count].record = record, all[*count].place = *count;
    ++*count;
  }
  if (*error == 0 && ferror(file)) *error = EIO;
  if (*error == 0 && got != 0 && !damaged) ++summary->damaged;
  fclose(file);
  return all;
}

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
  size_t count;
  int error;
  struct Placed* all = load(path, boot_id, &count, summary, &error);
  if (error != 0 || count == 0) {
    free(all);
    return error;
  }
  qsort(all, count, sizeof *all, compare);
  FILE* journal = fopen(path, "ab");
  for (size_t i = 0; i < count; ++i) {
    const struct TierJournalRecord* record = &all[i].record;
    if (i > 0 && memcmp(&record->knob, &all[i - 1].record.knob, sizeof record->knob) == 0) continue;
    ++summary->knobs;
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
  free(all);
  return 0;
}
