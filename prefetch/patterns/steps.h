// Whether an instruction goes on through memory or jumps about, from few samples of it.
#pragma once

#include <cstdint>
#include <span>

#include "core/units.h"
#include "prefetch/tuner/feedback.h"

namespace tier {

// From one sample of an instruction to the next of the same instruction by the same thread.
struct Step {
  std::int64_t bytes = 0;  // forward; negative: back
  Nanoseconds time{};      // positive
};

// Bytes per nanosecond that one thread can go through memory: 48 outstanding misses of its second-level cache
// times 64 bytes, in 90 ns, are 34; half of it is more than single threads are measured to reach from DRAM.
inline constexpr std::int64_t kFastestWalk = 16;
// Bytes from which on a constant distance is a stride: two lines that are fetched as a pair are 128.
inline constexpr std::uint64_t kLeastStride = 256;

// Samples lie millions of accesses apart.
// A walk: most of its steps go one way, at speeds within a factor of two of a middle. Where the order is
// chance at most half of the steps go one way (any exchangeable sequence); more than that is told from chance
// with an error of 1 %. Its steps have a large common divisor where it is strided. Random: clearly more than
// a quarter of the steps, both ways, jump farther than a walk could come. Both are asked of all steps, and of
// the half with the shortest times between: a loop that starts over in less looks like chance. What is not
// told is kUnknown. What positions cannot tell: runs that are over before the next sample look random, as do
// columns of a matrix that are; hardware prefetchers follow neither.
AccessPattern pattern_of(std::span<const Step> steps);

// The largest number that divides the bytes of all steps; 0 where none moves.
std::uint64_t common_divisor(std::span<const Step> steps);

}  // namespace tier
