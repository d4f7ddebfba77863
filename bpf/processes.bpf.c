// SPDX-License-Identifier: (BSD-2-Clause OR GPL-2.0)
// Which processes there are, in one read of an iterator, and what happens to them in between.
//
// The iterator visits the tasks of the PID namespace of whoever opened it, in the order of their numbers. A process is
// described by its first thread, or by every living one where the first has ended: only these have its memory.
#include "bpf/processes.h"
#include "bpf/reader.h"

#include <bpf/bpf_core_read.h>
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>

char LICENSE[] SEC("license") = "Dual BSD/GPL";

#define TIER_KERNEL_THREAD 0x00200000 /* PF_KTHREAD of linux/sched.h */

/* Words of a nodemask that are looked at: 1024 nodes, the most that a kernel is built for (CONFIG_NODES_SHIFT=10). */
#define TIER_NODE_WORDS 16

struct tier_look look = {};
struct tier_process_news news = {};

/* By process id: who was told of and has not executed, been renamed or moved since, and who is asked for. The hooks keep
 * it true, so nothing is lost however much happens between two looks. */
struct {
  __uint(type, BPF_MAP_TYPE_HASH);
  __uint(max_entries, TIER_MAX_KNOWN);
  __uint(map_flags, BPF_F_NO_PREALLOC);
  __type(key, __u32);
  __type(value, struct tier_known_process);
} known SEC(".maps");

/* The number of the process that `task` is a thread of. */
static __always_inline __u32 number_of(struct task_struct *task) {
  if (reader_pid_namespace == TIER_INITIAL_PID_NAMESPACE) return (__u32)task->tgid;
  return tier_number_of(BPF_CORE_READ(task, group_leader));
}

/* One more word into a hash: multiplication by an odd number and a shift spread every bit. */
static __always_inline __u64 mixed(__u64 hash, __u64 word) {
  hash = (hash ^ word) * 0x9E3779B97F4A7C15ULL;
  return hash ^ hash >> 29;
}

/* Pages that the memory's counters give, as /proc/PID/status shows them. */
static __always_inline __u64 resident_pages(struct mm_struct *mm) {
  if (bpf_core_type_exists(struct mm_rss_stat)) {
    struct mm_struct___before_6_2 *old = (void *)mm;
    return BPF_CORE_READ(old, rss_stat.count[MM_FILEPAGES].counter) +
           BPF_CORE_READ(old, rss_stat.count[MM_ANONPAGES].counter) +
           BPF_CORE_READ(old, rss_stat.count[MM_SHMEMPAGES].counter);
  }
  __s64 file = BPF_CORE_READ(mm, rss_stat[MM_FILEPAGES].count);
  __s64 anonymous = BPF_CORE_READ(mm, rss_stat[MM_ANONPAGES].count);
  __s64 shared = BPF_CORE_READ(mm, rss_stat[MM_SHMEMPAGES].count);
  return (file > 0 ? file : 0) + (anonymous > 0 ? anonymous : 0) + (shared > 0 ? shared : 0);
}

/* The cgroup of the second version's hierarchy and that of the memory controller, which may be of the first version. */
static __always_inline __u64 group_of(struct task_struct *task) {
  struct css_set *set = BPF_CORE_READ(task, cgroups);
  __u64 hash = mixed(1, BPF_CORE_READ(set, dfl_cgrp, kn, id));
  if (bpf_core_enum_value_exists(enum cgroup_subsys_id, memory_cgrp_id)) {
    struct cgroup_subsys_state *memory = 0;
    unsigned long at = (unsigned long)set + bpf_core_field_offset(set->subsys) +
                       bpf_core_enum_value(enum cgroup_subsys_id, memory_cgrp_id) * sizeof(memory);
    if (!bpf_probe_read_kernel(&memory, sizeof(memory), (void *)at) && memory)
      hash = mixed(hash, BPF_CORE_READ(memory, cgroup, kn, id));
  }
  return hash;
}

static __always_inline __u64 properties_of(struct task_struct *task, __u64 group, int led) {
  __u64 hash = mixed(mixed(group, BPF_CORE_READ(task, cred, uid.val)), led);
  if (!bpf_core_field_exists(task->mems_allowed)) return hash;
  unsigned long words[TIER_NODE_WORDS] = {};
  __u32 size = bpf_core_field_size(task->mems_allowed);
  if (size > sizeof(words)) size = sizeof(words);
  unsigned long at = (unsigned long)task + bpf_core_field_offset(task->mems_allowed);
  bpf_probe_read_kernel(words, size, (void *)at);
  for (int i = 0; i < TIER_NODE_WORDS; ++i)
    if (words[i]) hash = mixed(hash, words[i] + i);
  return hash;
}

static __always_inline void add_times(struct tier_process_record *record, struct task_struct *task,
                                      struct task_struct *leader, int led) {
  struct signal_struct *signal = BPF_CORE_READ(task, signal);
  record->ended_user = BPF_CORE_READ(signal, utime);
  record->ended_system = BPF_CORE_READ(signal, stime);
  record->ended_run = BPF_CORE_READ(signal, sum_sched_runtime);
  if (!led) { /* the kernel adds the first thread's to these when the whole process has ended */
    record->ended_user += BPF_CORE_READ(leader, utime);
    record->ended_system += BPF_CORE_READ(leader, stime);
    record->ended_run += BPF_CORE_READ(leader, se.sum_exec_runtime);
  }
  record->user = task->utime;
  record->system = task->stime;
  record->run = task->se.sum_exec_runtime;
}

/* Whether the look is to tell of this thread of process `pid`. Its memory is looked at last: it is seldom in a cache. */
static __always_inline int wanted(struct task_struct *task, struct mm_struct *mm, __u64 began, int leads, __u32 pid) {
  struct tier_known_process *before = bpf_map_lookup_elem(&known, &pid);
  if (before && before->asked) return 1;
  if (!leads || look.only_asked) return 0;
  if (look.minimum_pages) return resident_pages(mm) >= look.minimum_pages;
  struct tier_known_process now = {began, task->self_exec_id, look.generation, 0};
  if (before && before->start == now.start && before->exec_id == now.exec_id && before->generation == now.generation)
    return 0;
  bpf_map_update_elem(&known, &pid, &now, BPF_ANY); /* where it does not fit, it is told again */
  return 1;
}

SEC("iter/task")
int on_look(struct bpf_iter__task *context) {
  struct task_struct *task = context->task;
  if (!task || task->flags & TIER_KERNEL_THREAD) return 0;
  struct mm_struct *mm = BPF_CORE_READ(task, mm);
  if (!mm) return 0; /* it has ended */
  struct task_struct *leader = BPF_CORE_READ(task, group_leader);
  int first = task->pid == task->tgid, led = first || BPF_CORE_READ(leader, mm), leads = first || !led;
  __u32 pid = number_of(task);
  __u64 began = BPF_CORE_READ(leader, start_boottime);
  if (!pid || !wanted(task, mm, began, leads, pid)) return 0;
  struct tier_process_record record;
  __builtin_memset(&record, 0, sizeof(record));
  record.version = TIER_PROCESS_RECORD_VERSION;
  record.pid = pid;
  record.leads = leads;
  record.start_ticks = tier_start_ticks(began);
  record.exec_id = task->self_exec_id;
  add_times(&record, task, leader, led);
  if (!leads) {
    bpf_seq_write(context->meta->seq, &record, TIER_THREAD_RECORD_BYTES);
    return 0;
  }
  record.pages = resident_pages(mm);
  record.group = group_of(task);
  record.properties = properties_of(task, record.group, led);
  bpf_core_read(record.comm, sizeof(record.comm), &leader->comm);
  if (!look.minimum_pages && !look.only_asked)
    bpf_probe_read_kernel_str(record.file, sizeof(record.file),
                              BPF_CORE_READ(mm, exe_file, f_path.dentry, d_name.name));
  if (bpf_seq_write(context->meta->seq, &record, sizeof(record))) {
    /* No room: the kernel hands out what there is and runs this once more for the same task. */
    struct tier_known_process *entry = bpf_map_lookup_elem(&known, &pid);
    if (entry) entry->generation = ~look.generation;
  }
  return 0;
}

/* Tells of it again, unless that is done at every look anyway. Returns whether it is asked for. */
static __always_inline int forget(struct task_struct *task) {
  __u32 pid = number_of(task);
  struct tier_known_process *before = pid ? bpf_map_lookup_elem(&known, &pid) : 0;
  if (!before) return 0;
  if (before->asked) return 1;
  bpf_map_delete_elem(&known, &pid);
  return 0;
}

SEC("tp_btf/sched_process_fork")
int BPF_PROG(on_begin, struct task_struct *parent, struct task_struct *child) {
  if (child->pid == child->tgid) __sync_fetch_and_add(&news.others, 1);
  return 0;
}

SEC("tp_btf/sched_process_exec")
int BPF_PROG(on_execute, struct task_struct *task) {
  /* Even if a look in the middle of it saw the new program: it did not see its arguments. */
  if (forget(task)) __sync_fetch_and_add(&news.asked, 1);
  __sync_fetch_and_add(&news.others, 1);
  return 0;
}

SEC("tp_btf/task_rename")
int BPF_PROG(on_rename, struct task_struct *task) {
  if (task->pid != task->tgid) return 0;
  forget(task);
  __sync_fetch_and_add(&news.others, 1);
  return 0;
}

SEC("tp_btf/cgroup_attach_task")
int BPF_PROG(on_regroup, struct cgroup *to, const char *path, struct task_struct *task) {
  forget(task);
  __sync_fetch_and_add(&news.others, 1);
  return 0;
}

SEC("tp_btf/sched_process_exit")
int BPF_PROG(on_end, struct task_struct *task) {
  if (BPF_CORE_READ(task, signal, live.counter) != 0) return 0; /* other threads go on */
  if (forget(task)) __sync_fetch_and_add(&news.asked, 1);
  return 0;
}
