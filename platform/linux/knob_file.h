// Knobs through the kernel's files. In C, for the program that puts settings back.
#pragma once

#include "platform/api/knob.h"

#ifdef __cplusplus
extern "C" {
#endif

// Where they lie; others in tests.
struct TierKnobFiles {
  const char* cpus;          // N/msr: eight bytes at the register's address (msr(4))
  const char* block;         // MAJOR:MINOR/queue/read_ahead_kb (Documentation/ABI/stable/sysfs-block)
  const char* page_cluster;  // Documentation/admin-guide/sysctl/vm.rst
};
extern const struct TierKnobFiles kTierKnobFiles;  // of a running machine

// 0, or an errno value; ENOENT, ENXIO and EIO: the CPU is offline, the register or the device not there;
// EINVAL: the file holds no number.
int tier_knob_read(const struct TierKnobFiles* files, const struct TierKnob* knob, uint64_t* value);
int tier_knob_write(const struct TierKnobFiles* files, const struct TierKnob* knob, uint64_t value);

#ifdef __cplusplus
}
#endif
