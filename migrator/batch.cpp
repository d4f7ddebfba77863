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

BatchResult BatchMover::move(const BatchOrder& order, const ProcessHandle& handle,
                             const std::atomic<bool>& stop) {
  BatchResult result;
  result.pages.requested = order.pages.size();
  const Nanoseconds started = clock_.now();
  std::vector<Address> left;
  result.target_gone = !handle.alive() || !sort_by_place(order, left, result);
  if (result.target_gone) left.clear();
  try_all(order, std::move(left), handle, stop, result);
  if (!handle.alive()) result.target_gone = true;
  if (result.target_gone) huge_targets_.erase(order.target);
  result.pages.requested -= result.no_room.size();
  // Whatever has no fate by now was not touched.
  PageCounts& pages = result.pages;
  const std::uint64_t known =
      pages.moved + pages.already_there + pages.absent + pages.marked + pages.failed_total();
  pages.dropped = pages.requested - known;
  result.duration = clock_.now() - started;
  return result;
}

void BatchMover::try_all(const BatchOrder& order, std::vector<Address> left, const ProcessHandle& handle,
                         const std::atomic<bool>& stop, BatchResult& result) {
  std::vector<Address> refused;
  bool last_chance = false;
  for (int tried = 0; !last_chance && !(left.empty() && refused.empty()); ++tried) {
    if (stop || !handle.alive()) {
      result.target_gone = !stop;
      break;
    }
    const bool whole_units = tried == 0 && huge_targets_.contains(order.target);
    // What was refused is asked for once more, by itself: beside the others it would end their call again.
    last_chance = left.empty() || (tried + 1 >= kMostAttempts && !refused.empty());
    Unsettled now = attempt(order, std::exchange(last_chance ? refused : left, {}), whole_units, result);
    if (result.target_gone) break;
    auto& others = last_chance ? refused : left;
    others.insert(others.end(), now.untried.begin(), now.untried.end());
    refused.insert(refused.end(), now.refused.begin(), now.refused.end());
    std::sort(refused.begin(), refused.end());
    if (!result.no_room.empty()) break;
  }
  // The kernel names no errno for these. EBUSY is what it means.
  if (!stop && !result.target_gone && !refused.empty()) result.pages.failed[EBUSY] += refused.size();
}

// Counts the pages that need no move and collects the others. False: the target is gone.
bool BatchMover::sort_by_place(const BatchOrder& order, std::vector<Address>& elsewhere,
                               BatchResult& result) const {
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

PageCall BatchMover::timed_move(const BatchOrder& order, std::span<const Address> pages,
                                BatchResult& result) {
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
                                          bool whole_units, BatchResult& result) {
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
  return judge(order, tried, result);
}

BatchMover::Unsettled BatchMover::judge(const BatchOrder& order, const Attempt& tried, BatchResult& result) {
  const PageCall after = locator_.locate(order.pid, tried.pages);
  if (after.value < 0 || after.status.size() != tried.pages.size()) {
    // It moved or not, nobody can tell any more: the target has gone (counted dropped) or locked us out.
    result.target_gone = after.error_number == ESRCH;
    if (!result.target_gone) result.pages.failed[after.error_number] += tried.pages.size();
    return {};
  }
  learn_page_size(order.target, tried, after.status, order.to);
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
      again.untried.insert(again.untried.end(), pages.begin(), pages.end());
    } else {
      result.pages.failed[error_number] += pages.size();
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
void BatchMover::learn_page_size(TargetId target, const Attempt& tried, std::span<const int> after,
                                 NodeId to) {
  if (tried.call.value < 0) return;  // it ended before it had looked at all
  const bool all_moved = std::all_of(after.begin(), after.end(), [&](int s) { return s == to.value; });
  if (tried.by_heads()) {
    if (!all_moved) huge_targets_.erase(target);
    return;
  }
  const bool whole_unit =
      tried.pages.size() * page_size_.value == huge_page_.value && heads_of_units(tried.pages).size() == 1;
  if (!all_moved || !whole_unit) return;
  if (std::count(tried.call.status.begin(), tried.call.status.end(), -EBUSY) == 1)
    huge_targets_.insert(target);
}

}  // namespace tier
