// SPDX-License-Identifier: (BSD-2-Clause OR GPL-2.0)
// DAMON's regions at the end of each aggregation, straight from the kernel: no text to parse.
#include "bpf/sample_common.h"

#include <bpf/bpf_tracing.h>

char LICENSE[] SEC("license") = "Dual BSD/GPL";

/* The monitoring thread that we started; others' results are not ours to read. Set by user space, 0 = none. DAMON's
 * sysfs names it by its number in the initial PID namespace, wherever it is read (a kernel thread has no other). */
__u32 kdamond_pid = 0;

/* CPU time of that thread so far, ns: it starts anew, from 0, with each time DAMON is switched on. */
__u64 kdamond_cpu_ns = 0;

SEC("tp_btf/damon_aggregated")
int BPF_PROG(on_aggregated, unsigned int target_index, struct damon_region *region, unsigned int regions) {
  if ((__u32)bpf_get_current_pid_tgid() != kdamond_pid) return 0;
  struct tier_counters *count = tier_my_counters();
  if (!count) return 0;
  kdamond_cpu_ns = bpf_get_current_task_btf()->se.sum_exec_runtime;
  struct tier_damon_region *event = bpf_ringbuf_reserve(&samples, sizeof(*event), 0);
  if (!event) {
    count->lost++;
    return 0;
  }
  event->version = TIER_EVENTS_VERSION;
  event->kind = TIER_EVENT_DAMON;
  event->target_index = target_index;
  event->time_ns = tier_clock();
  event->start = region->ar.start;
  event->end = region->ar.end;
  event->accesses = region->nr_accesses;
  event->age = region->age;
  event->regions = regions;
  event->reserved = 0;
  bpf_ringbuf_submit(event, BPF_RB_NO_WAKEUP);
  count->sent++;
  return 0;
}
