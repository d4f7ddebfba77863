// SPDX-License-Identifier: (BSD-2-Clause OR GPL-2.0)
// User page faults of watched processes: first touches, and the hint faults of kernel NUMA balancing, which raise the same
// tracepoint with the same error code (the kernel marks such pages not present).
#include "bpf/sample_common.h"

#include <bpf/bpf_tracing.h>

char LICENSE[] SEC("license") = "Dual BSD/GPL";

SEC("tp_btf/page_fault_user")
int BPF_PROG(on_fault, unsigned long address, struct pt_regs *registers, unsigned long error_code) {
  struct tier_counters *count = tier_my_counters();
  if (!count) return 0;
  struct tier_fault fault = {};
  if (!tier_fill_header(&fault.header, TIER_EVENT_FAULT, tier_clock(), count)) return 0;
  fault.address = address;
  fault.ip = registers->ip;
  fault.error_code = error_code;
  struct tier_fault *event = bpf_ringbuf_reserve(&samples, sizeof(*event), 0);
  if (event) {
    __builtin_memcpy(event, &fault, sizeof(*event));
    bpf_ringbuf_submit(event, BPF_RB_NO_WAKEUP);
    count->sent++;
  } else {
    count->lost++;
  }
  tier_end_run(&fault.header, count);
  return 0;
}
