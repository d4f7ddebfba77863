// SPDX-License-Identifier: (BSD-2-Clause OR GPL-2.0)
// Stall sampling: at a timer interrupt, send the registers of the interrupted user code. The interrupt is taken when
// the stalled instruction retires, so samples gather on what the program waits for.
#include "bpf/code_common.h"

#include <bpf/bpf_tracing.h>

char LICENSE[] SEC("license") = "Dual BSD/GPL";

/* Set by user space. A timer interrupt sooner than this after the last one on its CPU is not a sample (timers of
 * programs share the interrupt with the tick), and no sample stands for more time than one tick. */
__u64 minimum_gap_ns = 0;
__u64 maximum_weight_ns = 20000000;

/* Registers at the interrupt; kept by the kernel while it handles one. */
extern struct pt_regs *__irq_regs __ksym __weak;

/* Distance in bytes from the per-CPU variable runqueues to __irq_regs. Set by user space from the kernel's BTF. */
__s64 irq_regs_from_runqueues = 0;

#define TIER_STACK_FRAMES 16
long shortest_stack_bytes = sizeof(__u64) * TIER_STACK_FRAMES;

struct {
  __uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
  __uint(max_entries, 1);
  __type(key, __u32);
  __type(value, __u64);
} last_interrupt SEC(".maps");

/* Nanoseconds of this CPU's time that a sample taken `now` stands for; 0 when it is too soon for one. */
static __always_inline __u64 weight_of_now(__u64 now, struct tier_counters *count) {
  __u32 zero = 0;
  __u64 *last = bpf_map_lookup_elem(&last_interrupt, &zero);
  if (!last) return 0;
  __u64 gap = now - *last;
  if (gap < minimum_gap_ns) {
    count->too_soon++;
    return 0;
  }
  *last = now;
  return gap < maximum_weight_ns ? gap : maximum_weight_ns;
}

/* An empty sample of the current program if it is watched and now is the time for one; else nothing. */
static __always_inline struct tier_counters *begin_sample(struct tier_sample *sample, __u16 kind) {
  struct tier_counters *count = tier_my_counters();
  if (!count) return 0;
  __u64 now = tier_clock();
  __u64 weight_ns = weight_of_now(now, count);
  if (!weight_ns) return 0;
  __builtin_memset(sample, 0, sizeof(*sample));
  if (!tier_fill_header(&sample->header, kind, now, count)) return 0;
  sample->stands_for = weight_ns;
  return count;
}

static __always_inline void fill_bases(struct tier_sample *sample) {
  struct task_struct *task = bpf_get_current_task_btf();
  sample->registers.fs_base = task->thread.fsbase;
  sample->registers.gs_base = task->thread.gsbase;
}

/* The end of every tick program. `in_user`: the interrupt hit user code. */
static __always_inline int end_tick(struct tier_sample *sample, struct pt_regs *registers, int in_user,
                                    struct tier_counters *count) {
  if (!in_user) {
    count->in_kernel++;
  } else if (registers->cs != TIER_USER_CS_64) {
    count->no_code++;
  } else {
    TIER_COPY_REGISTERS(&sample->registers, registers);
    fill_bases(sample);
    tier_send(sample, count);
  }
  tier_end_run(&sample->header, count);
  return 0;
}

/* The interrupt hit user code when its registers are the ones saved at the thread's entry into the kernel. */
SEC("tp_btf/local_timer_entry")
int on_tick(void *ctx) {
  struct tier_sample sample;
  struct tier_counters *count = begin_sample(&sample, TIER_EVENT_TICK);
  if (!count) return 0;
  struct pt_regs *registers = (struct pt_regs *)bpf_task_pt_regs(bpf_get_current_task_btf());
  struct pt_regs **interrupted = bpf_this_cpu_ptr(&__irq_regs);
  return end_tick(&sample, registers, (unsigned long)*interrupted == (unsigned long)registers, count);
}

/* For kernels without the symbols of data (CONFIG_KALLSYMS_ALL): __irq_regs is found from this CPU's run queue, to which
 * every task points. */
SEC("tp_btf/local_timer_entry")
int on_tick_by_runqueue(void *ctx) {
  struct tier_sample sample;
  struct tier_counters *count = begin_sample(&sample, TIER_EVENT_TICK);
  if (!count) return 0;
  struct task_struct *task = bpf_get_current_task_btf();
  struct pt_regs *registers = (struct pt_regs *)bpf_task_pt_regs(task);
  unsigned long runqueue = 0, interrupted = 0; /* numbers, since the verifier allows no sums with kernel pointers */
  bpf_probe_read_kernel(&runqueue, sizeof(runqueue), &task->se.cfs_rq->rq);
  bpf_probe_read_kernel(&interrupted, sizeof(interrupted), (void *)(runqueue + irq_regs_from_runqueues));
  return end_tick(&sample, registers, interrupted == (unsigned long)registers, count);
}

/* Where neither works, and at a price of about 10 us: an interrupt from user mode leaves no system call number, and the
 * shortest kernel stack of all: that tells it from one that hit a page fault being served. */
SEC("tp_btf/local_timer_entry")
int on_tick_by_stack(void *ctx) {
  struct tier_sample sample;
  struct tier_counters *count = begin_sample(&sample, TIER_EVENT_TICK);
  if (!count) return 0;
  struct pt_regs *registers = (struct pt_regs *)bpf_task_pt_regs(bpf_get_current_task_btf());
  __u64 frames[TIER_STACK_FRAMES];
  long stack_bytes = bpf_get_stack(ctx, frames, sizeof(frames), 0);
  if (stack_bytes > 0 && stack_bytes < shortest_stack_bytes) shortest_stack_bytes = stack_bytes;
  int in_user = (long)registers->orig_ax < 0 && stack_bytes <= shortest_stack_bytes;
  return end_tick(&sample, registers, in_user, count);
}

/* The same on a perf cpu-clock event, opened with exclude_kernel. Where the event's timer also raises the tick's
 * tracepoint, the sample was already taken there and this one comes too soon. */
SEC("perf_event")
int on_clock(struct bpf_perf_event_data *ctx) {
  struct tier_sample sample;
  struct tier_counters *count = begin_sample(&sample, TIER_EVENT_CLOCK);
  if (!count) return 0;
  if (ctx->regs.cs != TIER_USER_CS_64) {
    count->no_code++;
  } else {
    TIER_COPY_REGISTERS(&sample.registers, &ctx->regs);
    fill_bases(&sample);
    tier_send(&sample, count);
  }
  tier_end_run(&sample.header, count);
  return 0;
}
