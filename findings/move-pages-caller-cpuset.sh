#!/usr/bin/env bash
# Finding: move_pages(2) says ENOMEM where the cpuset of the caller, not of the target, lacks the node.
#
# What one would guess: move_pages(2) has "EACCES: one of the target nodes is not allowed by the current cpuset", so a
# caller that is kept off a node is told EACCES, and ENOMEM is left for a node that is full.
# What happens: the kernel checks the cpuset of the *target* process for EACCES (mm/migrate.c), but allocates the new page
# in the name of the *caller*. A daemon in a cgroup whose cpuset.mems lacks node 1 gets ENOMEM for every page that it
# moves there for a process that may use it, with hundreds of MiB free on the node. So it concludes that the node is full.
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
#include <errno.h>
#include <linux/mempolicy.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/reboot.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

static void write_text(const char *path, const char *text) {
  FILE *file = fopen(path, "w");
  if (!file || fputs(text, file) < 0 || fclose(file) != 0) printf("RESULT %s: %s\n", path, strerror(errno));
}

static void free_memory(void) {
  FILE *file = fopen("/sys/devices/system/node/node1/meminfo", "r");
  char line[256];
  unsigned long kb = 0;
  while (file && fgets(line, sizeof line, file)) sscanf(line, "Node 1 MemFree: %lu kB", &kb);
  printf("RESULT more than 100 MiB free on node 1: %s\n", kb > 100 * 1024 ? "yes" : "no");
}

/* Moves one resident page of `target` to `node`, from a process in `group`. */
static void move_from(const char *group, pid_t target, void *page, int node) {
  fflush(stdout);
  pid_t mover = fork();
  if (mover == 0) {
    char path[64];
    snprintf(path, sizeof path, "/cg/%s/cgroup.procs", group);
    write_text(path, "0");
    int status = -9999;
    long value = syscall(SYS_move_pages, target, 1UL, &page, &node, &status, MPOL_MF_MOVE);
    const int error = value < 0 ? errno : status < 0 && status != -9999 ? -status : 0;
    printf("RESULT caller in %s, to node %d: %s\n", group, node,
           error == ENOMEM ? "ENOMEM" : error == EACCES ? "EACCES" : error ? strerror(error) : "moved");
    fflush(stdout);
    _exit(0);
  }
  waitpid(mover, 0, 0);
}

int main(void) {
  mkdir("/proc", 0755), mkdir("/sys", 0755), mkdir("/cg", 0755);
  mount("proc", "/proc", "proc", 0, 0), mount("sysfs", "/sys", "sysfs", 0, 0), mount("none", "/cg", "cgroup2", 0, 0);
  write_text("/cg/cgroup.subtree_control", "+cpuset");
  mkdir("/cg/both", 0755), mkdir("/cg/first", 0755);
  write_text("/cg/both/cpuset.mems", "0-1"), write_text("/cg/first/cpuset.mems", "0");
  char *page = mmap(0, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  pid_t target = fork();
  if (target == 0) {
    *page = 1;
    for (;;) pause();
  }
  sleep(1);
  free_memory();
  move_from("both", target, page, 1);
  move_from("both", target, page, 0);
  move_from("first", target, page, 1);
  /* The other way round, as documented: the target is kept off the node. */
  char pid[16];
  snprintf(pid, sizeof pid, "%d", target);
  write_text("/cg/first/cgroup.procs", pid);
  move_from("both", target, page, 1);
  kill(target, SIGKILL);
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
more than 100 MiB free on node 1: yes
caller in both, to node 1: moved
caller in both, to node 0: moved
caller in first, to node 1: ENOMEM
caller in both, to node 1: EACCES
R
diff expected results && echo "as described" || { [ -s results ] || tail -n 20 console; exit 1; }
