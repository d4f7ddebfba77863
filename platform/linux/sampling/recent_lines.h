// Which cache lines were sampled lately. Pure.
//
// A stall sample stands for a tick of waiting, four milliseconds at 250 Hz. A line that draws two within
// eight seconds is waited for a millisecond in each of them: at a quarter of a microsecond for an access to
// memory, four thousand times. A last-level cache keeps a line longer than from one of these to the next: so
// most of them did not go to memory, and the program waited for a cache, or for another CPU that writes the
// line. Neither is better on another node. Of a set that is too large for the caches a line comes back by
// chance alone: with 2,000 samples of 100 MiB, one in a thousand.
#pragma once

#include <chrono>
#include <cstdint>
#include <vector>

#include "core/units.h"

namespace tier {

class RecentLines {
 public:
  static constexpr Nanoseconds kRemembered = std::chrono::seconds(8);

  // True where a sample of this line of this process came at most kRemembered before. `now` does not go back
  // by more than samples of several CPUs do.
  bool seen_again(std::uint32_t tgid, Address address, Nanoseconds now) {
    const std::uint64_t tag = tag_of(tgid, address);
    Entry& entry = entries_[tag >> (64 - kEntriesLog2)];
    const bool again = entry.tag == tag && now - entry.time <= kRemembered;
    entry = {tag, now};
    return again;
  }

 private:
  struct Entry {
    std::uint64_t tag = 0;  // 0 is no line's: none lies in page zero
    Nanoseconds time{};
  };
  static constexpr unsigned kEntriesLog2 =
      13;  // four seconds of 2,000 samples; what is written over is forgotten
  static constexpr unsigned kLineShift = 6;

  // The finaliser of MurmurHash3 is a bijection, so that different lines of the same process never share a
  // tag.
  static constexpr std::uint64_t tag_of(std::uint32_t tgid, Address address) {
    std::uint64_t h = (address >> kLineShift) ^ (std::uint64_t{tgid} << 42U);
    h = (h ^ (h >> 33U)) * 0xFF51AFD7ED558CCDULL;
    h = (h ^ (h >> 33U)) * 0xC4CEB9FE1A85EC53ULL;
    return h ^ (h >> 33U);
  }

  std::vector<Entry> entries_ = std::vector<Entry>(std::size_t{1} << kEntriesLog2);
};

}  // namespace tier
