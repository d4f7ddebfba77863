/* SPDX-License-Identifier: (BSD-2-Clause OR GPL-2.0) */
/* The few kernel types that our programs touch. Field offsets are relocated against the running kernel's BTF when the
 * object is loaded (CO-RE), so only names and kinds matter here, not the layout. */
#ifndef TIER_VMLINUX_MIN_H
#define TIER_VMLINUX_MIN_H

#include <linux/bpf.h>
#include <linux/types.h>

#pragma clang attribute push(__attribute__((preserve_access_index)), apply_to = record)

struct pt_regs {
  unsigned long r15, r14, r13, r12, bp, bx, r11, r10, r9, r8, ax, cx, dx, si, di, orig_ax, ip;
  unsigned short cs; /* unsigned long before 6.9; the low half is the selector on both */
  unsigned long flags, sp;
};

struct thread_struct {
  unsigned long fsbase, gsbase;
};

struct rq;

struct cfs_rq {
  struct rq *rq;
};

struct sched_entity {
  struct cfs_rq *cfs_rq;
  __u64 sum_exec_runtime; /* ns */
};

struct ns_common {
  unsigned int inum;
};

struct pid_namespace {
  struct ns_common ns;
};

struct upid { /* one number of a task, in one of the nested namespaces that see it */
  int nr;
  struct pid_namespace *ns;
};

struct pid {
  unsigned int level; /* of its own namespace: numbers[level] is the task's own view of itself */
  struct upid numbers[1]; /* level + 1 of them, from the initial namespace down */
};

struct mempolicy {
  unsigned short mode; /* MPOL_… of linux/mempolicy.h */
};

typedef struct {
  long long counter;
} atomic64_t;

typedef struct {
  int counter;
} atomic_t;

typedef struct {
  unsigned long bits[1]; /* as many words as the kernel's limit of nodes needs */
} nodemask_t;

typedef struct {
  unsigned int val;
} kuid_t;

struct cred {
  kuid_t uid;
};

struct signal_struct { /* what the threads of a process share; times are those of threads that have ended */
  atomic_t live;
  __u64 utime, stime;
  unsigned long long sum_sched_runtime;
};

struct kernfs_node {
  __u64 id;
};

struct cgroup {
  struct kernfs_node *kn;
};

struct cgroup_subsys_state {
  struct cgroup *cgroup;
};

enum cgroup_subsys_id { memory_cgrp_id };

struct css_set {
  struct cgroup_subsys_state *subsys[1]; /* by enum cgroup_subsys_id */
  struct cgroup *dfl_cgrp;               /* of the second version's hierarchy */
};

struct qstr {
  __u32 len;
  const unsigned char *name;
};

struct hlist_bl_node {
  struct hlist_bl_node **pprev; /* 0: on no list */
};

struct dentry_operations {
  void *d_dname; /* writes the names of files that are in no folder */
};

struct super_block;

struct dentry {
  struct hlist_bl_node d_hash; /* on none: unlinked, or never in a folder */
  struct dentry *d_parent;     /* itself: the top of its tree */
  struct qstr d_name;
  const struct dentry_operations *d_op;
  struct super_block *d_sb;
};

struct vfsmount {
  struct dentry *mnt_root;
};

struct mount {
  struct mount *mnt_parent; /* itself: the first one of its namespace */
  struct dentry *mnt_mountpoint;
  struct vfsmount mnt;
};

struct path {
  struct vfsmount *mnt;
  struct dentry *dentry;
};

struct fs_struct {
  struct path root;
};

struct percpu_counter {
  __s64 count;
};

struct mm_rss_stat { /* until Linux 6.1 */
  struct {
    __s64 counter;
  } count[4];
};

struct file;

enum { MM_FILEPAGES, MM_ANONPAGES, MM_SWAPENTS, MM_SHMEMPAGES }; /* linux/mm_types_task.h */

struct mm_struct {
  unsigned long total_vm, locked_vm, data_vm, stack_vm, exec_vm; /* pages */
  atomic64_t pinned_vm;
  int map_count;
  unsigned long start_brk, brk, start_stack;
  struct file *exe_file;
  struct percpu_counter rss_stat[4]; /* Linux 6.2 */
};

struct mm_struct___before_6_2 {
  struct mm_rss_stat rss_stat;
};

struct task_struct {
  struct mempolicy *mempolicy;
  int pid;
  int tgid;
  unsigned int flags;
  struct mm_struct *mm;
  struct task_struct *group_leader;
  struct signal_struct *signal;
  const struct cred *cred;
  struct css_set *cgroups;
  struct fs_struct *fs;
  nodemask_t mems_allowed; /* with CONFIG_CPUSETS */
  struct pid *thread_pid;
  __u64 start_boottime;
  __u64 self_exec_id;
  __u64 utime, stime;
  char comm[16];
  struct sched_entity se;
  struct thread_struct thread;
};

struct damon_addr_range {
  unsigned long start, end;
};

struct damon_region {
  struct damon_addr_range ar;
  unsigned int nr_accesses;
  unsigned int age;
};

struct super_block {
  __u32 s_dev; /* major << 20 | minor */
  unsigned long s_magic;
};

struct inode {
  unsigned short i_mode;
  unsigned long i_ino;
  __u32 i_rdev;
  struct super_block *i_sb;
  long long i_size;
};

struct address_space {
  struct inode *host;
};

struct file {
  unsigned int f_mode;
  struct address_space *f_mapping;
  struct inode *f_inode;
  struct path f_path;
};

struct rb_node {
  struct rb_node *rb_right, *rb_left;
};

struct rb_root {
  struct rb_node *rb_node;
};

struct shared_policy { /* of shared memory, by page */
  struct rb_root root;
};

struct sp_node {
  struct rb_node nd;
  unsigned long start, end;
  struct mempolicy *policy;
};

struct shmem_inode_info {
  struct shared_policy policy;
  struct inode vfs_inode;
};

struct folio {
  struct address_space *mapping;
  unsigned int _nr_pages; /* of a large one; Linux 6.15 */
};

enum pageflags { PG_head };

struct kiocb {
  struct file *ki_filp;
  long long ki_pos;
};

struct anon_vma_name { /* prctl(2), PR_SET_VMA_ANON_NAME */
  char name[1];
};

struct vm_area_struct {
  unsigned long vm_start, vm_end;
  struct mm_struct *vm_mm;
  unsigned long vm_flags;
  void *vm_ops;
  unsigned long vm_pgoff;
  struct file *vm_file;
  struct mempolicy *vm_policy;
  struct {
    struct rb_node rb;
  } shared; /* of files' mappings */
  struct anon_vma_name *anon_name; /* with CONFIG_ANON_VMA_NAME; until Linux 6.1 in the place of `shared` */
};

struct seq_file;

struct bpf_iter_meta {
  struct seq_file *seq;
  __u64 session_id, seq_num;
};

struct bpf_iter__task {
  struct bpf_iter_meta *meta;
  struct task_struct *task;
};

struct bpf_iter__task_vma {
  struct bpf_iter_meta *meta;
  struct task_struct *task;
  struct vm_area_struct *vma;
};

struct vm_fault {
  struct { /* without a name in the kernel, too */
    struct vm_area_struct *vma;
    unsigned long pgoff;
  };
};

union perf_sample_weight {
  __u64 full;
};

union perf_mem_data_src {
  __u64 val;
};

struct perf_sample_data {
  union perf_sample_weight weight;
  union perf_mem_data_src data_src;
};

struct bpf_perf_event_data_kern {
  struct perf_sample_data *data;
};

#pragma clang attribute pop

/* Context of perf_event programs: the kernel checks accesses by offset, so this one is laid out as in
 * linux/bpf_perf_event.h with x86-64's user registers (which cannot be included beside struct pt_regs above). */
struct tier_perf_registers {
  __u64 r15, r14, r13, r12, bp, bx, r11, r10, r9, r8, ax, cx, dx, si, di, orig_ax, ip, cs, flags, sp, ss;
};

struct bpf_perf_event_data {
  struct tier_perf_registers regs;
  __u64 sample_period;
  __u64 addr;
};

#endif
