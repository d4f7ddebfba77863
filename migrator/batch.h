// Moves one batch of pages and finds out what became of each.
#pragma once

#include <algorithm>
#include <cstdint>
#include <functional>
#include <map>
#include <mutex>
#include <optional>
#include <span>
#include <unordered_map>
#include <vector>

#include "core/clock.h"
#include "core/plan.h"
#include "migrator/call_size.h"
#include "platform/api/pages.h"
#include "platform/api/process_table.h"

namespace tier {

// System calls that move pages.
struct BatchCalls {
  std::uint64_t attempts = 0;
  std::uint64_t incomplete = 0;         // returned "so many pages not moved"
  std::map<int, std::uint64_t> failed;  // whole calls, by errno
  Nanoseconds spent{}, worst{};         // in all of them; the longest single one

  BatchCalls& operator+=(const BatchCalls& other);
};

// The locator's word that a process has no page there.
bool not_resident(int status);

void add(PageCounts& sum, const PageCounts& part);

// Returns true when the move is called off. Thread-safe, cheap.
using StopSign = std::function<bool()>;

struct BatchOrder {
  TargetId target;
  Pid pid;
  NodeId to;
  std::span<const Address> pages;  // page-aligned, ascending, distinct
  PageSharing sharing = PageSharing::kOwn;
};

struct BatchResult {
  PageCounts pages;              // balanced; counts every page of the order but those in no_room
  std::vector<Address> absent;   // those counted so; other processes may have pages there that this one lacks
  std::vector<Address> no_room;  // not moved because the node has no free memory (ENOMEM)
  bool target_gone = false;      // exited or replaced its address space: the rest is counted dropped
  Nanoseconds duration{};        // of all calls, locating included
  BatchCalls calls;
};

// Pages that are elsewhere move, wherever they are. The kernel's own words are read first, and where it is
// silent or contradicts itself (part of a large page: EBUSY, although it moves; some pages of the call
// pinned: no status at all, of the pages that moved neither) the page's place afterwards decides. Pages of
// which the locator says kStatusMarked are counted as marked and not tried. A batch goes in several calls
// where one would take long, see CallSize. Thread-safe.
class BatchMover {
 public:
  BatchMover(PageMover& mover, const PageLocator& locator, const Clock& clock, Bytes page_size,
             Bytes huge_page, Bytes most_per_call = {})
      : mover_(mover),
        locator_(locator),
        clock_(clock),
        page_size_(page_size),
        huge_page_(huge_page),
        most_per_call_(std::max(huge_page, most_per_call)) {}

  // Whether the pages of this target are likely to be transparent huge ones.
  bool expects_huge(TargetId target) const;

  // `handle` is asked right before and right after the calls, `stop` before each. When it turns true, what
  // was not yet tried is counted dropped.
  BatchResult move(const BatchOrder& order, const ProcessHandle& handle, const StopSign& stop);

  // Forgets what was learnt about a target.
  void forget(TargetId target);

 private:
  struct Attempt;
  // A result in the making.
  struct Outcome : BatchResult {
    std::map<int, std::vector<Address>> refused;  // by errno; counted when all calls are done
  };
  // Pages without a fate after some calls, ascending: those that they came to and did not move, and those
  // that they never came to.
  struct Unsettled {
    std::vector<Address> refused, untried;
    std::size_t busy = 0;  // pages that the kernel called busy, moved or not
    int error = 0;         // errno of a whole call; 0: none failed
  };
  struct TargetFacts {
    // Its last whole unit proved to be one huge page: the first address is tried alone then, which spares the
    // kernel 511 page-table walks. A wrong guess costs one more call.
    bool huge = false;
    CallSize size;
  };

  void try_all(const BatchOrder& order, std::vector<Address> left, const ProcessHandle& handle,
               const StopSign& stop, Outcome& result);
  Unsettled in_calls(const BatchOrder& order, std::span<const Address> pages, bool whole_units,
                     const StopSign& stop, Outcome& result);
  std::size_t end_of_call(TargetId target, std::span<const Address> pages, std::size_t from,
                          bool whole_units) const;
  void learn_call_time(TargetId target, std::size_t pages, std::uint64_t moved, Nanoseconds took);
  bool sort_by_place(const BatchOrder& order, std::vector<Address>& elsewhere, Outcome& result) const;
  PageCall timed_move(const BatchOrder& order, std::span<const Address> pages, Outcome& result);
  Unsettled attempt(const BatchOrder& order, std::vector<Address> pages, bool whole_units, Outcome& result);
  Unsettled judge(const BatchOrder& order, const Attempt& tried, Outcome& result);
  void count_refused(const BatchOrder& order, Outcome& result) const;
  std::vector<Address> heads_of_units(std::span<const Address> pages) const;
  void learn_page_size(TargetId target, std::span<const Address> pages, bool whole_units,
                       const Unsettled& left, std::uint64_t moved);

  PageMover& mover_;
  const PageLocator& locator_;
  const Clock& clock_;
  const Bytes page_size_, huge_page_, most_per_call_;
  mutable std::mutex mutex_;                         // never held over a system call
  std::unordered_map<TargetId, TargetFacts> facts_;  // guarded by mutex_
};

}  // namespace tier
