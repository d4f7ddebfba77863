// Whether an interrupted thread was between an instruction that reads (or accesses) memory and one that does
// not. In any stream of instructions such steps into and out of reading are equally many; where samples
// prefer one kind, they follow waiting.
#pragma once

#include <optional>

#include "platform/linux/sampling/x86_decoder.h"

namespace tier {

struct X86Transition {
  bool behind_reads = false;  // the instruction executed last reads memory
  bool at_reads = false;      // the next one does
  // The same of reading or writing what is not on top of the stack, for which nobody waits.
  bool behind_accesses = false, at_accesses = false;

  bool out_of_reading() const { return behind_reads && !at_reads; }
  bool into_reading() const { return !behind_reads && at_reads; }
};

// The instruction executed last is the one before ip in memory, except where that is a return or an
// unconditional jump, or where a jump in the code from ip on leads back to it (a loop's head): then it was a
// jump. Behind a call it was the return of the function called. Nothing when one of the two cannot be
// decoded.
// `back`: not at ip but so many instructions before it, of which the code behind ip tells nothing.
std::optional<X86Transition> transition_x86(X86Code& code, std::size_t back = 0);

}  // namespace tier
