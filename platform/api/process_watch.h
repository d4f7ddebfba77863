// Which processes there are and what became of them, at a price that does not grow with what they are.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "core/result.h"
#include "platform/api/seen_process.h"

namespace tier {

// What looks shall tell of.
struct ProcessQuestion {
  std::vector<Pid> asked;  // told of by every look, as long as they have memory
  // Of the others those of at least this size; 0: of any size, each at least once, and again after it
  // executed, was renamed or moved to another cgroup.
  Bytes minimum;
  bool others = true;  // false: none but those asked for
};

struct ProcessLook {
  // False: no look was due yet, so that looking stays cheap; nothing is said of anybody.
  bool looked = false;
  // No kernel threads. Whoever was asked for and is missing has ended.
  std::vector<SeenProcess> processes;
};

// How processes are watched, for people.
struct ProcessWatchState {
  std::string way;          // "events" or "files"
  std::string reason, fix;  // why it is not by events
  std::uint64_t looks = 0;
  Nanoseconds cost{};  // CPU time of one look
};

// Not thread-safe.
class ProcessWatch {
 public:
  virtual ~ProcessWatch() = default;

  // `renew`: also those whose size alone may make them interesting; else only the cheaper part is done.
  virtual Result<ProcessLook> look(const ProcessQuestion& question, bool renew) = 0;

  // False: since the last look nobody that it asked for began, executed, was renamed or moved, or ended, so
  // that another one would show nothing new but sizes and times. True where that cannot be told without
  // looking.
  virtual bool news() const = 0;

  // The following looks tell once more of everybody (they may be spread over several).
  virtual void forget() = 0;

  virtual ProcessWatchState state() const = 0;
};

}  // namespace tier
