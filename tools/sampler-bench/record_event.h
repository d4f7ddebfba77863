// The event that `perf record --user-regs` samples by, opened here to learn what it costs.
#pragma once

#include <cstdint>

#include "core/result.h"
#include "core/units.h"

namespace tier {

// All general registers, the instruction pointer and the flags, as perf's --user-regs names them.
inline constexpr char kRecordedRegisters[] = "ax,bx,cx,dx,si,di,bp,sp,ip,flags,r8,r9,r10,r11,r12,r13,r14,r15";

// CPU time that one interrupt of that event takes from a program: a cpu-clock event that writes those
// registers to a ring buffer as large as perf's, priced as InterruptPrice prices our own; the median of
// several such prices. The work beside it stays in the cache, so the cache lines that an interrupt displaces
// in a real program, and finds displaced, are not in it. Takes five seconds.
Result<Nanoseconds> record_interrupt_price();

// CPU time that such an event of `frequency` Hz takes each time that its thread comes to a CPU and leaves it:
// its clock is set and stopped. Two threads on one CPU that wake each other, with the event on both and
// without, nine times in turn; the median of the differences, at least 0. Takes a second or two.
Result<Nanoseconds> record_switch_price(double frequency);

}  // namespace tier
