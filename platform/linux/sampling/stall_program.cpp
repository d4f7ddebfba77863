#include "platform/linux/sampling/stall_program.h"

#include <bpf/libbpf.h>

#include <cerrno>

#include "platform/linux/sampling/bpf_support.h"
#include "platform/linux/sampling/kernel_types.h"
#include "platform/linux/sampling/reader_view.h"
#include "platform/linux/sampling/stall_tables.h"

namespace tier {

Result<BpfSkeleton<stall_bpf>> load_stall_program(TickProgram tick, const SamplingSettings& settings) {
  take_bpf_log();
  BpfSkeleton<stall_bpf> skeleton(stall_bpf__open());
  if (!skeleton) return tl::make_unexpected(bpf_error("opening the stall sampler", errno));
  bpf_program__set_autoload(skeleton->progs.on_tick, tick == TickProgram::kExact);
  bpf_program__set_autoload(skeleton->progs.on_tick_by_runqueue, tick == TickProgram::kByRunqueue);
  bpf_program__set_autoload(skeleton->progs.on_tick_by_stack, tick == TickProgram::kByStack);
  if (tick == TickProgram::kByRunqueue) {
    const auto types = TIER_TRY(KernelTypes::read());
    const auto distance = types->per_cpu_distance("runqueues", "__irq_regs");
    if (!distance) return fail(ErrorKind::kUnsupported, "the kernel's BTF lacks __irq_regs or runqueues");
    skeleton->bss->irq_regs_from_runqueues = *distance;
  }
  set_reader(*skeleton->rodata, read_reader_view());
  skeleton->rodata->slots_per_cpu = TIER_TRY(StallTables::prepare(*skeleton->obj, settings));
  if (const int code = stall_bpf__load(skeleton.get()); code != 0)
    return tl::make_unexpected(bpf_error("loading the stall sampler", -code));
  return skeleton;
}

}  // namespace tier
