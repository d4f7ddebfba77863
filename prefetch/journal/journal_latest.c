#include "prefetch/journal/journal_latest.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

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

struct List {
  struct Placed* all;
  size_t count, room;
};

static int add(struct List* list, const struct TierJournalRecord* record) {
  if (list->count == list->room) {
    const size_t room = list->room == 0 ? 64 : 2 * list->room;
    struct Placed* larger = realloc(list->all, room * sizeof *larger);
    if (larger == NULL) return ENOMEM;
    list->all = larger, list->room = room;
  }
  list->all[list->count].record = *record, list->all[list->count].place = list->count;
  ++list->count;
  return 0;
}

// The sound records of this boot.
static int load(FILE* file, const char* boot_id, struct List* list, struct TierJournalLatest* counts) {
  size_t got;
  int damaged = 0;  // within what is no record
  struct TierJournalRecord record;
  for (long begin = 0; (got = fread(&record, 1, sizeof record, file)) == sizeof record;) {
    const int sound = record.magic == kTierJournalMagic && record.checksum == tier_journal_checksum(&record);
    counts->damaged += !sound && !damaged;
    damaged = !sound;
    // A record that was cut leaves the next one anywhere behind it.
    begin += sound ? (long)sizeof record : 1;
    if (sound) counts->end = (size_t)begin;
    if (!sound && fseek(file, begin, SEEK_SET) != 0) return errno;
    if (!sound) continue;
    if (memcmp(record.boot_id, boot_id, kTierBootIdSize) != 0) {
      ++counts->other_boot;
      continue;
    }
    const int error = add(list, &record);
    if (error != 0) return error;
  }
  if (ferror(file)) return EIO;
  if (got != 0 && !damaged) ++counts->damaged;
  return 0;
}

// Of the records, sorted, the first of each knob.
static int take_first(const struct List* list, struct TierJournalLatest* latest) {
  latest->records = malloc(list->count * sizeof *latest->records);
  if (latest->records == NULL) return ENOMEM;
  for (size_t i = 0; i < list->count; ++i) {
    const struct TierJournalRecord* record = &list->all[i].record;
    if (i > 0 && memcmp(&record->knob, &list->all[i - 1].record.knob, sizeof record->knob) == 0) continue;
    latest->records[latest->count++] = *record;
  }
  return 0;
}

FILE* tier_journal_open(const char* path, int append) {
  const int access = append != 0 ? O_WRONLY | O_APPEND | O_CREAT : O_RDONLY;
  const int fd = open(path, access | O_NONBLOCK | O_NOCTTY | O_CLOEXEC, 0666);
  if (fd < 0) return NULL;
  struct stat status;
  int error = fstat(fd, &status) != 0 ? errno : S_ISREG(status.st_mode) ? 0 : ENXIO;
  FILE* file = error == 0 ? fdopen(fd, append != 0 ? "ab" : "rb") : NULL;
  if (file != NULL) return file;
  if (error == 0) error = errno;
  close(fd);
  errno = error;
  return NULL;
}

int tier_journal_trusted(FILE* file) {
  struct stat status;
  if (fstat(fileno(file), &status) != 0) return errno;
  const int own = status.st_uid == 0 || status.st_uid == geteuid();
  const int shared = status.st_size > 0 && (status.st_mode & (S_IWGRP | S_IWOTH)) != 0;
  return own && !shared ? 0 : EPERM;
}

// A link to nothing stands for a journal that was there.
static int missing(const char* path) {
  struct stat status;
  return lstat(path, &status) == 0 && S_ISLNK(status.st_mode) ? ENOLINK : 0;
}

int tier_journal_latest(const char* path, const char* boot_id, struct TierJournalLatest* latest) {
  memset(latest, 0, sizeof *latest);
  FILE* file = tier_journal_open(path, 0);
  if (file == NULL) return errno == ENOENT ? missing(path) : errno;
  struct List list = {NULL, 0, 0};
  int error = tier_journal_trusted(file);
  if (error == 0) error = load(file, boot_id, &list, latest);
  fclose(file);
  if (error == 0 && list.count != 0) {
    qsort(list.all, list.count, sizeof *list.all, compare);
    error = take_first(&list, latest);
  }
  free(list.all);
  return error;
}
