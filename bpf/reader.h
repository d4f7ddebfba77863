/* SPDX-License-Identifier: (BSD-2-Clause OR GPL-2.0) */
/* How the process that reads the events sees the world: it may live in a PID and a time namespace of its own (a
 * container), while the kernel side sees the initial ones. Numbers and times are sent as the reader knows them. */
#ifndef TIER_READER_H
#define TIER_READER_H

#include "bpf/events.h"
#include "bpf/vmlinux_min.h"

#include <bpf/bpf_core_read.h>
#include <bpf/bpf_helpers.h>

#define TIER_CLOCK_TICK_NS 10000000ULL /* USER_HZ is 100 on every architecture we run on */

/* PID namespaces nest at most this deep (MAX_PID_NS_LEVEL of linux/pid_namespace.h), the initial one not counted. */
#define TIER_MAX_PID_LEVEL 32

/* Set by user space before the program is loaded: the verifier then knows the values and drops what they exclude. */
const volatile __u32 reader_pid_namespace = TIER_INITIAL_PID_NAMESPACE; /* inode number of /proc/self/ns/pid */
const volatile __s64 reader_boottime_offset_ns = 0;                    /* /proc/self/timens_offsets */
const volatile __s64 reader_monotonic_offset_ns = 0;

/* At which level the reader's namespace lies; the same for every task that it sees. Unknown until the first is found. */
#define TIER_UNKNOWN_LEVEL 0xffffffffU
__u32 reader_level = TIER_UNKNOWN_LEVEL;

/* The reader's CLOCK_MONOTONIC. */
static __always_inline __u64 tier_clock(void) { return bpf_ktime_get_ns() + reader_monotonic_offset_ns; }

/* Field 22 of /proc/PID/stat as the reader sees it, of a process that began at `boottime_ns`. */
static __always_inline __u64 tier_start_ticks(__u64 boottime_ns) {
  return (boottime_ns + reader_boottime_offset_ns) / TIER_CLOCK_TICK_NS;
}

/* The number of `pid` at `level`, 0 when that is not the reader's namespace. */
static __always_inline __u32 tier_number_at(struct pid *pid, __u32 level) {
  struct upid number;
  __u32 namespace = 0;
  unsigned long at = (unsigned long)pid + bpf_core_field_offset(pid->numbers) + level * bpf_core_type_size(struct upid);
  struct upid *entry = (struct upid *)at;
  __builtin_memset(&number, 0, sizeof(number));
  if (bpf_core_read(&number.nr, sizeof(number.nr), &entry->nr)) return 0;
  if (bpf_core_read(&number.ns, sizeof(number.ns), &entry->ns) || !number.ns) return 0;
  if (bpf_core_read(&namespace, sizeof(namespace), &number.ns->ns.inum)) return 0;
  return namespace == reader_pid_namespace ? (__u32)number.nr : 0;
}

/* How the reader numbers `task` when it lives in a namespace of its own; 0 when it does not see the task. The numbers are
 * read from the task: bpf_get_ns_current_pid_tgid() knows those of the innermost namespace only. */
static __always_inline __u32 tier_number_of(struct task_struct *task) {
  struct pid *pid = 0;
  __u32 deepest = 0;
  if (bpf_core_read(&pid, sizeof(pid), &task->thread_pid) || !pid) return 0;
  if (bpf_core_read(&deepest, sizeof(deepest), &pid->level)) return 0;
  __u32 known = reader_level;
  if (known != TIER_UNKNOWN_LEVEL) return known <= deepest ? tier_number_at(pid, known) : 0;
  for (__u32 level = 0; level <= TIER_MAX_PID_LEVEL; ++level) {
    if (level > deepest) break;
    __u32 number = tier_number_at(pid, level);
    if (!number) continue;
    reader_level = level;
    return number;
  }
  return 0;
}

/* The current process and thread. */
static __always_inline __u32 tier_current_process(void) {
  if (reader_pid_namespace == TIER_INITIAL_PID_NAMESPACE) return bpf_get_current_pid_tgid() >> 32;
  return tier_number_of(bpf_get_current_task_btf()->group_leader);
}

static __always_inline __u32 tier_current_thread(void) {
  if (reader_pid_namespace == TIER_INITIAL_PID_NAMESPACE) return (__u32)bpf_get_current_pid_tgid();
  return tier_number_of(bpf_get_current_task_btf());
}

#endif
