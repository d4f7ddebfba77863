/* SPDX-License-Identifier: (BSD-2-Clause OR GPL-2.0) */
/* What the iterators over a process's mappings write. The one header that both sides include: fixed layout, no padding
 * left to the compiler. */
#ifndef TIER_MAPPINGS_H
#define TIER_MAPPINGS_H

#define TIER_MAPPINGS_VERSION 1

enum tier_vma_kind {
  TIER_VMA_PLAIN = 0,
  TIER_VMA_HEAP = 1,    /* overlaps the area of brk(2) */
  TIER_VMA_STACK = 2,   /* holds the main thread's first stack address */
  TIER_VMA_SPECIAL = 3, /* the kernel's own: [vdso], [vvar], [uprobes] */
  TIER_VMA_END = 4,     /* no mapping: there are no more. Some kernels begin the last piece again (seen on 6.18) */
};

/* One mapping, 80 bytes; `name_bytes` bytes of its file's path follow, filled up to a multiple of 8. */
struct tier_vma {
  unsigned short version;     /* TIER_MAPPINGS_VERSION */
  unsigned short kind;        /* enum tier_vma_kind */
  unsigned short policy;      /* mode of the memory policy in force, MPOL_DEFAULT where there is none */
  unsigned short name_bytes;  /* 0: no file, the file of the mapping before, or a path that cannot be had */
  unsigned int thread;        /* whose mappings these are, as the initial PID namespace numbers it */
  unsigned int same_file;     /* 1: the file of the mapping before */
  unsigned long long start_ticks; /* of the process, as field 22 of /proc/PID/stat */
  unsigned long long start, end;  /* bytes, half-open */
  unsigned long long flags;       /* VM_… of linux/mm.h */
  unsigned long long page_offset; /* of the start in the file, in pages */
  unsigned long long inode;
  unsigned int device; /* major << 20 | minor */
  unsigned int has_file;
  unsigned long long reserved;
};

/* What changes when a process's mappings may have changed. */
struct tier_mm_version {
  unsigned long long start_ticks;
  unsigned long long writes; /* of the mmap lock; 0 where the kernel does not count them (before Linux 6.4) */
  unsigned long long pages, locked, pinned, data, stack, executable, mappings;
  unsigned long long policy; /* mode of the task's own memory policy */
};

#endif
