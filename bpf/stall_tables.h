/* SPDX-License-Identifier: (BSD-2-Clause OR GPL-2.0) */
/* The tables of the stall sampler: arrays in memory that both sides map. A sample is taken in a program's time, with the
 * program's lines in the caches, so what it costs is the lines that it touches (85 to 90 % of it): one of its CPU, one to
 * find the process, one to find the code, three to write the sample. The kernel's hash tables and ring touch three times
 * as many. Both sides compile this file: fixed layout, plain C. */
#ifndef TIER_STALL_TABLES_H
#define TIER_STALL_TABLES_H

#include "bpf/events.h"

#define TIER_LINE_WAYS 4 /* entries of 16 bytes in a cache line */

/* Watched processes. A process is in the first line with room from the one that its number hashes to; lines fill from
 * the left, so one with room at its end is the last to be looked at. Twice as many places as processes. */
#define TIER_WATCH_LINES (1U << 13)
#define TIER_WATCH_PROBES 8 /* lines */
struct tier_watched_process {
  unsigned int tgid; /* as the reader's PID namespace numbers it; 0: nobody */
  unsigned int reserved;
  unsigned long long start_ticks; /* 0: any */
};
struct tier_watch_line {
  struct tier_watched_process process[TIER_LINE_WAYS];
};

/* Code that user space holds, by what tells one place of one program from all others, in 64 bits: of 65,536 known places
 * two share them with a chance of 1 in 10^10, and then one's sample comes without its code and is counted as not decoded. */
#define TIER_CODE_LINES (1U << 14)
struct tier_known_place {
  unsigned long long tag;   /* 0: none */
  unsigned long long until; /* the reader's CLOCK_MONOTONIC, ns: then the code is asked for again */
};
struct tier_code_line {
  struct tier_known_place place[TIER_LINE_WAYS];
};

/* One CPU. Its program alone writes; `head` last, when the sample is whole. */
struct tier_cpu {
  unsigned long long last_interrupt; /* ns */
  unsigned long long head;           /* samples written to its slots so far */
  unsigned long long irq_regs_at;    /* address of its __irq_regs; 0: not looked for yet */
  struct tier_counters count;
  unsigned long long reserved[6]; /* 128 bytes: two lines, which come together */
};

/* A sample of known code. The slots of a CPU are used in turn; a reader that comes too late counts what was written over. */
struct tier_slot {
  unsigned long long time_ns;
  unsigned long long start_ticks;
  unsigned int tgid, tid;
  unsigned int exec_id;
  unsigned int kind; /* enum tier_event_kind */
  unsigned long long stands_for; /* ns */
  unsigned long long general[16]; /* as in tier_registers */
  unsigned long long ip, fs_base, gs_base;
}; /* 192 bytes: three lines */

/* Which line a process is looked for in first (the finaliser of MurmurHash3: numbers in a row spread evenly). */
static inline unsigned int tier_watch_line_of(unsigned int tgid) {
  tgid = (tgid ^ (tgid >> 16)) * 0x85ebca6bU;
  tgid = (tgid ^ (tgid >> 13)) * 0xc2b2ae35U;
  return (tgid ^ (tgid >> 16)) & (TIER_WATCH_LINES - 1);
}

/* Never 0. Every bit of the three reaches every bit of it (the finaliser of MurmurHash3, twice). */
static inline unsigned long long tier_code_tag(unsigned long long ip, unsigned int tgid, unsigned int exec_id) {
  unsigned long long tag = ((unsigned long long)tgid << 32) | exec_id;
  tag = (tag ^ (tag >> 33)) * 0xff51afd7ed558ccdULL;
  tag ^= (tag >> 33) ^ ip;
  tag = (tag ^ (tag >> 33)) * 0xff51afd7ed558ccdULL;
  tag = (tag ^ (tag >> 33)) * 0xc4ceb9fe1a85ec53ULL;
  tag ^= tag >> 33;
  return tag ? tag : 1;
}

static inline unsigned int tier_code_line_of(unsigned long long tag) { return tag & (TIER_CODE_LINES - 1); }

#endif
