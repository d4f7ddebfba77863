// Advice as the kernel takes it: what was evicted is read into a cache, and mapped when it is used.
#include <algorithm>

#include "platform/fake/fake_state.h"

namespace tier {

Result<Bytes> FakeMachine::will_need(Pid pid, std::uint64_t start_time,
                                     std::span<const AddressRange> ranges) {
  std::lock_guard lock(state_->mutex);
  fake::Process* const process = state_->process(pid);
  const std::string name = "process " + std::to_string(pid.value);
  if (process == nullptr || process->facts.start_time != start_time)
    return fail(ErrorKind::kFailed, name + " does not exist");
  if (process->denied)
    return fail(ErrorKind::kPermission, "advice about " + name + ": not permitted", "run tierd as root");
  Bytes taken;
  for (const AddressRange& range : ranges) {
    for (Address at = range.start; at < range.end; at += state_->page_size.value) {
      const auto [area, index] = state_->find(*process, at);
      if (area == nullptr || area->node[index] == fake::kNotMapped) continue;
      if (area->node[index] == fake::kEvicted) area->node[index] = fake::kCached;
      taken += state_->page_size;
    }
  }
  if (taken.value == 0 && !ranges.empty())
    return fail(ErrorKind::kFailed, "advice about " + name + ": nothing is mapped there");
  return taken;
}

std::uint64_t FakeMachine::use(Pid pid, AddressRange range, int node) {
  std::lock_guard lock(state_->mutex);
  fake::Process* const process = state_->process(pid);
  if (process == nullptr) return 0;
  std::uint64_t waited = 0;
  for (Address at = range.start; at < range.end; at += state_->page_size.value) {
    const auto [area, index] = state_->find(*process, at);
    if (area == nullptr || area->node[index] == fake::kNotMapped) continue;
    area->marked[index] = 0;
    if (area->node[index] >= 0) continue;
    if (area->node[index] == fake::kEvicted) ++waited;
    state_->touch(*area, index, node);
  }
  return waited;
}

Bytes FakeMachine::cached(Pid pid, AddressRange range) const {
  std::lock_guard lock(state_->mutex);
  fake::Process* const process = state_->process(pid);
  if (process == nullptr) return {};
  Bytes sum;
  for (Address at = range.start; at < range.end; at += state_->page_size.value) {
    const auto [area, index] = state_->find(*process, at);
    if (area != nullptr && area->node[index] == fake::kCached) sum += state_->page_size;
  }
  return sum;
}

}  // namespace tier
