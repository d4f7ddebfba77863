#define _FILE_OFFSET_BITS 64
#define _GNU_SOURCE
#include "platform/linux/msr_file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

// A descriptor of the CPU's device, or -1 with errno.
static int open_device(const char* folder, uint32_t cpu, int flags) {
  char path[512];
  const int length = snprintf(path, sizeof path, "%s/%u/msr", folder, cpu);
  if (length < 0 || (size_t)length >= sizeof path) {
    errno = ENAMETOOLONG;
    return -1;
  }
  return open(path, flags | O_CLOEXEC);
}

int tier_msr_read(const char* folder, uint32_t cpu, uint32_t reg, uint64_t* value) {
  const int device = open_device(folder, cpu, O_RDONLY);
  if (device < 0) return errno;
  const ssize_t got = pread(device, value, sizeof *value, reg);
  const int error = got == (ssize_t)sizeof *value ? 0 : got < 0 ? errno : EIO;
  close(device);
  return error;
}

int tier_msr_write(const char* folder, uint32_t cpu, uint32_t reg, uint64_t value) {
  const int device = open_device(folder, cpu, O_WRONLY);
  if (device < 0) return errno;
  const ssize_t put = pwrite(device, &value, sizeof value, reg);
  const int error = put == (ssize_t)sizeof value ? 0 : put < 0 ? errno : EIO;
  close(device);
  return error;
}
