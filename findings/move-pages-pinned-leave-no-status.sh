#!/usr/bin/env bash
# Finding: move_pages(2) writes no status at all, of the pages that moved neither, when some pages of the call are pinned.
#
# What one would guess: "The array contains valid values only if move_pages() did not return an error", and a positive
# value, "the number of nonmigrated pages if they were the result of nonfatal reasons", is none. The page says so itself:
# "Preinitialization of the array to a value which cannot represent a real numa node or valid error of status array could
# help to identify pages that have been migrated". So the slots of the pages that moved hold their node now.
# What happens: the kernel migrates pages in one lot and writes the lot's statuses only when all of it moved (mm/migrate.c,
# move_pages_and_store_status). With one page of the lot pinned every slot keeps what the caller put there, though the
# others have moved; whoever goes by the slots takes them for failed and moves them again. Pages behind a page with an
# error of its own are not even tried then, and are counted in the value all the same. Only asking again where each page
# is tells what became of it.
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
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/reboot.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#define PAGES 64
#define UNTOUCHED -9999

/* Moves the process's own pages from node 0 to node 1. `pinned` of them are held by a pipe (vmsplice(2)). */
static void try_move(const char *what, int pinned, int unmap) {
  char *base = mmap(0, PAGES * 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  void *pages[PAGES];
  int nodes[PAGES], status[PAGES], ends[2], on_node_1 = 0, written = 0;
  madvise(base, PAGES * 4096, MADV_NOHUGEPAGE);
  memset(base, 1, PAGES * 4096);
  if (pipe(ends) != 0) printf("RESULT pipe: %s\n", strerror(errno));
  for (int i = 0; i < pinned; i++) {
    struct iovec one = {base + (5 + 7 * i) * 4096, 4096};
    if (vmsplice(ends[1], &one, 1, 0) != 4096) printf("RESULT vmsplice: %s\n", strerror(errno));
  }
  if (unmap) munmap(base + 32 * 4096, 4096);
  for (int i = 0; i < PAGES; i++) pages[i] = base + i * 4096, nodes[i] = 1, status[i] = UNTOUCHED;
  long value = syscall(SYS_move_pages, 0, (long)PAGES, pages, nodes, status, MPOL_MF_MOVE);
  for (int i = 0; i < PAGES; i++) written += status[i] != UNTOUCHED;
  syscall(SYS_move_pages, 0, (long)PAGES, pages, 0, status, 0);
  for (int i = 0; i < PAGES; i++) on_node_1 += status[i] == 1;
  printf("RESULT %s: value %ld, %d of %d statuses written, %d pages on node 1\n", what, value, written, PAGES, on_node_1);
  close(ends[0]), close(ends[1]);
  munmap(base, PAGES * 4096);
}

int main(void) {
  try_move("none pinned", 0, 0);
  try_move("two pinned", 2, 0);
  try_move("two pinned, page 32 not mapped", 2, 1);
  fflush(stdout);
  reboot(RB_POWER_OFF);
  return 0;
}
C
gcc -static -O1 -o init init.c
echo init | cpio -o -H newc --quiet >initramfs
timeout 300 qemu-system-x86_64 -machine q35 -m 768M -smp 1 -cpu max -accel tcg -nographic -no-reboot -nic none \
  -object memory-backend-ram,id=m0,size=384M -object memory-backend-ram,id=m1,size=384M \
  -numa node,nodeid=0,memdev=m0,cpus=0 -numa node,nodeid=1,memdev=m1 \
  -kernel "$kernel" -initrd initramfs -append "console=ttyS0 quiet panic=-1" </dev/null >console 2>&1 || true
echo "$package $version, $(qemu-system-x86_64 --version | head -n 1)"
tr -d '\r' <console | sed -n 's/^.*RESULT //p' | tee results
cat >expected <<'R'
none pinned: value 0, 64 of 64 statuses written, 64 pages on node 1
two pinned: value 2, 0 of 64 statuses written, 62 pages on node 1
two pinned, page 32 not mapped: value 33, 1 of 64 statuses written, 30 pages on node 1
R
diff expected results && echo "as described" || { [ -s results ] || tail -n 20 console; exit 1; }
