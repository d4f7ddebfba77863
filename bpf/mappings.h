/* SPDX-License-Identifier: (BSD-2-Clause OR GPL-2.0) */
/* What the iterators over a process's mappings write. The one header that both sides include: fixed layout, no padding
 * left to the compiler. */
#ifndef TIER_MAPPINGS_H
#define TIER_MAPPINGS_H

#define TIER_MAPPINGS_VERSION 2

enum tier_vma_kind {
  TIER_VMA_PLAIN = 0,
  TIER_VMA_HEAP = 1,    /* overlaps the area of brk(2) */
  TIER_VMA_STACK = 2,   /* holds the main thread's first stack address */
  TIER_VMA_SPECIAL = 3, /* the kernel's own: [vdso], [vvar], [uprobes] */
  TIER_VMA_END = 4,     /* no mapping: there are no more. Some kernels begin the last piece again (seen on 6.18) */
};

/* What the name is, and so what user space makes of it: the text that /proc/PID/maps shows. */
enum tier_vma_name {
  TIER_NAME_PATH = 0,       /* of a file, from the reader's root */
  TIER_NAME_UNLINKED = 1,   /* the path that it had */
  TIER_NAME_NO_FOLDER = 2,  /* memfd, shared memory: a file that never was in a folder */
  TIER_NAME_ANON_INODE = 3, /* perf events, io_uring, KVM */
  TIER_NAME_SOCKET = 4,     /* none: the inode tells */
  TIER_NAME_BUFFER = 5,     /* dma-buf; the buffer's own name is left out */
  TIER_NAME_GIVEN = 6,      /* by the program to the mapping, PR_SET_VMA_ANON_NAME of prctl(2) */
};

/* One mapping, 80 bytes; `name_bytes` bytes of its name follow, filled up to a multiple of 8. */
struct tier_vma {
  unsigned short version;     /* TIER_MAPPINGS_VERSION */
  unsigned short kind;        /* enum tier_vma_kind */
  unsigned short policy;      /* mode of the memory policy in force, MPOL_DEFAULT where there is none */
  unsigned short name_bytes;  /* 0: no name, that of the mapping before, or a path of more than 4095 bytes */
  unsigned int thread;        /* whose mappings these are, as the initial PID namespace numbers it */
  unsigned int same_file;     /* 1: the file of the mapping before, and its name */
  unsigned long long start_ticks; /* of the process, as field 22 of /proc/PID/stat */
  unsigned long long start, end;  /* bytes, half-open */
  unsigned long long flags;       /* VM_… of linux/mm.h */
  unsigned long long page_offset; /* of the start in the file, in pages */
  unsigned long long inode;
  unsigned int device; /* major << 20 | minor */
  unsigned int has_file;
  unsigned int name_kind; /* enum tier_vma_name */
  unsigned int reserved;
};

/* What changes when a process's mappings may have changed. */
struct tier_mm_version {
  unsigned long long start_ticks;
  unsigned long long writes; /* of the mmap lock; 0 where the kernel does not count them (before Linux 6.4) */
  unsigned long long pages, locked, pinned, data, stack, executable, mappings;
  unsigned long long policy; /* mode of the task's own memory policy */
};

#endif
