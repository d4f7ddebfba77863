#!/usr/bin/env bash
# Finding: move_pages(2) on Linux 6.1 calls resident pages absent, or not mapped, once NUMA balancing has marked them.
#
# What one would guess: "ENOENT: the page is not present" and "EFAULT: this is a zero page or the memory area is not
# mapped by the process". So a page with such a status needs no move, and NUMA balancing, which only watches, changes
# nothing about it.
# What happens: NUMA balancing takes the access rights from page table entries to see who uses a page next. From 6.1 on
# follow_page() passes over such entries (mm/gup.c, gup_can_follow_protnone), until 6.5 let callers choose again
# (FOLL_HONOR_NUMA_FAULT). Small pages then have status ENOENT and transparent huge ones EFAULT, from queries and moves,
# and stay where they are; /proc/PID/pagemap calls them present. Switching NUMA balancing off changes nothing until
# something touches them. Debian's 6.1 switches it on at boot where there are two nodes.
# A byte read by process_vm_readv(2) makes a page visible, and one page of a huge page all of it. The fault that this
# takes asks the memory policy of the reading thread where the page belongs: under the default policy the page moves to
# the reader's node, under MPOL_LOCAL it stays.
#
# Seen with linux-image-6.1.0-50-cloud-amd64 6.1.176-1 (or the version that PACKAGE names), booted in QEMU 10.0.2 under
# software emulation with two memory nodes. Needs: apt on Debian 12, gcc, cpio, qemu-system-x86_64. Nothing is installed
# outside a temporary folder. Exit: 0 as described, 1 it behaves otherwise now, 77 something that it needs is missing.
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
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <linux/mempolicy.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/reboot.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

#define PAGES 4096
#define QUARTER (PAGES / 4)
static char *base = (char *)0x600000000000;

static void write_text(const char *path, const char *text) {
  FILE *file = fopen(path, "w");
  if (!file || fputs(text, file) < 0 || fclose(file) != 0) printf("RESULT %s: %s\n", path, strerror(errno));
}

/* How many pages have this status when they are moved to `nodes`, or asked for where it is null. */
static int count(pid_t target, int wanted, const int *nodes) {
  static void *pages[PAGES];
  static int status[PAGES];
  int found = 0;
  for (int i = 0; i < PAGES; i++) pages[i] = base + 4096L * i, status[i] = -9999;
  if (syscall(SYS_move_pages, target, (long)PAGES, pages, nodes, status, MPOL_MF_MOVE) != 0) return -1;
  for (int i = 0; i < PAGES; i++) found += status[i] == wanted;
  return found;
}

static int present(pid_t target) {
  static uint64_t entries[PAGES];
  char path[64];
  snprintf(path, sizeof path, "/proc/%d/pagemap", target);
  int fd = open(path, O_RDONLY), found = 0;
  if (pread(fd, entries, sizeof entries, (off_t)((uintptr_t)base / 4096 * 8)) != sizeof entries) return -1;
  close(fd);
  for (int i = 0; i < PAGES; i++) found += entries[i] >> 63;
  return found;
}

static void read_bytes(pid_t target, int from) {
  static struct iovec remote[QUARTER];
  static char bytes[QUARTER];
  for (int i = 0; i < QUARTER; i++) remote[i] = (struct iovec){base + 4096L * (from + i), 1};
  struct iovec local = {bytes, QUARTER};
  if (process_vm_readv(target, &local, 1, remote, QUARTER, 0) != QUARTER) printf("RESULT process_vm_readv: %s\n", strerror(errno));
}

/* A program whose memory lies idle on node 1 while it computes. */
static pid_t start(int huge) {
  base = mmap(base, PAGES * 4096L, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
  madvise(base, PAGES * 4096L, huge ? MADV_HUGEPAGE : MADV_NOHUGEPAGE);
  fflush(stdout);
  pid_t target = fork();
  if (target == 0) {
    unsigned long node = 2;
    syscall(SYS_mbind, base, PAGES * 4096L, MPOL_BIND, &node, 64, 0);
    for (long i = 0; i < PAGES; i++) base[i * 4096] = 1;
    syscall(SYS_mbind, base, PAGES * 4096L, MPOL_DEFAULT, 0, 0, 0);
    for (volatile long turns = 0;;) turns++;
  }
  munmap(base, PAGES * 4096L);
  return target;
}

static void try_kind(int huge) {
  const char *kind = huge ? "huge" : "small";
  const int hidden = huge ? -EFAULT : -ENOENT;
  static int to_node_0[PAGES], to_node_1[PAGES];
  for (int i = 0; i < PAGES; i++) to_node_1[i] = 1;
  pid_t target = start(huge);
  /* A move to where they are takes pages off the CPUs' lists, on which they are not marked. */
  for (int seconds = 0; seconds < 120; seconds++) {
    sleep(1);
    if (present(target) == PAGES && count(target, hidden, to_node_1) == PAGES) break;
  }
  const char *name = huge ? "EFAULT" : "ENOENT";
  const int asked = count(target, hidden, 0), moved = count(target, hidden, to_node_0), in_pagemap = present(target);
  printf("RESULT %s: %d %s when asked for, %d when moved, %d present in pagemap\n", kind, asked, name, moved, in_pagemap);
  write_text("/proc/sys/kernel/numa_balancing", "0");
  printf("RESULT %s, switched off: %d %s\n", kind, count(target, hidden, 0), name);
  syscall(SYS_set_mempolicy, MPOL_LOCAL, 0, 0);
  read_bytes(target, 0);
  printf("RESULT %s, read under MPOL_LOCAL: %d on node 1, %d on node 0\n", kind, count(target, 1, 0), count(target, 0, 0));
  syscall(SYS_set_mempolicy, MPOL_DEFAULT, 0, 0);
  read_bytes(target, QUARTER);
  printf("RESULT %s, as many by default: %d on node 1, %d on node 0\n", kind, count(target, 1, 0), count(target, 0, 0));
  kill(target, SIGKILL);
  waitpid(target, 0, 0);
}

int main(void) {
  char mode[8] = "";
  mkdir("/proc", 0755), mkdir("/sys", 0755);
  mount("proc", "/proc", "proc", 0, 0), mount("sysfs", "/sys", "sysfs", 0, 0);
  FILE *file = fopen("/proc/sys/kernel/numa_balancing", "r");
  if (file && fgets(mode, sizeof mode, file)) printf("RESULT kernel.numa_balancing after boot: %s", mode);
  try_kind(0);
  write_text("/proc/sys/kernel/numa_balancing", "1");
  try_kind(1);
  fflush(stdout);
  reboot(RB_POWER_OFF);
  return 0;
}
C
gcc -static -O1 -o init init.c
echo init | cpio -o -H newc --quiet >initramfs
timeout 500 qemu-system-x86_64 -machine q35 -m 768M -smp 1 -cpu max -accel tcg -nographic -no-reboot -nic none \
  -object memory-backend-ram,id=m0,size=384M -object memory-backend-ram,id=m1,size=384M \
  -numa node,nodeid=0,memdev=m0,cpus=0 -numa node,nodeid=1,memdev=m1 \
  -kernel "$kernel" -initrd initramfs -append "console=ttyS0 quiet panic=-1" </dev/null >console 2>&1 || true
echo "$package $version, $(qemu-system-x86_64 --version | head -n 1)"
tr -d '\r' <console | sed -n 's/^.*RESULT //p' | tee results
cat >expected <<'R'
kernel.numa_balancing after boot: 1
small: 4096 ENOENT when asked for, 4096 when moved, 4096 present in pagemap
small, switched off: 4096 ENOENT
small, read under MPOL_LOCAL: 1024 on node 1, 0 on node 0
small, as many by default: 1024 on node 1, 1024 on node 0
huge: 4096 EFAULT when asked for, 4096 when moved, 4096 present in pagemap
huge, switched off: 4096 EFAULT
huge, read under MPOL_LOCAL: 1024 on node 1, 0 on node 0
huge, as many by default: 1024 on node 1, 1024 on node 0
R
diff expected results && echo "as described" || { [ -s results ] || tail -n 20 console; exit 1; }
