#include "migrator/batch.h"

#include <algorithm>
#include <cerrno>
#include <utility>

namespace tier {
namespace {

// A page that gets a status of its own makes the kernel migrate those before it; when one of these is pinned
// the call ends there and leaves the rest untried. Eight calls get past seven such places in one batch; more
// would let one stubborn region eat the rate of all others.
constexpr int kMostAttempts = 8;

void append(std::vector<Address>& to, std::span<const Address> pages) {
  to.insert(to.end(), pages.begin(), pages.end());
}

}  // namespace

bool not_resident(int status) { return status == -ENOENT || status == -EFAULT; }

void add(PageCounts& sum, const PageCounts& part) {
  sum.requested += part.requested;
  sum.moved += part.moved;
  sum.already_there += part.already_there;
  sum.absent += part.absent;
  sum.dropped += part.dropped;
  sum.marked += part.marked;
  for (const auto& [error_number, count] : part.failed) sum.failed[error_number] += count;
}

BatchCalls& BatchCalls::operator+=(const BatchCalls& other) {
  attempts += other.attempts;
  incomplete += other.incomplete;
  for (const auto& [error_number, count] : other.failed) failed[error_number] += count;
  spent += other.spent;
  worst = std::max(worst, other.worst);
  return *this;
}

// One move() call and what was asked of it.
struct BatchMover::Attempt {
  std::vector<Address> pages;   // all that the call is meant to move, ascending
  std::vector<Address> passed;  // what it was told: equal to pages, or one address per huge unit
  PageCall call;

  bool by_heads() const { return passed.size() != pages.size(); }

  // The kernel's word on a page, kStatusUnknown when it was not passed.
  int status_of(std::size_t index, std::size_t& cursor) const {
    while (cursor < passed.size() && passed[cursor] < pages[index]) ++cursor;
    if (cursor == passed.size() || passed[cursor] != pages[index]) return kStatusUnknown;
    return cursor < call.status.size() ? call.status[cursor] : kStatusUnknown;
  }

  // The first address that the kernel never came to; none when it came to all. It counts what it did not try
  // into its value (mm/migrate.c, move_pages_and_store_status), beside the pages that it failed to move, and
  // the last page with a status of its own is where it ended.
  std::optional<Address> first_untried() const {
    if (call.value <= 0) return std::nullopt;
    std::size_t after = 0;
    while (after < call.status.size() && call.status[call.status.size() - 1 - after] == kStatusUnknown)
      ++after;
    if (after == 0 || static_cast<std::size_t>(call.value) <= after || after >= passed.size())
      return std::nullopt;
    return passed[passed.size() - after];
  }

  // No page needs a second look: the call did all, and every page passed says so.
  bool clean(NodeId to) const {
    return call.value == 0 && !by_heads() && call.status.size() == pages.size() &&
           std::all_of(call.status.begin(), call.status.end(), [&](int s) { return s == to.value; });
  }
};

BatchResult BatchMover::move(const BatchOrder& order, const ProcessHandle& handle, const StopSign& stop) {
  Outcome result;
  result.pages.requested = order.pages.size();
  const Nanoseconds started = clock_.now();
  std::vector<Address> left;
  result.target_gone = !handle.alive() || !sort_by_place(order, left, result);
  if (result.target_gone) left.clear();
  try_all(order, std::move(left), handle, stop, result);
  if (!handle.alive()) result.target_gone = true;
  count_refused(order, result);
  if (result.target_gone) forget(order.target);
  result.pages.requested -= result.no_room.size();
  // Whatever has no fate by now was not touched.
  PageCounts& pages = result.pages;
  const std::uint64_t known =
      pages.moved + pages.already_there + pages.absent + pages.marked + pages.failed_total();
  pages.dropped = pages.requested - known;
  result.duration = clock_.now() - started;
  return static_cast<BatchResult&&>(result);
}

// Part of a huge page that one call was refused may have moved with the rest of it in a later one.
void BatchMover::count_refused(const BatchOrder& order, Outcome& result) const {
  for (const auto& [error_number, pages] : result.refused) {
    std::uint64_t moved = 0;
    if (result.calls.attempts > 1 && !result.target_gone) {
      const PageCall where = locator_.locate(order.pid, pages);
      moved =
          static_cast<std::uint64_t>(std::count(where.status.begin(), where.status.end(), order.to.value));
    }
    result.pages.moved += moved;
    if (pages.size() > moved) result.pages.failed[error_number] += pages.size() - moved;
  }
}

void BatchMover::try_all(const BatchOrder& order, std::vector<Address> left, const ProcessHandle& handle,
                         const StopSign& stop, Outcome& result) {
  std::vector<Address> refused;
  bool last_chance = false;
  for (int tried = 0; !last_chance && !(left.empty() && refused.empty()); ++tried) {
    if (stop() || !handle.alive()) {
      result.target_gone = !handle.alive();
      break;
    }
    const bool whole_units = tried == 0 && expects_huge(order.target);
    // What was refused is asked for once more, by itself: beside the others it would end their call again.
    last_chance = left.empty() || (tried + 1 >= kMostAttempts && !refused.empty());
    const std::vector<Address> pages = std::exchange(last_chance ? refused : left, {});
    const std::uint64_t before = result.pages.moved;
    const Unsettled now = in_calls(order, pages, whole_units, stop, result);
    if (result.target_gone) break;
    if (tried == 0) learn_page_size(order.target, pages, whole_units, now, result.pages.moved - before);
    append(last_chance ? refused : left, now.untried);
    append(refused, now.refused);
    std::sort(refused.begin(), refused.end());
    if (!result.no_room.empty()) break;
  }
  // The kernel names no errno for these. EBUSY is what it means.
  if (!stop() && !result.target_gone) append(result.refused[EBUSY], refused);
}

// One call after the other, each of a size that ends soon. Pages that it does not come to when told to stop
// are in no list: they are dropped.
BatchMover::Unsettled BatchMover::in_calls(const BatchOrder& order, std::span<const Address> pages,
                                           bool whole_units, const StopSign& stop, Outcome& result) {
  Unsettled sum;
  for (std::size_t at = 0; at < pages.size();) {
    if (at > 0 && stop()) return sum;
    const std::size_t end = end_of_call(order.target, pages, at, whole_units);
    const std::uint64_t before = result.pages.moved;
    const Nanoseconds started = clock_.now();
    const auto some = pages.subspan(at, end - at);
    const Unsettled now = attempt(order, {some.begin(), some.end()}, whole_units, result);
    learn_call_time(order.target, end - at, result.pages.moved - before, clock_.now() - started);
    at = end;
    if (result.target_gone) return sum;
    append(sum.refused, now.refused);
    append(sum.untried, now.untried);
    sum.busy += now.busy;
    sum.error = now.error;
    if (now.error == 0) continue;
    // The others would hear the same: a whole call fails by its process or its node, not by its pages.
    const bool full = !result.no_room.empty();
    append(full ? result.no_room : result.refused[now.error], pages.subspan(at));
    if (full) append(result.no_room, std::exchange(sum.untried, {}));
    std::sort(result.no_room.begin(), result.no_room.end());
    return sum;
  }
  return sum;
}

// Huge pages stay whole.
std::size_t BatchMover::end_of_call(TargetId target, std::span<const Address> pages, std::size_t from,
                                    bool whole_units) const {
  Bytes bytes = CallSize(most_per_call_).next();
  {
    std::lock_guard lock(mutex_);
    if (const auto it = facts_.find(target); it != facts_.end()) bytes = it->second.size.next();
  }
  const std::uint64_t most = std::max<std::uint64_t>(1, bytes.value / page_size_.value);
  std::size_t end = std::min<std::size_t>(pages.size(), from + most);
  while (whole_units && end < pages.size() &&
         pages[end] / huge_page_.value == pages[end - 1] / huge_page_.value)
    ++end;
  return end;
}

// Quick calls that moved little say nothing of what moving takes.
void BatchMover::learn_call_time(TargetId target, std::size_t pages, std::uint64_t moved, Nanoseconds took) {
  std::lock_guard lock(mutex_);
  const auto [it, added] = facts_.try_emplace(target, TargetFacts{false, CallSize(most_per_call_)});
  const Bytes bytes{pages * page_size_.value};
  CallSize slower = it->second.size;
  slower.add(bytes, took);
  if (moved * 2 >= pages || slower.next() < it->second.size.next()) it->second.size = slower;
}

bool BatchMover::expects_huge(TargetId target) const {
  std::lock_guard lock(mutex_);
  const auto it = facts_.find(target);
  return it != facts_.end() && it->second.huge;
}

void BatchMover::forget(TargetId target) {
  std::lock_guard lock(mutex_);
  facts_.erase(target);
}

// Counts the pages that need no move and collects the others. False: the target is gone.
bool BatchMover::sort_by_place(const BatchOrder& order, std::vector<Address>& elsewhere,
                               Outcome& result) const {
  const PageCall where = locator_.locate(order.pid, order.pages);
  if (where.value < 0) {
    if (where.error_number == ESRCH) return false;
    result.pages.failed[where.error_number] += order.pages.size();
    return true;
  }
  elsewhere.reserve(order.pages.size());
  for (std::size_t i = 0; i < order.pages.size(); ++i) {
    const int status = i < where.status.size() ? where.status[i] : kStatusUnknown;
    if (status == order.to.value) {
      ++result.pages.already_there;
    } else if (status == kStatusMarked) {
      ++result.pages.marked;
    } else if (not_resident(status)) {
      ++result.pages.absent;
      result.absent.push_back(order.pages[i]);
    } else if (status >= 0) {
      elsewhere.push_back(order.pages[i]);
    } else {
      ++result.pages.failed[status == kStatusUnknown ? EIO : -status];
    }
  }
  return true;
}

PageCall BatchMover::timed_move(const BatchOrder& order, std::span<const Address> pages, Outcome& result) {
  const Nanoseconds before = clock_.now();
  PageCall call = mover_.move(order.pid, pages, order.to, order.sharing);
  BatchCalls& calls = result.calls;
  const Nanoseconds took = clock_.now() - before;
  calls.spent += took;
  calls.worst = std::max(calls.worst, took);
  ++calls.attempts;
  if (call.value < 0) ++calls.failed[call.error_number];
  if (call.value > 0) ++calls.incomplete;
  return call;
}

// Moves what it can and counts every page whose fate is settled; returns the others.
BatchMover::Unsettled BatchMover::attempt(const BatchOrder& order, std::vector<Address> pages,
                                          bool whole_units, Outcome& result) {
  Attempt tried;
  tried.passed = whole_units ? heads_of_units(pages) : pages;
  tried.pages = std::move(pages);
  tried.call = timed_move(order, tried.passed, result);
  if (tried.clean(order.to)) {
    result.pages.moved += tried.pages.size();
    return {};
  }
  if (tried.call.value < 0 && tried.call.error_number == ESRCH) {
    result.target_gone = true;
    return {};
  }
  Unsettled left = judge(order, tried, result);
  left.busy =
      static_cast<std::size_t>(std::count(tried.call.status.begin(), tried.call.status.end(), -EBUSY));
  left.error = tried.call.value < 0 ? tried.call.error_number : 0;
  return left;
}

BatchMover::Unsettled BatchMover::judge(const BatchOrder& order, const Attempt& tried, Outcome& result) {
  const PageCall after = locator_.locate(order.pid, tried.pages);
  if (after.value < 0 || after.status.size() != tried.pages.size()) {
    // It moved or not, nobody can tell any more: the target has gone (counted dropped) or locked us out.
    result.target_gone = after.error_number == ESRCH;
    if (!result.target_gone) result.pages.failed[after.error_number] += tried.pages.size();
    return {};
  }
  Unsettled again;
  const Address untried_from = tried.first_untried().value_or(~Address{0});
  std::optional<Address> busy_unit;  // maybe a huge page, named by several addresses: refused as a whole
  std::uint64_t moved = 0;
  std::size_t cursor = 0;
  std::map<int, std::vector<Address>> refused;
  for (std::size_t i = 0; i < tried.pages.size(); ++i) {
    const int said = tried.status_of(i, cursor);
    if (after.status[i] == order.to.value) {
      ++moved;
    } else if (after.status[i] == kStatusMarked) {
      ++result.pages.marked;
    } else if (not_resident(after.status[i])) {
      ++result.pages.absent;
      result.absent.push_back(tried.pages[i]);
    } else if (said < 0 && said != kStatusUnknown && (said != -EBUSY || tried.call.value == 0)) {
      // In a call that did not do all, EBUSY may only mean "part of a huge page named before".
      refused[-said].push_back(tried.pages[i]);
    } else if (tried.call.value < 0) {
      refused[tried.call.error_number].push_back(tried.pages[i]);
    } else if (tried.pages[i] < untried_from || busy_unit == tried.pages[i] / huge_page_.value) {
      if (said == -EBUSY) busy_unit = tried.pages[i] / huge_page_.value;
      again.refused.push_back(tried.pages[i]);
    } else {
      again.untried.push_back(tried.pages[i]);
    }
  }
  result.pages.moved += moved;
  for (auto& [error_number, pages] : refused) {
    if (error_number == ENOMEM) {
      result.no_room = std::move(pages);
    } else if (tried.by_heads() && tried.call.value >= 0) {
      // Only the heads were named; by name each page gets its own answer.
      append(again.untried, pages);
    } else {
      append(result.refused[error_number], pages);
    }
  }
  std::sort(again.untried.begin(), again.untried.end());
  return again;
}

// The first address of each whole, aligned huge unit among the pages; pages outside such units stay.
std::vector<Address> BatchMover::heads_of_units(std::span<const Address> pages) const {
  const std::uint64_t per_unit = huge_page_.value / page_size_.value;
  std::vector<Address> heads;
  for (std::size_t i = 0; i < pages.size();) {
    heads.push_back(pages[i]);
    const bool whole = per_unit > 0 && pages[i] % huge_page_.value == 0 && i + per_unit <= pages.size() &&
                       pages[i + per_unit - 1] == pages[i] + huge_page_.value - page_size_.value;
    i += whole ? per_unit : 1;
  }
  return heads;
}

// A whole unit in which exactly one page was refused as busy and moved nevertheless is one huge page: its
// second address found the page already on its way. A unit whose head went alone is none.
void BatchMover::learn_page_size(TargetId target, std::span<const Address> pages, bool whole_units,
                                 const Unsettled& left, std::uint64_t moved) {
  if (left.error != 0) return;  // it ended before it had looked at all
  const bool all_moved = moved == pages.size();
  const bool whole_unit =
      pages.size() * page_size_.value == huge_page_.value && heads_of_units(pages).size() == 1;
  std::lock_guard lock(mutex_);
  const auto it = facts_.find(target);
  if (it == facts_.end()) return;
  if (whole_units) {
    it->second.huge = all_moved;
  } else if (all_moved && whole_unit && left.busy == 1) {
    it->second.huge = true;
  }
}

}  // namespace tier
