// Pages that NUMA balancing has marked, and pools of huge pages.
#include "platform/fake/fake_state.h"

namespace tier {

void FakeMachine::mark(Pid pid, AddressRange range) {
  std::lock_guard lock(state_->mutex);
  State::Process* process = state_->process(pid);
  if (process == nullptr) return;
  state_->marks = true;
  for (State::Area& area : process->areas)
    for (std::size_t i = 0; i < area.node.size(); ++i) {
      if (!range.contains(area.mapping.start + i * state_->page_size.value) || state_->node_at(area, i) < 0)
        continue;
      const auto [first, last] = state_->unit(area, i);  // a huge page has one entry
      std::fill(area.marked.begin() + static_cast<std::ptrdiff_t>(first),
                area.marked.begin() + static_cast<std::ptrdiff_t>(last), 1);
    }
}

void FakeMachine::forbid_reads(Pid pid, bool forbidden) {
  std::lock_guard lock(state_->mutex);
  if (State::Process* process = state_->process(pid)) process->unreadable = forbidden;
}

void FakeMachine::set_pool(NodeId node, Bytes page, std::uint64_t free) {
  std::lock_guard lock(state_->mutex);
  state_->pools[{node.value, page.value}] = free;
}

std::uint64_t FakeMachine::marked_reads() const {
  std::lock_guard lock(state_->mutex);
  return state_->marked_reads;
}

bool FakeMachine::possible() const {
  std::lock_guard lock(state_->mutex);
  return state_->marks;
}

Result<std::vector<bool>> FakeMachine::find(Pid pid, std::span<const Address> pages) const {
  std::lock_guard lock(state_->mutex);
  State::Process* process = state_->process(pid);
  if (process == nullptr) return fail(ErrorKind::kFailed, "no such process");
  if (process->denied) return fail(ErrorKind::kPermission, "pagemap may not be read", "run tierd as root");
  std::vector<bool> marked;
  for (const Address page : pages) {
    const auto [area, index] = state_->find(*process, page);
    marked.push_back(area != nullptr && state_->node_at(*area, index) >= 0 && area->marked[index] != 0);
  }
  return marked;
}

UnmarkCall FakeMachine::unmark(Pid pid, std::span<const Address> pages) {
  std::lock_guard lock(state_->mutex);
  state_->marked_reads += pages.size();
  State::Process* process = state_->process(pid);
  if (process == nullptr) return {0, ESRCH};
  if (process->denied || process->unreadable) return {0, EPERM};
  UnmarkCall call;
  for (const Address page : pages) {
    const auto [area, index] = state_->find(*process, page);
    if (area == nullptr || area->node[index] == State::kNotMapped) {
      call.error_number = EFAULT;
      continue;
    }
    ++call.read;
    if (state_->node_at(*area, index) < 0) state_->touch(*area, index, state_->nodes.begin()->first);
    const auto [first, last] = state_->unit(*area, index);
    for (std::size_t i = first; i < last; ++i) area->marked[i] = 0;
  }
  return call;
}

std::optional<PooledPages> FakeMachine::at(Pid pid, Address address, NodeId node) const {
  std::lock_guard lock(state_->mutex);
  State::Process* process = state_->process(pid);
  if (process == nullptr) return std::nullopt;
  const auto [area, index] = state_->find(*process, address);
  if (area == nullptr || area->mapping.pooled.value == 0) return std::nullopt;
  const auto pool = state_->pools.find({node.value, area->mapping.pooled.value});
  return PooledPages{area->mapping.pooled, pool == state_->pools.end() ? 0 : pool->second,
                     "enlarge its pool"};
}

}  // namespace tier
