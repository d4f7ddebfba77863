#!/usr/bin/env bash
# Finding: under Debian's default kernel.perf_event_paranoid, CAP_PERFMON does not open perf events.
#
# What one would guess: capabilities(7) and the kernel's Documentation/admin-guide/perf-security.rst say that a process
# with CAP_PERFMON (Linux 5.8) is exempt from the scope checks of perf_event_paranoid, whatever its value.
# What happens: Debian's kernels begin with the value 3, which mainline does not have, and at 3 perf_event_open(2) gives
# EACCES to everything without CAP_SYS_ADMIN. At 2 the same process with CAP_PERFMON alone may open a system-wide event.
# So a service that was given CAP_PERFMON for profiling works on other distributions, and on Debian sees nothing.
#
# Seen with linux-image-6.1.0-50-cloud-amd64 6.1.176-1 (or the version that PACKAGE names), booted in QEMU 10.0.2 under software
# emulation. Needs: apt on Debian 12, gcc, cpio, qemu-system-x86_64. Nothing is installed outside a temporary folder.
# Exit: 0 as described, 1 it behaves otherwise now, 77 something that it needs is missing.
set -euo pipefail
package=${PACKAGE:-linux-image-6.1.0-50-cloud-amd64}
version=${VERSION:-6.1.176-1}
for tool in apt-get dpkg-deb gcc cpio qemu-system-x86_64; do
  command -v "$tool" >/dev/null || { echo "missing: $tool"; exit 77; }
done
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
apt-get download "$package=$version" >apt.log 2>&1 || { cat apt.log; echo "missing: $package=$version"; exit 77; }
dpkg-deb -x "$package"_*.deb tree
kernel=$(echo tree/boot/vmlinuz-*)

cat >init.c <<'C'
#include <errno.h>
#include <linux/capability.h>
#include <linux/perf_event.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/reboot.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

/* A system-wide software clock event, user mode only; prints what the kernel says to a process with these capabilities. */
static void try_with(const char *name, unsigned long long capabilities) {
  fflush(stdout);
  pid_t child = fork();
  if (child == 0) {
    struct __user_cap_header_struct header = {_LINUX_CAPABILITY_VERSION_3, 0};
    struct __user_cap_data_struct data[2];
    for (int i = 0; i < 2; ++i) {
      data[i].effective = data[i].permitted = (unsigned)(capabilities >> (32 * i));
      data[i].inheritable = 0;
    }
    if (syscall(SYS_capset, &header, data) != 0) printf("capset: %s\n", strerror(errno));
    struct perf_event_attr event;
    memset(&event, 0, sizeof event);
    event.size = sizeof event;
    event.type = PERF_TYPE_SOFTWARE;
    event.config = PERF_COUNT_SW_CPU_CLOCK;
    event.sample_period = 1000000000;
    event.disabled = event.exclude_kernel = 1;
    long fd = syscall(SYS_perf_event_open, &event, -1, 0, -1, 0);
    printf("RESULT %s: %s\n", name, fd >= 0 ? "opened" : errno == EACCES ? "EACCES" : strerror(errno));
    fflush(stdout);
    _exit(0);
  }
  waitpid(child, 0, 0);
}

static void paranoid(const char *write) {
  const char *path = "/proc/sys/kernel/perf_event_paranoid";
  FILE *file;
  if (write && (file = fopen(path, "w"))) fputs(write, file), fclose(file);
  int value = -99;
  if ((file = fopen(path, "r"))) {
    if (fscanf(file, "%d", &value) != 1) value = -98;
    fclose(file);
  }
  printf("RESULT perf_event_paranoid: %d\n", value);
}

int main(void) {
  const unsigned long long perfmon = 1ULL << CAP_PERFMON, admin = 1ULL << CAP_SYS_ADMIN;
  mkdir("/proc", 0755);
  mount("proc", "/proc", "proc", 0, 0);
  paranoid(0);
  try_with("default, CAP_PERFMON", perfmon);
  try_with("default, CAP_SYS_ADMIN", admin);
  paranoid("2");
  try_with("at 2, CAP_PERFMON", perfmon);
  try_with("at 2, none", 0);
  fflush(stdout);
  reboot(RB_POWER_OFF);
  return 0;
}
C
gcc -static -O1 -o init init.c
echo init | cpio -o -H newc --quiet >initramfs
timeout 300 qemu-system-x86_64 -machine q35 -m 512M -cpu max -accel tcg -nographic -no-reboot -nic none \
  -kernel "$kernel" -initrd initramfs -append "console=ttyS0 quiet panic=-1" </dev/null >console 2>&1 || true
echo "$package $version, $(qemu-system-x86_64 --version | head -n 1)"
tr -d '\r' <console | sed -n 's/^.*RESULT //p' | tee results
cat >expected <<'R'
perf_event_paranoid: 3
default, CAP_PERFMON: EACCES
default, CAP_SYS_ADMIN: opened
perf_event_paranoid: 2
at 2, CAP_PERFMON: opened
at 2, none: EACCES
R
diff expected results && echo "as described" || { [ -s results ] || tail -n 20 console; exit 1; }
