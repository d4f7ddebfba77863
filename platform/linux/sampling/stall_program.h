// The stall sampler's BPF programs, loaded for a kernel.
#pragma once

#include "core/result.h"
#include "platform/linux/bpf_skeleton.h"
#include "platform/linux/sampling/sampling_settings.h"
#include "stall.skel.h"

namespace tier {

// How a tick is told to have hit user code; see bpf/stall.bpf.c. kNone: no program rides the tick.
enum class TickProgram { kExact, kByRunqueue, kByStack, kNone };

// kUnsupported where the kernel's types lack what it needs, kPermission where BPF may not be used.
Result<BpfSkeleton<stall_bpf>> load_stall_program(TickProgram tick, const SamplingSettings& settings);

}  // namespace tier
