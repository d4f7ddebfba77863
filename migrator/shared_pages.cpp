#include "migrator/shared_pages.h"

#include <algorithm>

namespace tier {
namespace {

constexpr std::size_t kMostAskedForPlace = 3;  // beyond the first

// Of every process: page by page, from where its range begins.
std::vector<Address> shifted(std::span<const Address> pages, Address from, Address to) {
  std::vector<Address> out;
  out.reserve(pages.size());
  for (const Address page : pages) out.push_back(page - from + to);
  return out;
}

}  // namespace

BatchResult move_through(BatchMover& mover, const BatchOrder& order, Address start,
                         std::span<const OpenView> views, const StopSign& stop) {
  BatchResult sum;
  std::vector<Address> left(order.pages.begin(), order.pages.end());
  bool answered = false;
  for (const OpenView& view : views) {
    if (left.empty() || (answered && stop())) break;
    const std::vector<Address> there = shifted(left, start, view.start);
    const BatchResult part =
        mover.move({order.target, view.pid, order.to, there, order.sharing}, *view.handle, stop);
    sum.calls += part.calls;
    sum.duration += part.duration;
    // Gone before anything was done: the next one is asked for the same pages.
    if (part.target_gone && part.pages.dropped == part.pages.requested) continue;
    if (answered) sum.pages.requested -= left.size(), sum.pages.absent -= left.size();
    answered = true;
    add(sum.pages, part.pages);
    const auto full = shifted(part.no_room, view.start, start);
    sum.no_room.insert(sum.no_room.end(), full.begin(), full.end());
    left = shifted(part.absent, view.start, start);
  }
  if (!answered) {
    sum.target_gone = true;
    sum.pages.requested = sum.pages.dropped = order.pages.size();
  }
  std::sort(sum.no_room.begin(), sum.no_room.end());
  sum.absent = std::move(left);
  return sum;
}

PageCall locate_through(const PageLocator& locator, Pid pid, std::span<const Address> pages, Address start,
                        std::span<const ProcessView> also) {
  PageCall answer = locator.locate(pid, pages);
  for (const ProcessView& view : also.first(std::min(also.size(), kMostAskedForPlace))) {
    answer.status.resize(pages.size(), kStatusUnknown);
    std::vector<std::size_t> open;
    std::vector<Address> there;
    for (std::size_t i = 0; i < pages.size(); ++i) {
      if (!not_resident(answer.status[i]) && answer.value >= 0) continue;
      open.push_back(i);
      there.push_back(pages[i] - start + view.start);
    }
    if (open.empty()) break;
    const PageCall more = locator.locate(view.pid, there);
    if (more.value < 0) continue;
    answer.value = 0, answer.error_number = 0;
    for (std::size_t i = 0; i < open.size() && i < more.status.size(); ++i)
      answer.status[open[i]] = more.status[i];
  }
  return answer;
}

}  // namespace tier
