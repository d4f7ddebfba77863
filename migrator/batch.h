// Moves one batch of pages and finds out what became of each.
#pragma once

#include <atomic>
#include <cstdint>
#include <map>
#include <optional>
#include <span>
#include <unordered_set>
#include <vector>

#include "core/clock.h"
#include "core/plan.h"
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
// which the locator says kStatusMarked are counted as marked and not tried. Used by one thread at a time.
class BatchMover {
 public:
  BatchMover(PageMover& mover, const PageLocator& locator, const Clock& clock, Bytes page_size,
             Bytes huge_page)
      : mover_(mover), locator_(locator), clock_(clock), page_size_(page_size), huge_page_(huge_page) {}

  // Whether the pages of this target are likely to be transparent huge ones.
  bool expects_huge(TargetId target) const { return huge_targets_.contains(target); }

  // `handle` is asked right before and right after each call. When `stop` turns true, what was not yet tried
  // is counted dropped.
  BatchResult move(const BatchOrder& order, const ProcessHandle& handle, const std::atomic<bool>& stop);

 private:
  struct Attempt;
  // Pages without a fate after a call, ascending: those that it came to and did not move, and those that it
  // never came to.
  struct Unsettled {
    std::vector<Address> refused, untried;
  };

  void try_all(const BatchOrder& order, std::vector<Address> left, const ProcessHandle& handle,
               const std::atomic<bool>& stop, BatchResult& result);
  bool sort_by_place(const BatchOrder& order, std::vector<Address>& elsewhere, BatchResult& result) const;
  PageCall timed_move(const BatchOrder& order, std::span<const Address> pages, BatchResult& result);
  Unsettled attempt(const BatchOrder& order, std::vector<Address> pages, bool whole_units,
                    BatchResult& result);
  Unsettled judge(const BatchOrder& order, const Attempt& tried, BatchResult& result);
  std::vector<Address> heads_of_units(std::span<const Address> pages) const;
  void learn_page_size(TargetId target, const Attempt& tried, std::span<const int> after, NodeId to);

  PageMover& mover_;
  const PageLocator& locator_;
  const Clock& clock_;
  const Bytes page_size_, huge_page_;
  // Targets whose last whole unit proved to be one huge page: for those the first address is tried alone,
  // which spares the kernel 511 page-table walks. A wrong guess costs one more call.
  std::unordered_set<TargetId> huge_targets_;
};

}  // namespace tier
