/* SPDX-License-Identifier: (BSD-2-Clause OR GPL-2.0) */
/* What bpf/processes.bpf.c tells user space of processes: fixed layout, plain C types. Both sides include it. */
#ifndef TIER_PROCESSES_H
#define TIER_PROCESSES_H

#define TIER_PROCESS_RECORD_VERSION 1

/* Processes that are remembered. Of more, those that do not fit are told of at every look, which costs time and loses
 * nothing. */
#define TIER_MAX_KNOWN 262144

#define TIER_FILE_NAME_BYTES 64
#define TIER_COMM_BYTES 16 /* TASK_COMM_LEN of linux/sched.h */

/* Value of the map `known`. */
struct tier_known_process {
  unsigned long long start, exec_id, generation; /* what it was when it was told of */
  unsigned long long asked;                      /* 1: told of by every look; set by user space */
};

/* Which processes a look tells of; set by user space between looks. Those asked for always, of the others: */
struct tier_look {
  unsigned long long minimum_pages; /* at least this big; 0: of any size, each once (see the map `known`) */
  unsigned int only_asked;          /* 1: none */
  unsigned int generation;          /* what was told under another one is told again */
};

/* Counted by the hooks between looks, never reset. */
struct tier_process_news {
  unsigned long long others; /* some process began, executed, was renamed or moved to another cgroup */
  unsigned long long asked;  /* one that is asked for executed or ended */
};

/* One thread of a process. A process whose first thread has ended is described by every living thread; others are by
 * their first, and those asked for have a record for every other thread too. Times are nanoseconds. */
struct tier_process_record {
  unsigned int version;            /* TIER_PROCESS_RECORD_VERSION */
  unsigned int pid;                /* of the process, as the reader's PID namespace numbers it */
  unsigned long long leads;        /* 1: the record describes the process; 0: only one more thread of it */
  unsigned long long start_ticks;  /* as field 22 of /proc/PID/stat */
  unsigned long long exec_id;      /* differs after execve, of the same file too */
  unsigned long long properties;   /* a hash of owner, cgroups, allowed nodes, and of whether the first thread lives */
  unsigned long long group;        /* a hash of the cgroups */
  unsigned long long pages;        /* resident */
  unsigned long long ended_user, ended_system, ended_run; /* of threads that have ended */
  unsigned long long user, system, run;                   /* of this thread */
  char comm[TIER_COMM_BYTES];
  char file[TIER_FILE_NAME_BYTES]; /* base name of the file that runs, cut off where it is longer; empty: not told */
};

/* How much of a record of a thread that does not lead is sent: all before comm. */
#define TIER_THREAD_RECORD_BYTES (sizeof(struct tier_process_record) - TIER_COMM_BYTES - TIER_FILE_NAME_BYTES)

#endif
