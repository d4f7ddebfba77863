/* SPDX-License-Identifier: (BSD-2-Clause OR GPL-2.0) */
/* Maps and steps shared by the programs that send samples of a user thread. Include once per BPF object. */
#ifndef TIER_SAMPLE_COMMON_H
#define TIER_SAMPLE_COMMON_H

#include "bpf/reader.h"

struct {
  __uint(type, BPF_MAP_TYPE_HASH);
  __uint(max_entries, TIER_MAX_TARGETS);
  __uint(map_flags, BPF_F_NO_PREALLOC);
  __type(key, __u32);
  __type(value, struct tier_watch);
} watched SEC(".maps");

struct {
  __uint(type, BPF_MAP_TYPE_RINGBUF);
  __uint(max_entries, TIER_SAMPLE_RING_BYTES);
} samples SEC(".maps");

struct {
  __uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
  __uint(max_entries, 1);
  __type(key, __u32);
  __type(value, struct tier_counters);
} counters SEC(".maps");

static __always_inline struct tier_counters *tier_my_counters(void) {
  __u32 zero = 0;
  return bpf_map_lookup_elem(&counters, &zero);
}

/* Fills the header when the current thread belongs to a watched process; 0 when it does not. `now`: tier_clock() at the
 * beginning of this run. */
static __always_inline int tier_fill_header(struct tier_event_header *header, __u16 kind, __u64 now,
                                            struct tier_counters *count) {
  __u32 tgid = tier_current_process();
  struct tier_watch *watch = bpf_map_lookup_elem(&watched, &tgid);
  if (!watch) return 0;
  struct task_struct *task = bpf_get_current_task_btf();
  __u64 start_ticks = tier_start_ticks(task->group_leader->start_boottime);
  if (watch->start_ticks && watch->start_ticks != start_ticks) {
    count->foreign++;
    return 0;
  }
  header->version = TIER_EVENTS_VERSION;
  header->kind = kind;
  header->cpu = bpf_get_smp_processor_id();
  header->tgid = tgid;
  header->tid = tier_current_thread();
  header->time_ns = now;
  header->start_ticks = start_ticks;
  header->exec_id = (__u32)task->self_exec_id;
  header->code_before = 0;
  header->code_after = 0;
  header->has_code = 0;
  return 1;
}

/* At the end of a run that concerned a watched process: what it took. The kernel's own account of programs' run time
 * (BPF_ENABLE_STATS) may be switched on with CAP_SYS_ADMIN only. */
static __always_inline void tier_end_run(const struct tier_event_header *header, struct tier_counters *count) {
  count->program_ns += tier_clock() - header->time_ns;
}

#define TIER_COPY_REGISTERS(to, from)           \
  do {                                          \
    TIER_COPY_GENERAL((to)->general, from);     \
    (to)->ip = (from)->ip;                      \
    (to)->flags = (from)->flags;                \
  } while (0)

#endif
