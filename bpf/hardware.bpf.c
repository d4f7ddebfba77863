// SPDX-License-Identifier: (BSD-2-Clause OR GPL-2.0)
// Hardware sampling: a perf event whose samples carry the data address (PEBS, IBS, SPE; in tests a software event with an
// address). The hardware's own latency goes along where the kernel shows it.
#include "bpf/sample_common.h"

char LICENSE[] SEC("license") = "Dual BSD/GPL";

/* Linux 6.2: the kernel's own context behind the one that programs see. */
extern void *bpf_cast_to_kern_ctx(void *ctx) __ksym __weak;

static __always_inline int send_address(struct bpf_perf_event_data *ctx, __u64 latency, __u64 data_source) {
  struct tier_counters *count = tier_my_counters();
  if (!count) return 0;
  __u64 address = ctx->addr;
  if (!address || (address >> 63)) return 0; /* none, or one of the kernel's */
  struct tier_sample sample = {};
  if (!tier_fill_header(&sample.header, TIER_EVENT_ADDRESS, tier_clock(), count)) return 0;
  sample.stands_for = ctx->sample_period;
  sample.address = address;
  sample.latency = latency;
  sample.data_source = data_source;
  TIER_COPY_REGISTERS(&sample.registers, &ctx->regs);
  struct tier_sample *event = bpf_ringbuf_reserve(&samples, sizeof(*event), 0);
  if (event) {
    __builtin_memcpy(event, &sample, sizeof(*event));
    bpf_ringbuf_submit(event, BPF_RB_NO_WAKEUP);
    count->sent++;
  } else {
    count->lost++;
  }
  tier_end_run(&sample.header, count);
  return 0;
}

SEC("perf_event")
int on_address(struct bpf_perf_event_data *ctx) { return send_address(ctx, 0, 0); }

SEC("perf_event")
int on_address_with_latency(struct bpf_perf_event_data *ctx) {
  struct bpf_perf_event_data_kern *kernel = bpf_cast_to_kern_ctx(ctx);
  return send_address(ctx, kernel->data->weight.full, kernel->data->data_src.val);
}
