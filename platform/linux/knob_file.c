#include "platform/linux/knob_file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

const struct TierKnobFiles kTierKnobFiles = {"/dev/cpu", "/sys/dev/block", "/proc/sys/vm/page-cluster"};

// A descriptor of the knob's file, or -1 with errno.
static int open_file(const struct TierKnobFiles* files, const struct TierKnob* knob, int flags) {
  char path[512];
  int length = -1;
  switch (knob->kind) {
    case kTierKnobRegister:
      length = snprintf(path, sizeof path, "%s/%u/msr", files->cpus, knob->unit);
      break;
    case kTierKnobReadahead:
      length = snprintf(path, sizeof path, "%s/%u:%u/queue/read_ahead_kb", files->block, knob->unit >> 20,
                        knob->unit & 0xFFFFF);
      break;
    case kTierKnobPageCluster:
      length = snprintf(path, sizeof path, "%s", files->page_cluster);
      break;
    default:
      errno = EINVAL;
      return -1;
  }
  if (length < 0 || (size_t)length >= sizeof path) {
    errno = ENAMETOOLONG;
    return -1;
  }
  return open(path, flags | O_CLOEXEC);
}

static int read_text(int file, uint64_t* value) {
  char text[32] = "";
  const ssize_t got = read(file, text, sizeof text - 1);
  if (got < 0) return errno;
  char* end = text;
  errno = 0;
  *value = strtoull(text, &end, 10);
  return end == text || text[0] == '-' || errno != 0 || (*end != '\n' && *end != 0) ? EINVAL : 0;
}

int tier_knob_read(const struct TierKnobFiles* files, const struct TierKnob* knob, uint64_t* value) {
  const int file = open_file(files, knob, O_RDONLY);
  if (file < 0) return errno;
  int error = 0;
  if (knob->kind == kTierKnobRegister) {
    const ssize_t got = pread(file, value, sizeof *value, knob->index);
    if (got != (ssize_t)sizeof *value) error = got < 0 ? errno : EIO;
  } else {
    error = read_text(file, value);
  }
  close(file);
  return error;
}

int tier_knob_write(const struct TierKnobFiles* files, const struct TierKnob* knob, uint64_t value) {
  const int file = open_file(files, knob, O_WRONLY);
  if (file < 0) return errno;
  char text[32];
  const size_t digits = (size_t)snprintf(text, sizeof text, "%llu\n", (unsigned long long)value);
  const int whole = knob->kind == kTierKnobRegister;
  const size_t size = whole ? sizeof value : digits;
  const ssize_t put = whole ? pwrite(file, &value, size, knob->index) : write(file, text, size);
  const int error = put == (ssize_t)size ? 0 : put < 0 ? errno : EIO;
  close(file);
  return error;
}
