#!/usr/bin/env bash
# Finding: a DAMOS quota that is tuned by a goal begins at one byte, so that a scheme does nothing for its first twenty or thirty reset intervals.
#
# What one would guess: `quotas/bytes` is what a scheme may use while its goal is far away, and a goal takes from that as it comes nearer.
# So promotion with 200 MiB a second and a goal that is not met moves up to 200 MiB in its first second.
# What happens: the tuner (the only one before Linux 7.1, "consist" from then on) is a feedback loop whose first value is one byte and which
# at most doubles with each reset interval (mm/damon/core.c, damon_feed_loop_next_input(), damos_set_effective_quota()). With the usual
# interval of a second a page of 4 KiB fits after 13 s, a huge page after 22 s, 200 MiB after 27 to 29 s; a comparison of tiering systems that
# runs for 20 s sees DAMOS move nothing. `effective_bytes` tells, nothing else does.
#
# Seen with linux-image-6.12.95+deb12-cloud-amd64 (or the package that PACKAGE names), booted in QEMU 10.0.2 under software emulation; 7.2
# has the same default and, by `goal_tuner`, another choice ("temporal"). After 2, 10, 20 and 32 s: 1, 1023, 1047527 and 209715200 bytes.
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
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/reboot.h>
#include <sys/stat.h>
#include <unistd.h>

#define KDAMOND "/sys/kernel/mm/damon/admin/kdamonds/0/"
#define SCHEME KDAMOND "contexts/0/schemes/0/"

static void set(const char *path, const char *text) {
  FILE *file = fopen(path, "w");
  if (!file || fputs(text, file) < 0 || fclose(file) != 0) printf("RESULT cannot write %s\n", path);
}

int main(void) {
  mkdir("/sys", 0755);
  mount("sysfs", "/sys", "sysfs", 0, 0);
  set("/sys/kernel/mm/damon/admin/kdamonds/nr_kdamonds", "1");
  set(KDAMOND "contexts/nr_contexts", "1");
  set(KDAMOND "contexts/0/operations", "vaddr");
  set(KDAMOND "contexts/0/targets/nr_targets", "1");
  set(KDAMOND "contexts/0/targets/0/pid_target", "1"); /* this program */
  set(KDAMOND "contexts/0/schemes/nr_schemes", "1");
  set(SCHEME "action", "stat"); /* changes nothing, and is bound by its quota as any other */
  set(SCHEME "access_pattern/sz/max", "18446744073709551615");
  set(SCHEME "access_pattern/nr_accesses/max", "4294967295");
  set(SCHEME "access_pattern/age/max", "4294967295");
  set(SCHEME "quotas/bytes", "209715200");
  set(SCHEME "quotas/reset_interval_ms", "1000");
  set(SCHEME "quotas/goals/nr_goals", "1");
  set(SCHEME "quotas/goals/0/target_value", "10000");
  set(SCHEME "quotas/goals/0/current_value", "1"); /* as far from it as can be */
  set(KDAMOND "state", "on");
  for (int second = 1; second <= 32; second++) {
    sleep(1);
    set(KDAMOND "state", "update_schemes_effective_quotas");
    char text[64] = "";
    FILE *file = fopen(SCHEME "quotas/effective_bytes", "r");
    if (file && fgets(text, sizeof text, file)) printf("RESULT %d %s", second, text);
    if (file) fclose(file);
    fflush(stdout);
  }
  set(KDAMOND "state", "off");
  reboot(RB_POWER_OFF);
}
C
gcc -static -O1 -o init init.c
echo init | cpio -o -H newc --quiet >initramfs
timeout 500 qemu-system-x86_64 -machine q35 -m 512M -smp 1 -cpu max -accel tcg -nographic -no-reboot -nic none \
  -kernel "$kernel" -initrd initramfs -append "console=ttyS0 quiet panic=-1" </dev/null >console 2>&1 || true
echo "$package, $(qemu-system-x86_64 --version | head -n 1)"
tr -d '\r' <console | sed -n 's/^.*RESULT //p' | tee results
[ "$(wc -l <results)" = 32 ] || { tail -n 20 console; exit 1; }
# A second more or less does not matter: the guest's sleep and the scheme's interval are two clocks.
awk '$1 == 2 && $2 > 4 || $1 == 10 && $2 > 4096 || $1 == 20 && $2 > 2097152 || $1 == 32 && $2 != 209715200 { print "otherwise at second " $1; bad = 1 } END { exit bad }' results &&
  echo "as described"
