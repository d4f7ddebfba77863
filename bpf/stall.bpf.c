// SPDX-License-Identifier: (BSD-2-Clause OR GPL-2.0)
// Stall sampling: at a timer interrupt, send the registers of the interrupted user code. The interrupt is taken when
// the stalled instruction retires, so samples gather on what the program waits for.
#include "bpf/reader.h"
#include "bpf/stall_tables.h"

#include <bpf/bpf_tracing.h>

#define TIER_USER_CS_64 0x33    /* code selector of 64-bit user code */
#define TIER_PAGE_BYTES 4096    /* smallest unit in which code can be absent */

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

/* Slots of each CPU, a power of two. Set by user space before the program is loaded. */
const volatile __u32 slots_per_cpu = 256;

/* As long as there are CPUs; user space says so before the program is loaded. */
struct {
  __uint(type, BPF_MAP_TYPE_ARRAY);
  __uint(map_flags, BPF_F_MMAPABLE);
  __uint(max_entries, 1);
  __type(key, __u32);
  __type(value, struct tier_cpu);
} cpus SEC(".maps");

struct {
  __uint(type, BPF_MAP_TYPE_ARRAY);
  __uint(map_flags, BPF_F_MMAPABLE);
  __uint(max_entries, 1);
  __type(key, __u32);
  __type(value, struct tier_slot);
} slots SEC(".maps");

struct {
  __uint(type, BPF_MAP_TYPE_ARRAY);
  __uint(map_flags, BPF_F_MMAPABLE);
  __uint(max_entries, TIER_WATCH_LINES);
  __type(key, __u32);
  __type(value, struct tier_watch_line);
} watched SEC(".maps");

struct {
  __uint(type, BPF_MAP_TYPE_ARRAY);
  __uint(map_flags, BPF_F_MMAPABLE);
  __uint(max_entries, TIER_CODE_LINES);
  __type(key, __u32);
  __type(value, struct tier_code_line);
} known_code SEC(".maps");

/* Samples that bring their code; user space says how large it is. */
struct {
  __uint(type, BPF_MAP_TYPE_RINGBUF);
  __uint(max_entries, TIER_PAGE_BYTES);
} samples SEC(".maps");

/* What a run has found out before it looks at registers. */
struct run {
  struct tier_cpu *me;
  __u64 now, weight_ns, start_ticks;
  __u32 cpu, tgid;
};

/* Nanoseconds of this CPU's time that a sample taken `now` stands for; 0 when it is too soon for one. */
static __always_inline __u64 weight_of_now(struct tier_cpu *me, __u64 now) {
  __u64 gap = now - me->last_interrupt;
  if (gap < minimum_gap_ns) {
    me->count.too_soon++;
    return 0;
  }
  me->last_interrupt = now;
  return gap < maximum_weight_ns ? gap : maximum_weight_ns;
}

static __always_inline struct tier_watched_process *watched_process(__u32 tgid) {
  __u32 first = tier_watch_line_of(tgid);
  for (int probe = 0; probe < TIER_WATCH_PROBES; ++probe) {
    __u32 at = (first + probe) & (TIER_WATCH_LINES - 1);
    struct tier_watch_line *line = bpf_map_lookup_elem(&watched, &at);
    if (!line) return 0;
    if (line->process[0].tgid == tgid) return &line->process[0];
    if (line->process[1].tgid == tgid) return &line->process[1];
    if (line->process[2].tgid == tgid) return &line->process[2];
    if (line->process[3].tgid == tgid) return &line->process[3];
    if (!line->process[3].tgid) return 0;
  }
  return 0;
}

/* 1: the current program is watched and now is the time for a sample. */
static __always_inline int begin_run(struct run *run) {
  run->cpu = bpf_get_smp_processor_id();
  run->me = bpf_map_lookup_elem(&cpus, &run->cpu);
  if (!run->me) return 0;
  run->now = tier_clock();
  run->weight_ns = weight_of_now(run->me, run->now);
  if (!run->weight_ns) return 0;
  run->tgid = tier_current_process();
  struct tier_watched_process *process = run->tgid ? watched_process(run->tgid) : 0;
  if (!process) return 0;
  run->start_ticks = tier_start_ticks(bpf_get_current_task_btf()->group_leader->start_boottime);
  __u64 expected = process->start_ticks;
  if (expected && expected != run->start_ticks) {
    run->me->count.foreign++;
    return 0;
  }
  return 1;
}

/* At the end of a run that concerned a watched process: what it took. */
static __always_inline void end_run(const struct run *run) {
  run->me->count.program_ns += tier_clock() - run->now;
}

static __always_inline int code_is_known(__u64 tag, __u64 now) {
  __u32 at = tier_code_line_of(tag);
  struct tier_code_line *line = bpf_map_lookup_elem(&known_code, &at);
  if (!line) return 0;
  __u64 until = line->place[0].tag == tag   ? line->place[0].until
                : line->place[1].tag == tag ? line->place[1].until
                : line->place[2].tag == tag ? line->place[2].until
                : line->place[3].tag == tag ? line->place[3].until
                                            : 0;
  return until > now;
}

/* Code bytes never fault in: what is not resident is left out and counted. */
static __always_inline void read_code(struct tier_code_sample *event, struct tier_counters *count) {
  __u64 ip = event->sample.registers.ip;
  __u32 in_page = ip & (TIER_PAGE_BYTES - 1);
  __u32 before = TIER_CODE_BEFORE;
  if (bpf_probe_read_user(event->code_before, TIER_CODE_BEFORE, (void *)(ip - TIER_CODE_BEFORE))) {
    before = in_page & (TIER_CODE_BEFORE - 1);
    if (in_page >= TIER_CODE_BEFORE || before == 0 ||
        bpf_probe_read_user(event->code_before, before, (void *)(ip - before)))
      before = 0;
  }
  __u32 after = TIER_CODE_AFTER;
  if (bpf_probe_read_user(event->code_after, TIER_CODE_AFTER, (void *)ip)) {
    after = (TIER_PAGE_BYTES - in_page) & (TIER_CODE_AFTER - 1);
    if (TIER_PAGE_BYTES - in_page >= TIER_CODE_AFTER || after == 0 ||
        bpf_probe_read_user(event->code_after, after, (void *)ip))
      after = 0;
  }
  if (before == 0 && after == 0) count->no_code++;
  event->sample.header.code_before = before;
  event->sample.header.code_after = after;
}

/* Nothing else writes to this CPU's slots: programs of timer interrupts do not interrupt each other. */
#define SEND_SLOT(run, kind_of, exec, from)                                                       \
  do {                                                                                            \
    __u64 head = (run)->me->head;                                                                 \
    __u32 at = (run)->cpu * slots_per_cpu + ((__u32)head & (slots_per_cpu - 1));                  \
    struct tier_slot *slot = bpf_map_lookup_elem(&slots, &at);                                    \
    if (!slot) break;                                                                             \
    struct task_struct *task = bpf_get_current_task_btf();                                        \
    slot->time_ns = (run)->now;                                                                   \
    slot->start_ticks = (run)->start_ticks;                                                       \
    slot->tgid = (run)->tgid;                                                                     \
    slot->tid = tier_current_thread();                                                            \
    slot->exec_id = (exec);                                                                       \
    slot->kind = (kind_of);                                                                       \
    slot->stands_for = (run)->weight_ns;                                                          \
    TIER_COPY_GENERAL(slot->general, from);                                                       \
    slot->ip = (from)->ip;                                                                        \
    slot->fs_base = task->thread.fsbase;                                                          \
    slot->gs_base = task->thread.gsbase;                                                          \
    barrier();                                                                                    \
    (run)->me->head = head + 1;                                                                   \
    (run)->me->count.sent++;                                                                      \
  } while (0)

/* User space polls, so waking it is left out: a wake-up costs more than the rest of the program. */
#define SEND_WITH_CODE(run, kind_of, exec, from)                                                  \
  do {                                                                                            \
    struct tier_code_sample *event = bpf_ringbuf_reserve(&samples, sizeof(*event), 0);            \
    if (!event) {                                                                                 \
      (run)->me->count.lost++;                                                                    \
      break;                                                                                      \
    }                                                                                             \
    struct task_struct *task = bpf_get_current_task_btf();                                        \
    __builtin_memset(event, 0, sizeof(*event));                                                   \
    struct tier_event_header *header = &event->sample.header;                                     \
    header->version = TIER_EVENTS_VERSION;                                                        \
    header->kind = (kind_of);                                                                     \
    header->cpu = (run)->cpu;                                                                     \
    header->tgid = (run)->tgid;                                                                   \
    header->tid = tier_current_thread();                                                          \
    header->time_ns = (run)->now;                                                                 \
    header->start_ticks = (run)->start_ticks;                                                     \
    header->exec_id = (exec);                                                                     \
    header->has_code = 1;                                                                         \
    event->sample.stands_for = (run)->weight_ns;                                                  \
    TIER_COPY_GENERAL(event->sample.registers.general, from);                                     \
    event->sample.registers.ip = (from)->ip;                                                      \
    event->sample.registers.fs_base = task->thread.fsbase;                                        \
    event->sample.registers.gs_base = task->thread.gsbase;                                        \
    read_code(event, &(run)->me->count);                                                          \
    bpf_ringbuf_submit(event, BPF_RB_NO_WAKEUP);                                                  \
    (run)->me->count.sent++;                                                                      \
  } while (0)

/* A macro, since registers of a trace and of a perf event are of two types to the verifier. */
#define SEND(run, kind_of, from)                                                        \
  do {                                                                                  \
    __u32 exec = (__u32)bpf_get_current_task_btf()->self_exec_id;                       \
    if (code_is_known(tier_code_tag((from)->ip, (run)->tgid, exec), (run)->now))        \
      SEND_SLOT(run, kind_of, exec, from);                                              \
    else                                                                                \
      SEND_WITH_CODE(run, kind_of, exec, from);                                         \
  } while (0)

/* The end of every tick program. `in_user`: the interrupt hit user code. */
static __always_inline int end_tick(struct run *run, struct pt_regs *registers, int in_user) {
  if (!in_user)
    run->me->count.in_kernel++;
  else if (registers->cs != TIER_USER_CS_64)
    run->me->count.no_code++;
  else
    SEND(run, TIER_EVENT_TICK, registers);
  end_run(run);
  return 0;
}

/* The interrupt hit user code when its registers are the ones saved at the thread's entry into the kernel. */
SEC("tp_btf/local_timer_entry")
int on_tick(void *ctx) {
  struct run run;
  if (!begin_run(&run)) return 0;
  struct pt_regs *registers = (struct pt_regs *)bpf_task_pt_regs(bpf_get_current_task_btf());
  struct pt_regs **interrupted = bpf_this_cpu_ptr(&__irq_regs);
  return end_tick(&run, registers, (unsigned long)*interrupted == (unsigned long)registers);
}

/* For kernels without the symbols of data (CONFIG_KALLSYMS_ALL): __irq_regs is found from this CPU's run queue, to which
 * every task points. */
SEC("tp_btf/local_timer_entry")
int on_tick_by_runqueue(void *ctx) {
  struct run run;
  if (!begin_run(&run)) return 0;
  struct task_struct *task = bpf_get_current_task_btf();
  struct pt_regs *registers = (struct pt_regs *)bpf_task_pt_regs(task);
  unsigned long interrupted = 0; /* numbers, since the verifier allows no sums with kernel pointers */
  if (!run.me->irq_regs_at) {
    unsigned long runqueue = 0;
    bpf_probe_read_kernel(&runqueue, sizeof(runqueue), &task->se.cfs_rq->rq);
    if (runqueue) run.me->irq_regs_at = runqueue + irq_regs_from_runqueues;
  }
  bpf_probe_read_kernel(&interrupted, sizeof(interrupted), (void *)run.me->irq_regs_at);
  return end_tick(&run, registers, interrupted == (unsigned long)registers);
}

/* Where neither works, and at a price of about 10 us: an interrupt from user mode leaves no system call number, and the
 * shortest kernel stack of all: that tells it from one that hit a page fault being served. */
SEC("tp_btf/local_timer_entry")
int on_tick_by_stack(void *ctx) {
  struct run run;
  if (!begin_run(&run)) return 0;
  struct pt_regs *registers = (struct pt_regs *)bpf_task_pt_regs(bpf_get_current_task_btf());
  __u64 frames[TIER_STACK_FRAMES];
  long stack_bytes = bpf_get_stack(ctx, frames, sizeof(frames), 0);
  if (stack_bytes > 0 && stack_bytes < shortest_stack_bytes) shortest_stack_bytes = stack_bytes;
  int in_user = (long)registers->orig_ax < 0 && stack_bytes <= shortest_stack_bytes;
  return end_tick(&run, registers, in_user);
}

/* The same on a perf cpu-clock event, opened with exclude_kernel. Where the event's timer also raises the tick's
 * tracepoint, the sample was already taken there and this one comes too soon. */
SEC("perf_event")
int on_clock(struct bpf_perf_event_data *ctx) {
  struct run run;
  if (!begin_run(&run)) return 0;
  if (ctx->regs.cs != TIER_USER_CS_64)
    run.me->count.no_code++;
  else
    SEND(&run, TIER_EVENT_CLOCK, &ctx->regs);
  end_run(&run);
  return 0;
}
