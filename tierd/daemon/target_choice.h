// Which of too many matching processes are watched. The choice is slow on purpose: a target that is replaced
// loses its history, and sizes go up and down.
#pragma once

#include <cstddef>
#include <cstdint>
#include <utility>
#include <vector>

#include "core/units.h"

namespace tier {

// The least and the most that a process held during the last one to two windows.
class SizeRange {
 public:
  // Looks that a window lasts: with one every five ticks of a second, a minute.
  static constexpr std::uint32_t kWindow = 12;

  void add(Bytes size);
  bool known() const { return full_; }  // for a whole window
  Bytes least() const;
  Bytes most() const;

 private:
  struct Range {
    Bytes least{~std::uint64_t{0}}, most;
    void add(Bytes size);
  };
  Range now_, before_;
  std::uint32_t looks_ = 0;
  bool full_ = false;
};

struct ChoiceEntry {
  Pid pid;
  Bytes resident;
  const SizeRange* range;  // not null
  bool watched = false;
};

struct Choice {
  std::vector<Pid> in, out;  // to be watched from now on; no longer
};

// Fills what is free with the biggest, lets go of the smallest beyond the limit, and with `replace` puts a
// newcomer in the place of a watched one if over a window it never held less than that ever held.
Choice choose(std::vector<ChoiceEntry> entries, std::size_t limit, bool replace);

}  // namespace tier
