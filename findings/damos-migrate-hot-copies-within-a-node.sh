#!/usr/bin/env bash
# Finding: where the target node is full, DAMOS migrate_hot copies pages within the node they are on, and counts them as migrated.
#
# What one would guess: a hot page for which the fast node has no room stays as it is and is tried again later, as NUMA balancing's promotion
# leaves it; `sz_applied` of the scheme is memory that came to its target.
# What happens: the new page comes from alloc_migrate_folio() (mm/vmscan.c), made for demotion: it tries the target node alone and then, without
# __GFP_THISNODE, any node with room, which is the one that the page is on. The page is copied there, pgmigrate_success and sz_applied grow, and
# the next interval may do it again: a promotion scheme whose demotion scheme does not keep up spends its quota on copies that change nothing.
#
# Seen with linux-image-6.12.95+deb12-cloud-amd64 (or the package that PACKAGE names), booted in QEMU 10.0.2 under software emulation with two
# memory nodes: of 16,384 hot pages 412 came to the full node, 15,972 lay in another frame of their own, 21,363 were counted as migrated and
# as applied (692, 15,692 and 18,173 in another run). 7.2 copies as well.
# Needs: apt on Debian 12 with bookworm-backports, gcc, cpio, qemu-system-x86_64. Nothing is installed outside a temporary folder.
# Exit: 0 as described, 1 it behaves otherwise now, 77 something that it needs is missing.
set -euo pipefail
package=${PACKAGE:-linux-image-6.12.95+deb12-cloud-amd64}
for tool in apt-get dpkg-deb gcc cpio qemu-system-x86_64; do
  command -v "$tool" >/dev/null || { echo "missing: $tool"; exit 77; }
done
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
apt-get download "$package" >apt.log 2>&1 || { cat apt.log; echo "missing: $package"; exit 77; }
dpkg-deb -x "$package"_*.deb tree
kernel=$(echo tree/boot/vmlinuz-*)

cat >init.c <<'C'
#define _GNU_SOURCE
#include <fcntl.h>
#include <linux/mempolicy.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/reboot.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#define PAGES 16384L /* 64 MiB */
#define KDAMOND "/sys/kernel/mm/damon/admin/kdamonds/0/"
#define SCHEME KDAMOND "contexts/0/schemes/0/"

static void set(const char *path, const char *text) {
  FILE *file = fopen(path, "w");
  if (!file || fputs(text, file) < 0 || fclose(file) != 0) printf("RESULT cannot write %s\n", path);
}

/* The number behind `name` in a file of lines. */
static long number(const char *path, const char *name) {
  char line[256], *at;
  long value = -1;
  FILE *file = fopen(path, "r");
  while (file && value < 0 && fgets(line, sizeof line, file))
    if ((at = strstr(line, name))) value = strtol(at + strlen(name), 0, 10);
  if (file) fclose(file);
  return value;
}

/* Memory of 4 KiB pages that is asked of one node and may go anywhere from then on. */
static char *memory_on(int node, long pages) {
  unsigned long mask = 1UL << node;
  char *memory = mmap(0, pages * 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  madvise(memory, pages * 4096, MADV_NOHUGEPAGE);
  syscall(SYS_mbind, memory, pages * 4096, MPOL_PREFERRED, &mask, 64, 0);
  for (long i = 0; i < pages; i++) memory[i * 4096] = 1;
  syscall(SYS_mbind, memory, pages * 4096, MPOL_DEFAULT, 0, 0, 0);
  return memory;
}

static void read_places(char *memory, int *nodes, uint64_t *frames) {
  static void *pages[PAGES];
  for (long i = 0; i < PAGES; i++) pages[i] = memory + i * 4096;
  syscall(SYS_move_pages, 0, PAGES, pages, 0, nodes, 0);
  int fd = open("/proc/self/pagemap", O_RDONLY);
  if (pread(fd, frames, PAGES * 8, (off_t)((uintptr_t)memory / 4096 * 8)) != PAGES * 8) printf("RESULT cannot read pagemap\n");
  close(fd);
}

int main(void) {
  static int nodes[PAGES];
  static uint64_t before[PAGES], after[PAGES];
  mkdir("/proc", 0755), mkdir("/sys", 0755);
  mount("proc", "/proc", "proc", 0, 0), mount("sysfs", "/sys", "sysfs", 0, 0);
  set("/proc/sys/kernel/numa_balancing", "0");
  const long free_kib = number("/sys/devices/system/node/node0/meminfo", "MemFree:");
  char *filling = memory_on(0, free_kib / 4);
  mlock(filling, (free_kib / 4) * 4096); /* nobody makes room */
  char *hot = memory_on(1, PAGES);
  read_places(hot, nodes, before);
  set("/sys/kernel/mm/damon/admin/kdamonds/nr_kdamonds", "1");
  set(KDAMOND "contexts/nr_contexts", "1");
  set(KDAMOND "contexts/0/operations", "paddr");
  set(KDAMOND "contexts/0/targets/nr_targets", "1");
  set(KDAMOND "contexts/0/targets/0/regions/nr_regions", "1");
  set(KDAMOND "contexts/0/targets/0/regions/0/start", NODE_1_START);
  set(KDAMOND "contexts/0/targets/0/regions/0/end", NODE_1_END);
  set(KDAMOND "contexts/0/schemes/nr_schemes", "1");
  set(SCHEME "action", "migrate_hot");
  set(SCHEME "target_nid", "0");
  set(SCHEME "access_pattern/sz/max", "18446744073709551615");
  set(SCHEME "access_pattern/nr_accesses/min", "1");
  set(SCHEME "access_pattern/nr_accesses/max", "4294967295");
  set(SCHEME "access_pattern/age/max", "4294967295");
  const long began = number("/proc/vmstat", "pgmigrate_success ");
  set(KDAMOND "state", "on");
  for (int turn = 0; turn < 2000; turn++) {
    for (long i = 0; i < PAGES; i++) hot[i * 4096]++;
    usleep(5000);
  }
  set(KDAMOND "state", "update_schemes_stats");
  const long applied = number(SCHEME "stats/sz_applied", "") >> 12;
  set(KDAMOND "state", "off");
  read_places(hot, nodes, after);
  long there = 0, other = 0;
  for (long i = 0; i < PAGES; i++) there += nodes[i] == 0, other += nodes[i] == 1 && before[i] != after[i];
  printf("RESULT hot pages %ld, on node 0 now %ld, in another frame of node 1 now %ld\n", PAGES, there, other);
  printf("RESULT migrated %ld, applied %ld pages\n", number("/proc/vmstat", "pgmigrate_success ") - began, applied);
  fflush(stdout);
  reboot(RB_POWER_OFF);
}
C
gcc -static -O1 -DNODE_1_START='"268435456"' -DNODE_1_END='"805306368"' -o init init.c
echo init | cpio -o -H newc --quiet >initramfs
timeout 500 qemu-system-x86_64 -machine q35 -m 768M -smp 1 -cpu max -accel tcg -nographic -no-reboot -nic none \
  -object memory-backend-ram,id=m0,size=256M -object memory-backend-ram,id=m1,size=512M \
  -numa node,nodeid=0,memdev=m0,cpus=0 -numa node,nodeid=1,memdev=m1 \
  -kernel "$kernel" -initrd initramfs -append "console=ttyS0 quiet panic=-1" </dev/null >console 2>&1 || true
echo "$package, $(qemu-system-x86_64 --version | head -n 1)"
tr -d '\r' <console | sed -n 's/^.*RESULT //p' | tee results
[ "$(wc -l <results)" = 2 ] || { tail -n 20 console; exit 1; }
# Most pages were copied and did not leave their node; many more than once.
awk 'NR == 1 { hot = $3; there = $8; other = $16 } NR == 2 { copies = $2 } { gsub(",", "") }
  END { if (!(there < hot / 4 && other > hot / 4 && copies > hot / 2)) { print "otherwise"; exit 1 } }' <(tr -d , <results) &&
  echo "as described"
