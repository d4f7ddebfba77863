/* SPDX-License-Identifier: (BSD-2-Clause OR GPL-2.0) */
/* Sending one sample with registers, and with the code around the instruction pointer when user space lacks it. */
#ifndef TIER_CODE_COMMON_H
#define TIER_CODE_COMMON_H

#include "bpf/sample_common.h"

/* Filled by user space with what it has decoded; the value is the time (CLOCK_MONOTONIC, ns) after which the code is
 * asked for again, because code can be replaced (JIT compilers, dlclose). */
struct {
  __uint(type, BPF_MAP_TYPE_LRU_HASH);
  __uint(max_entries, TIER_MAX_KNOWN_CODE);
  __type(key, struct tier_known_code);
  __type(value, __u64);
} known_code SEC(".maps");

/* Code bytes never fault in: what is not resident is left out and counted. */
static __always_inline void tier_read_code(struct tier_code_sample *event, struct tier_counters *count) {
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

static __always_inline int tier_code_is_known(const struct tier_sample *sample) {
  struct tier_known_code key = {
      .ip = sample->registers.ip, .tgid = sample->header.tgid, .exec_id = sample->header.exec_id};
  __u64 *until = bpf_map_lookup_elem(&known_code, &key);
  return until && *until > sample->header.time_ns;
}

/* User space polls, so waking it is left out: a wake-up costs more than the rest of the program. */
static __always_inline void tier_send(const struct tier_sample *sample, struct tier_counters *count) {
  if (tier_code_is_known(sample)) {
    struct tier_sample *event = bpf_ringbuf_reserve(&samples, sizeof(*event), 0);
    if (!event) {
      count->lost++;
      return;
    }
    __builtin_memcpy(event, sample, sizeof(*event));
    bpf_ringbuf_submit(event, BPF_RB_NO_WAKEUP);
  } else {
    struct tier_code_sample *event = bpf_ringbuf_reserve(&samples, sizeof(*event), 0);
    if (!event) {
      count->lost++;
      return;
    }
    __builtin_memcpy(&event->sample, sample, sizeof(*sample));
    event->sample.header.has_code = 1;
    tier_read_code(event, count);
    bpf_ringbuf_submit(event, BPF_RB_NO_WAKEUP);
  }
  count->sent++;
}

#endif
