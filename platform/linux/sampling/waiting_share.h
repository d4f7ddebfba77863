// Which samples are of time that a program waited for an access, and which of time that it computed. Pure.
//
// A sample is of a moment, and near nearly every instruction lies some access; that the thread waited for it
// shows in numbers alone. Any stream of instructions steps out of accesses (an access, then none) as often as
// into them, so time in which each instruction takes its turn shows both alike (stall_evidence.h). Where
// samples come behind the access that is waited for, steps out of accesses that are more than those into them
// are waiting; where they come at it, the other way round. The same holds for one access: it is executed as
// often as the instruction behind it, so samples behind it that are more than those in front of it are
// waiting.
#pragma once

#include <cstdint>
#include <optional>

#include "platform/linux/sampling/x86_transition.h"

namespace tier {

// Samples that one instruction pointer drew, which lies right behind an access.
struct SampledPlace {
  std::uint64_t here = 0;      // this one included
  std::uint64_t in_front = 0;  // of it, where nothing was waited for
};

// Of one program. Not thread-safe.
class WaitingShare {
 public:
  void add(const X86Transition& step);

  // Probability that a sample of this step was waiting, 0..1; 1 until enough samples have shown otherwise.
  // `place` sharpens it where the pointer is behind what is waited for.
  double of(const X86Transition& step, bool ip_is_behind, const std::optional<SampledPlace>& place) const;

 private:
  double of_program(bool ip_is_behind) const;

  double out_ = 0, into_ = 0;  // steps, the older ones discounted
};

// Decides by `share`, evenly and the same for the same sample: no generator, no state.
bool drawn(double share, std::uint64_t time_ns, std::uint64_t address);

}  // namespace tier
