// One move_pages(2) call, step by step as the kernel does it (mm/migrate.c, do_pages_move).
#include <set>

#include "platform/fake/fake_state.h"

namespace tier {

// Pages queue up until one cannot, then the queue migrates; the first queue that does not migrate fully ends
// the call, and what it left unsaid stays unsaid.
class FakeMachine::State::MoveCall {
 public:
  MoveCall(State& state, Pid pid, Process& process, std::span<const Address> pages, int to,
           PageSharing sharing)
      : state_(state),
        pid_(pid),
        process_(process),
        pages_(pages),
        to_(to),
        all_(sharing == PageSharing::kShared && !state.move_all_forbidden) {
    call_.status.assign(pages.size(), kStatusUnknown);
  }

  PageCall run() {
    for (std::size_t i = 0; i < pages_.size(); ++i) {
      const int status = enqueue(i);
      if (status == kQueued) continue;
      call_.status[i] = status;
      if (flush()) continue;
      if (call_.value > 0) call_.value += static_cast<long>(pages_.size() - i - 1);
      return call_;
    }
    flush();
    return call_;
  }
  std::uint64_t moved() const { return moved_; }

 private:
  static constexpr int kQueued = kStatusUnknown;

  // The status of a page that does not queue up, else kQueued.
  int enqueue(std::size_t i) {
    const int status = state_.status_of(process_, pages_[i]);
    if (status < 0 || status == to_) return status;
    Trouble* trouble = state_.trouble_at(pid_, pages_[i], false);
    if (trouble != nullptr && fake::consume(trouble->times)) return -trouble->error_number;
    const auto [area, index] = state_.find(process_, pages_[i]);
    if (!all_ && state_.mapped_by_others(*area, index)) return -EACCES;
    if (!isolated_.insert({area, state_.unit(*area, index).first}).second) return -EBUSY;
    queue_.push_back(i);
    return kQueued;
  }

  bool flush() {
    long refused = 0;
    bool full = false;
    for (const std::size_t i : queue_) {
      Trouble* trouble = state_.trouble_at(pid_, pages_[i], true);
      if (trouble != nullptr && fake::consume(trouble->times)) {
        ++refused;
      } else if (full || !migrate(pages_[i])) {
        full = true;
      }
    }
    if (full) {
      call_.value = -1;
      call_.error_number = ENOMEM;
    } else {
      call_.value = refused;
    }
    if (call_.value == 0)
      for (const std::size_t i : queue_) call_.status[i] = to_;
    queue_.clear();
    isolated_.clear();
    return call_.value == 0;
  }

  // The page and all that moves with it; false: no room.
  bool migrate(Address page) {
    const auto [area, index] = state_.find(process_, page);
    const auto [first, last] = state_.unit(*area, index);
    if (const Bytes size = area->mapping.pooled; size.value > 0) {
      std::uint64_t& free = state_.pools[{to_, size.value}];
      if (free == 0) return false;
      --free, ++state_.pools[{area->node[index], size.value}];
    } else if (state_.free_pages(to_) < static_cast<std::int64_t>(last - first)) {
      return false;
    }
    for (std::size_t i = first; i < last; ++i) {
      if (state_.node_at(*area, i) < 0) continue;
      state_.set_node_at(*area, i, to_);
      ++moved_;
    }
    return true;
  }

  State& state_;
  Pid pid_;
  Process& process_;
  std::span<const Address> pages_;
  int to_;
  bool all_;  // pages of others too
  PageCall call_;
  std::vector<std::size_t> queue_;  // indices into pages_
  std::set<std::pair<const Area*, std::size_t>> isolated_;
  std::uint64_t moved_ = 0;
};

PageCall FakeMachine::State::move_pages(Pid pid, Process& process, std::span<const Address> pages, int to,
                                        PageSharing sharing, std::uint64_t& moved) {
  MoveCall call(*this, pid, process, pages, to, sharing);
  PageCall result = call.run();
  moved += call.moved();
  return result;
}

}  // namespace tier
