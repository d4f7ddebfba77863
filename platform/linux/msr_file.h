// Eight bytes of a register through the kernel's MSR device (Documentation/arch/x86, msr(4)): the file offset
// is the register's address. In C, for the restore program.
#pragma once

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

// The device of a CPU is `folder`/N/msr. 0, or an errno value; ENXIO and EIO: the CPU is offline, the
// register not there.
int tier_msr_read(const char* folder, uint32_t cpu, uint32_t reg, uint64_t* value);
int tier_msr_write(const char* folder, uint32_t cpu, uint32_t reg, uint64_t value);

#ifdef __cplusplus
}
#endif
