// Which troubles to report, and how often: each is told at once, its repetitions are counted.
#pragma once

#include <cstdint>
#include <deque>
#include <optional>
#include <string>
#include <vector>

#include "core/units.h"

namespace tier {

struct Trouble {
  std::string message;      // as it came first
  std::uint64_t count = 0;  // how often it came, whole life
  Nanoseconds first{}, last{};
};

struct TroubleSettings {
  // A trouble that goes on is told again, with its count, after this time, then after twice as long each
  // time.
  Nanoseconds again = std::chrono::hours(1);
  // A trouble that did not come for so long is over: the next one is told as new.
  Nanoseconds over = std::chrono::hours(24);
  std::size_t most = 64;  // kept apart; beyond it the one that has been silent for longest is forgotten
};

// Not thread-safe. Messages that differ in numbers alone (process ids, addresses, counts) are one trouble.
class TroubleLog {
 public:
  explicit TroubleLog(TroubleSettings settings = {}) : settings_(settings) {}

  // Returns the text to tell now; nothing when it is only counted.
  std::optional<std::string> report(const std::string& message, Nanoseconds now);

  // The last one first.
  std::vector<Trouble> troubles() const;

 private:
  struct Entry {
    std::string kind;  // the message without its numbers
    Trouble trouble;
    Nanoseconds told{}, wait{};
    std::uint64_t told_count = 0;
  };

  TroubleSettings settings_;
  std::deque<Entry> entries_;  // the last reported one in front
};

}  // namespace tier
