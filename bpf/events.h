/* SPDX-License-Identifier: (BSD-2-Clause OR GPL-2.0) */
/* What the BPF programs send to user space. The one header that both sides include: fixed layout, plain C types, no
 * padding left to the compiler. Raise TIER_EVENTS_VERSION with every change of layout or meaning; user space refuses
 * events of another version. */
#ifndef TIER_EVENTS_H
#define TIER_EVENTS_H

#define TIER_EVENTS_VERSION 2

/* Code bytes around the interrupted instruction. 64 before: x86 instructions are at most 15 bytes long and a wrong
 * decoding start falls into step after a few of them; 64 after: a loop's body, up to its next access. */
#define TIER_CODE_BEFORE 64
#define TIER_CODE_AFTER 64

/* Inode number of the initial PID namespace (PROC_PID_INIT_INO of linux/proc_ns.h). */
#define TIER_INITIAL_PID_NAMESPACE 0xEFFFFFFCU

#define TIER_MAX_TARGETS 16384
#define TIER_MAX_KNOWN_CODE 65536
#define TIER_SAMPLE_RING_BYTES (4 * 1024 * 1024)

enum tier_event_kind {
  TIER_EVENT_TICK = 1,     /* the kernel's own timer tick */
  TIER_EVENT_CLOCK = 2,    /* a perf cpu-clock event */
  TIER_EVENT_ADDRESS = 3,  /* a perf event that carries a data address */
  TIER_EVENT_FAULT = 4,    /* a user page fault */
  TIER_EVENT_DAMON = 5,    /* one DAMON region at the end of an aggregation */
};

/* User registers; general[] in the order of x86 instruction encoding: ax cx dx bx sp bp si di r8 … r15. */
struct tier_registers {
  unsigned long long general[16];
  unsigned long long ip;
  unsigned long long flags;
  unsigned long long fs_base; /* as of the thread's last switch or arch_prctl(2) */
  unsigned long long gs_base;
};

/* From pt_regs into general[]. A macro, since those of a trace and of a perf event are of two
 * types to the verifier. */
#define TIER_COPY_GENERAL(to, from) \
  do {                              \
    (to)[0] = (from)->ax;           \
    (to)[1] = (from)->cx;           \
    (to)[2] = (from)->dx;           \
    (to)[3] = (from)->bx;           \
    (to)[4] = (from)->sp;           \
    (to)[5] = (from)->bp;           \
    (to)[6] = (from)->si;           \
    (to)[7] = (from)->di;           \
    (to)[8] = (from)->r8;           \
    (to)[9] = (from)->r9;           \
    (to)[10] = (from)->r10;         \
    (to)[11] = (from)->r11;         \
    (to)[12] = (from)->r12;         \
    (to)[13] = (from)->r13;         \
    (to)[14] = (from)->r14;         \
    (to)[15] = (from)->r15;         \
  } while (0)

/* Starts every event that concerns a thread. 48 bytes. */
struct tier_event_header {
  unsigned short version; /* TIER_EVENTS_VERSION */
  unsigned short kind;    /* enum tier_event_kind */
  unsigned int cpu;
  unsigned int tgid; /* as the reader's PID namespace numbers it; tid likewise */
  unsigned int tid;
  unsigned long long time_ns;     /* the reader's CLOCK_MONOTONIC */
  unsigned long long start_ticks; /* of the process: 1/100 s after boot, as field 22 of /proc/PID/stat */
  unsigned int exec_id;           /* changes when the process executes another program */
  unsigned int code_before;       /* valid bytes in code_before[]; 0 when the event has no code part */
  unsigned int code_after;        /* valid bytes in code_after[] */
  unsigned int has_code;          /* 1: the event is a tier_code_sample */
};

struct tier_sample {
  struct tier_event_header header;
  unsigned long long stands_for;    /* tick, clock: time that this sample stands for; address: events it stands for */
  unsigned long long address;      /* data address (TIER_EVENT_ADDRESS), else 0 */
  unsigned long long latency;      /* perf's sample weight: cycles of the access, 0 when unknown */
  unsigned long long data_source;  /* perf's data source word, 0 when unknown */
  struct tier_registers registers; /* of the interrupted user code */
};

/* The first sample at an instruction pointer also brings its code. */
struct tier_code_sample {
  struct tier_sample sample;
  unsigned char code_before[TIER_CODE_BEFORE]; /* the bytes that end at ip, first code_before of them valid */
  unsigned char code_after[TIER_CODE_AFTER];   /* the bytes from ip on */
};

struct tier_fault {
  struct tier_event_header header;
  unsigned long long address;
  unsigned long long ip;
  unsigned long long error_code; /* x86 page fault error code: bit 0 protection, bit 1 write */
};

struct tier_damon_region {
  unsigned short version;
  unsigned short kind;
  unsigned int target_index; /* order of the targets in the DAMON context */
  unsigned long long time_ns;
  unsigned long long start, end; /* bytes, half-open */
  unsigned int accesses;         /* samplings in which the region was found accessed */
  unsigned int age;              /* aggregations since its pattern changed */
  unsigned int regions;          /* regions of this target in this aggregation */
  unsigned int reserved;
};

/* Value of the map of watched processes, keyed by process id as the reader's PID namespace numbers it. */
struct tier_watch {
  unsigned long long start_ticks; /* 0: any */
};

/* One place of one program: what user space keeps its decoded code by. */
struct tier_known_code {
  unsigned long long ip;
  unsigned int tgid;
  unsigned int exec_id;
};

/* Per-CPU counters: nothing that a program leaves out stays unseen. */
struct tier_counters {
  unsigned long long sent;      /* events handed to user space */
  unsigned long long lost;      /* no room for them */
  unsigned long long foreign;   /* process id watched, but another process by now */
  unsigned long long in_kernel; /* the watched thread was in the kernel */
  unsigned long long too_soon;  /* timer interrupt that is not a tick, shortly after another */
  unsigned long long no_code;   /* code bytes could not be read */
  unsigned long long program_ns; /* time in runs that concerned a watched process, from their first clock read on */
};

#endif
