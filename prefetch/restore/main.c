// tierd-restore-prefetch: puts back what tierd wrote into registers and read-ahead settings and did not live
// to put back itself. Run by systemd when tierd has ended and at boot. Links nothing but libc, and reads no
// configuration: where prefetch.journal is elsewhere, tierd keeps a link to it at the path looked at here.
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "platform/linux/knob_file.h"
#include "prefetch/journal/journal_restore.h"

static const char* const kUsage =
    "usage: tierd-restore-prefetch [--journal FILE] [--cpus FOLDER] [--block FOLDER] [--page-cluster FILE]\n"
    "         [--boot-id FILE] | --help | --version\n"
    "Puts every setting in the journal back to what it held before tierd wrote it, unless somebody else "
    "has\n"
    "written it since. Exit: 0 done, 1 it failed, 2 wrong usage, 6 somebody else's value was left alone.\n";

static int read_knob(void* self, const struct TierKnob* knob, uint64_t* value) {
  return tier_knob_read(self, knob, value);
}
static int write_knob(void* self, const struct TierKnob* knob, uint64_t value) {
  return tier_knob_write(self, knob, value);
}

static void tell_knob(const struct TierKnob* knob) {
  if (knob->kind == kTierKnobRegister) printf("CPU %u register 0x%x", knob->unit, knob->index);
  if (knob->kind == kTierKnobReadahead)
    printf("block device %u:%u read-ahead", knob->unit >> 20, knob->unit & 0xFFFFF);
  if (knob->kind == kTierKnobPageCluster) printf("swap read-ahead");
}

static void tell(void* self, const struct TierRestoreEvent* event) {
  (void)self;
  static const char* const fates[] = {"restored", "as it was", "somebody else's, left alone", "failed"};
  tell_knob(&event->knob);
  if (event->via != event->knob.unit) printf(" through CPU %u", event->via);
  printf(": %s, 0x%llx", fates[event->fate], (unsigned long long)event->found);
  if (event->fate == kTierFateRestored) printf(" to 0x%llx", (unsigned long long)event->left);
  if (event->fate == kTierFateFailed)
    printf(" (%s)", event->error != 0 ? strerror(event->error) : "the write did not hold");
  printf("\n");
}

static int read_boot_id(const char* path, char* boot_id) {
  FILE* file = fopen(path, "rb");
  if (file == NULL) return errno;
  const size_t got = fread(boot_id, 1, kTierBootIdSize, file);
  fclose(file);
  return got == kTierBootIdSize ? 0 : EINVAL;
}

static int refuse(const char* journal, int error) {
  const char *why = strerror(error), *fix = "run as root";
  if (error == EPERM) {
    why = "it belongs to another user, or others may write it";
    fix = "registers are written by what it says: find out who wrote it, then remove it";
  } else if (error == ENOLINK) {
    why = "it is a link to a file that does not exist";
    fix = "mount the file system that holds it and try again; if it is lost, remove the link";
  } else if (error == ELOOP || error == ENXIO) {
    why = error == ELOOP ? "it is a loop of symbolic links" : "it is not a regular file";
    fix = "remove what is there: tierd writes regular files alone";
  }
  fprintf(stderr, "cannot read the prefetch journal %s: %s (fix: %s)\n", journal, why, fix);
  return 1;
}

int main(int count, char** arguments) {
  const char* journal = "/run/tierd/prefetch.journal";
  const char* boot_id_file = "/proc/sys/kernel/random/boot_id";
  struct TierKnobFiles files = kTierKnobFiles;
  if (count == 2 && strcmp(arguments[1], "--version") == 0)
    return puts("tierd-restore-prefetch " TIERD_VERSION) == EOF;
  if (count == 2 && strcmp(arguments[1], "--help") == 0) return fputs(kUsage, stdout) == EOF;
  for (int i = 1; i < count; i += 2) {
    const int last = i + 1 == count;
    if (!last && strcmp(arguments[i], "--journal") == 0) {
      journal = arguments[i + 1];
    } else if (!last && strcmp(arguments[i], "--cpus") == 0) {
      files.cpus = arguments[i + 1];
    } else if (!last && strcmp(arguments[i], "--block") == 0) {
      files.block = arguments[i + 1];
    } else if (!last && strcmp(arguments[i], "--page-cluster") == 0) {
      files.page_cluster = arguments[i + 1];
    } else if (!last && strcmp(arguments[i], "--boot-id") == 0) {
      boot_id_file = arguments[i + 1];
    } else {
      fputs(kUsage, stderr);
      return 2;
    }
  }
  char boot_id[kTierBootIdSize];
  int error = read_boot_id(boot_id_file, boot_id);
  if (error != 0) {
    fprintf(stderr, "cannot read the boot id in %s: %s\n", boot_id_file, strerror(error));
    return 1;
  }
  const struct TierKnobAccess access = {read_knob, write_knob, &files};
  struct TierRestoreSummary summary;
  error = tier_restore(journal, boot_id, &access, tell, NULL, &summary);
  if (error != 0) return refuse(journal, error);
  printf(
      "%zu settings: %zu restored, %zu as they were, %zu somebody else's, %zu failed; %zu damaged records, "
      "%zu of another boot\n",
      summary.knobs, summary.restored, summary.same, summary.foreign, summary.failed, summary.damaged,
      summary.other_boot);
  return summary.failed != 0 ? 1 : summary.foreign != 0 ? 6 : 0;
}
