// tierd-restore-registers: puts back what tierd wrote into registers and did not live to put back itself.
// Run by systemd when tierd has ended and at boot. Links nothing but libc.
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "platform/linux/msr_file.h"
#include "prefetch/journal/journal_restore.h"

static const char* const kUsage =
    "usage: tierd-restore-registers [--journal FILE] [--devices FOLDER] [--boot-id FILE]\n"
    "Puts every register of the journal back to what it held before tierd wrote it, unless somebody else "
    "has\n"
    "written it since. Exit: 0 done, 1 it failed, 2 wrong usage, 6 somebody else's value was left alone.\n";

static int read_register(void* self, uint32_t cpu, uint32_t reg, uint64_t* value) {
  return tier_msr_read(self, cpu, reg, value);
}
static int write_register(void* self, uint32_t cpu, uint32_t reg, uint64_t value) {
  return tier_msr_write(self, cpu, reg, value);
}

static void tell(void* self, const struct TierRestoreEvent* event) {
  (void)self;
  static const char* const fates[] = {"restored", "as it was", "somebody else's, left alone", "failed"};
  printf("CPU %u register 0x%x: %s, 0x%llx", event->cpu, event->reg, fates[event->fate],
         (unsigned long long)event->found);
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

int main(int count, char** arguments) {
  const char* journal = "/run/tierd/registers.journal";
  const char* boot_id_file = "/proc/sys/kernel/random/boot_id";
  char* devices = "/dev/cpu";
  for (int i = 1; i < count; i += 2) {
    const int last = i + 1 == count;
    if (!last && strcmp(arguments[i], "--journal") == 0) {
      journal = arguments[i + 1];
    } else if (!last && strcmp(arguments[i], "--devices") == 0) {
      devices = arguments[i + 1];
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
  const struct TierRegisters registers = {read_register, write_register, devices};
  struct TierRestoreSummary summary;
  error = tier_restore(journal, boot_id, &registers, tell, NULL, &summary);
  if (error != 0) {
    fprintf(stderr, "cannot read the register journal %s: %s (fix: run as root)\n", journal, strerror(error));
    return 1;
  }
  printf(
      "%zu registers: %zu restored, %zu as they were, %zu somebody else's, %zu failed; %zu damaged records, "
      "%zu of another boot\n",
      summary.registers, summary.restored, summary.same, summary.foreign, summary.failed, summary.damaged,
      summary.other_boot);
  return summary.failed != 0 ? 1 : summary.foreign != 0 ? 6 : 0;
}
