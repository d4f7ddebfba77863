// SPDX-License-Identifier: (BSD-2-Clause OR GPL-2.0)
// The mappings of one process, without a look at any page: the kernel's own list of them, with flags and memory policies
// that /proc shows only in files for which it walks all page tables (smaps, numa_maps).
#include "bpf/file_names.h"
#include "bpf/mappings.h"
#include "bpf/reader.h"

#include <bpf/bpf_tracing.h>

char LICENSE[] SEC("license") = "Dual BSD/GPL";

#define TIER_SHMEM_MAGIC 0x01021994 /* TMPFS_MAGIC of linux/magic.h */
#define TIER_POLICY_DEPTH 64 /* of a red-black tree: at most twice the logarithm of its nodes */
#define TIER_GIVEN_NAME_BYTES 80 /* ANON_VMA_NAME_MAX_LEN of linux/mm.h */

/* Only one thread of user space reads at a time. */
unsigned long long last_file = 0;

/* A page in a search for the policy that shared memory has for it. */
struct policy_search {
  unsigned long page;
  struct rb_node *node;
  __u16 mode; /* 0 until one is found */
};

static long policy_step(__u32 depth, struct policy_search *search) {
  struct rb_node *node = search->node;
  struct sp_node *entry = (struct sp_node *)((unsigned long)node - bpf_core_field_offset(struct sp_node, nd));
  unsigned long start = 0, end = 0;
  if (bpf_core_read(&start, sizeof(start), &entry->start) || bpf_core_read(&end, sizeof(end), &entry->end)) return 1;
  if (search->page >= start && search->page < end) {
    search->mode = BPF_CORE_READ(entry, policy, mode);
    return 1;
  }
  search->node = search->page < start ? BPF_CORE_READ(node, rb_left) : BPF_CORE_READ(node, rb_right);
  return search->node == 0;
}

/* The policy that shared memory itself has for a page, as shmem_get_policy() finds it. 0 without one. */
static __always_inline __u16 shared_policy_mode(struct inode *inode, unsigned long page) {
  if (!bpf_core_type_exists(struct shmem_inode_info) || !bpf_core_field_exists(struct shmem_inode_info, policy.root))
    return 0;
  unsigned long info = (unsigned long)inode - bpf_core_field_offset(struct shmem_inode_info, vfs_inode);
  struct policy_search search = {.page = page};
  search.node = BPF_CORE_READ((struct shmem_inode_info *)info, policy.root.rb_node);
  if (search.node) bpf_loop(TIER_POLICY_DEPTH, policy_step, &search, 0);
  return search.mode;
}

/* As numa_maps has it: the mapping's own, else the shared memory's, else the task's. */
static __always_inline __u16 policy_mode(struct task_struct *task, struct vm_area_struct *vma, struct inode *inode,
                                         unsigned long magic) {
  if (!bpf_core_field_exists(vma->vm_policy)) return 0; /* a kernel without NUMA */
  __u16 mode = BPF_CORE_READ(vma, vm_policy, mode);
  if (!mode && inode && magic == TIER_SHMEM_MAGIC) mode = shared_policy_mode(inode, vma->vm_pgoff);
  return mode ? mode : BPF_CORE_READ(task, mempolicy, mode);
}

static __always_inline __u16 kind_of(struct vm_area_struct *vma, const struct file *file) {
  if (file) return TIER_VMA_PLAIN;
  if (vma->vm_ops) return TIER_VMA_SPECIAL;
  struct mm_struct *mm = BPF_CORE_READ(vma, vm_mm);
  if (vma->vm_start < BPF_CORE_READ(mm, brk) && vma->vm_end > BPF_CORE_READ(mm, start_brk)) return TIER_VMA_HEAP;
  unsigned long stack = BPF_CORE_READ(mm, start_stack);
  return vma->vm_start <= stack && vma->vm_end >= stack ? TIER_VMA_STACK : TIER_VMA_PLAIN;
}

/* The name that the program has given to a mapping; its length, 0 without one. */
static __always_inline long given_name(struct vm_area_struct *vma, const struct file *file) {
  if (!bpf_core_field_exists(vma->anon_name)) return 0;
  if (file && bpf_core_field_offset(vma->anon_name) == bpf_core_field_offset(vma->shared)) return 0;
  struct anon_vma_name *given = BPF_CORE_READ(vma, anon_name);
  if (!given) return 0;
  long length = bpf_probe_read_kernel_str(file_name, TIER_GIVEN_NAME_BYTES, given->name);
  return length > 1 ? length - 1 : 0;
}

SEC("iter/task_vma")
int on_vma(struct bpf_iter__task_vma *context) {
  struct seq_file *seq = context->meta->seq;
  struct task_struct *task = context->task;
  struct vm_area_struct *vma = context->vma;
  if (context->meta->seq_num == 0) {
    last_file = 0;
    take_reader_root();
  }
  if (!task || !vma) {
    struct tier_vma end = {.version = TIER_MAPPINGS_VERSION, .kind = TIER_VMA_END};
    bpf_seq_write(seq, &end, sizeof(end));
    return 0;
  }
  struct file *file = vma->vm_file;
  struct tier_vma record = {
      .version = TIER_MAPPINGS_VERSION,
      .kind = kind_of(vma, file),
      .thread = task->pid,
      .start_ticks = tier_start_ticks(BPF_CORE_READ(task, group_leader, start_boottime)),
      .start = vma->vm_start,
      .end = vma->vm_end,
      .flags = vma->vm_flags,
  };
  struct inode *inode = 0;
  unsigned long magic = 0;
  __u32 at = 0;
  long length = given_name(vma, file);
  if (length) record.name_kind = TIER_NAME_GIVEN;
  if (file) {
    inode = BPF_CORE_READ(file, f_inode);
    struct super_block *device = BPF_CORE_READ(inode, i_sb);
    record.has_file = 1;
    record.inode = BPF_CORE_READ(inode, i_ino);
    record.device = BPF_CORE_READ(device, s_dev);
    record.page_offset = vma->vm_pgoff;
    magic = BPF_CORE_READ(device, s_magic);
    record.same_file = !length && (unsigned long long)file == last_file;
    if (!length && !record.same_file) {
      struct tier_name name = name_of(file, magic);
      record.name_kind = name.kind;
      at = name.at;
      length = name.length;
    }
  }
  record.policy = policy_mode(task, vma, inode, magic);
  record.name_bytes = length;
  if (bpf_seq_write(seq, &record, sizeof(record))) return 0;
  __u32 filled = (length + 7) & (2 * TIER_PATH_BYTES - 8);
  if (filled && bpf_seq_write(seq, file_name + (at & (TIER_PATH_BYTES - 1)), filled)) return 0;
  last_file = record.name_kind == TIER_NAME_GIVEN ? 0 : (unsigned long long)file;
  return 0;
}

struct mm_struct___counted {
  int mm_lock_seq; /* Linux 6.4 to 6.12 */
} __attribute__((preserve_access_index));

struct seqcount {
  unsigned int sequence;
} __attribute__((preserve_access_index));

struct mm_struct___sequenced {
  struct seqcount mm_lock_seq; /* since Linux 6.13 */
} __attribute__((preserve_access_index));

static __always_inline unsigned long long lock_writes(struct mm_struct *mm) {
  unsigned int writes = 0;
  struct mm_struct___sequenced *sequenced = (void *)mm;
  struct mm_struct___counted *counted = (void *)mm;
  if (bpf_core_field_exists(sequenced->mm_lock_seq.sequence))
    bpf_core_read(&writes, sizeof(writes), &sequenced->mm_lock_seq.sequence);
  else if (bpf_core_field_exists(counted->mm_lock_seq))
    bpf_core_read(&writes, sizeof(writes), &counted->mm_lock_seq);
  else
    return 0;
  return 1ULL << 32 | writes;
}

SEC("iter/task")
int on_task(struct bpf_iter__task *context) {
  struct task_struct *task = context->task;
  struct mm_struct *mm = task ? BPF_CORE_READ(task, mm) : 0;
  if (!mm) return 0;
  struct tier_mm_version record = {
      .start_ticks = tier_start_ticks(BPF_CORE_READ(task, group_leader, start_boottime)),
      .writes = lock_writes(mm),
      .pages = BPF_CORE_READ(mm, total_vm),
      .locked = BPF_CORE_READ(mm, locked_vm),
      .data = BPF_CORE_READ(mm, data_vm),
      .stack = BPF_CORE_READ(mm, stack_vm),
      .executable = BPF_CORE_READ(mm, exec_vm),
      .mappings = BPF_CORE_READ(mm, map_count),
      .pinned = BPF_CORE_READ(mm, pinned_vm.counter),
  };
  if (bpf_core_field_exists(task->mempolicy)) record.policy = BPF_CORE_READ(task, mempolicy, mode);
  bpf_seq_write(context->meta->seq, &record, sizeof(record));
  return 0;
}
