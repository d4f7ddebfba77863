// The migrator where nodes are full: who waits for whom, and why a page found no room.
#include <fmt/format.h>

#include <algorithm>
#include <cerrno>

#include "core/quantity.h"
#include "migrator/migrator.h"
#include "migrator/move_errors.h"

namespace tier {
namespace {

// Some page of both, in whole huge pages.
bool touch(const MigrationRequest& a, const MigrationRequest& b, Bytes huge_page) {
  const Address unit = huge_page.value;
  return a.key.target == b.key.target && a.range.start / unit <= (b.range.end - 1) / unit &&
         b.range.start / unit <= (a.range.end - 1) / unit;
}

}  // namespace

// For another thread that moves the same pages now, or for what makes the room that it lacked.
bool Migrator::must_wait(Works::const_iterator work) const {
  const bool same = std::any_of(running_.begin(), running_.end(), [&](const Work& other) {
    return touch(work->request, other.request, settings_.huge_page);
  });
  if (same) return true;
  const auto freed = freed_.find(work->request.to);
  return !work->no_room.empty() && freed != freed_.end() && freed->second == work->seen_freed &&
         frees_before(work->request.to, work);
}

// Something moves away from there now, or will before it is this one's turn. The first in turn waits for what
// moves now alone, so all come to their end.
bool Migrator::frees_before(NodeId node, Works::const_iterator work) const {
  const auto frees = [&](const Work& other) { return other.request.from == node; };
  return std::any_of(running_.begin(), running_.end(), frees) || std::any_of(waiting_.begin(), work, frees);
}

// Into waiting_, at its turn.
Migrator::Works::iterator Migrator::wait_again(Works& mine) {
  const auto work = mine.begin();
  const auto next = std::find_if(waiting_.begin(), waiting_.end(),
                                 [&](const Work& other) { return other.turn > work->turn; });
  waiting_.splice(next, mine, work);
  return work;
}

// A promotion whose node is known to be full. False: nothing makes room there.
bool Migrator::waits_for_room(Works::iterator work) {
  return frees_before(work->request.to, work) || postpone_behind_demotions(work);
}

// Moves the request behind the last demotion that frees memory where it wants to go. False: none comes after
// it.
bool Migrator::postpone_behind_demotions(Works::iterator work) {
  if (!work->request.promotion) return false;
  auto last = waiting_.end();
  for (auto it = std::next(work); it != waiting_.end(); ++it)
    if (!it->request.promotion && it->request.from == work->request.to) last = it;
  if (last == waiting_.end()) return false;
  work->turn = last->turn;
  waiting_.splice(std::next(last), waiting_, work);
  return true;
}

// Some pages of the one request found no room. True: it waits for what makes room. What comes before it
// counts first: in a chain of swaps between two full nodes each move needs the place of the one before.
bool Migrator::settle_shortage(Works& mine) {
  const Shortage shortage = mine.front().shortage;
  const NodeId to = mine.front().request.to;
  const bool made_since = freed_[to] != mine.front().seen_freed;
  if (!made_since && shortage.of_node) {
    const auto [it, added] = full_.try_emplace(to, shortage.piece);
    if (!added) it->second = std::min(it->second, shortage.piece);
  }
  if (shortage.lasts) return false;
  const auto work = wait_again(mine);
  if (made_since || waits_for_room(work)) return true;
  mine.splice(mine.begin(), waiting_, work);
  return false;
}

// Only promotions: demotions go to where there is room, and each asks for itself.
bool Migrator::full_for(const MigrationRequest& request) const {
  if (!request.promotion) return false;
  const auto it = full_.find(request.to);
  if (it == full_.end()) return false;
  const bool huge = batch_mover_.expects_huge(request.key.target);
  return (huge ? settings_.huge_page : page_size_) >= it->second;
}

// ENOMEM says that a page of this size found no place, not that the node is full: pages of a pool move only
// into the other node's pool, and a node's free memory may lie in pieces that are too small.
Migrator::Shortage Migrator::judge_shortage(const MigrationRequest& request,
                                            std::span<const Address> pages) const {
  Shortage shortage;
  const auto pooled = aids_.pools != nullptr ? aids_.pools->at(request.pid, pages.front(), request.to)
                                             : std::optional<PooledPages>();
  if (pooled) {
    shortage.lasts = pooled->free == 0;
    shortage.detail =
        fmt::format("a page of {} does not fit: node {} has {} free ones of that size (fix: {})",
                    show_size(pooled->size), request.to.value, pooled->free, pooled->remedy);
    return shortage;
  }
  shortage.piece = batch_mover_.expects_huge(request.key.target) ? settings_.huge_page : page_size_;
  const auto free = free_on(request.to);
  const Bytes wanted{pages.size() * page_size_.value};
  shortage.of_node = !free || *free < wanted;
  if (!shortage.of_node)
    shortage.detail = fmt::format(
        "node {} has {} MiB free and yet no place for these pages: its free pieces are too small, or "
        "tierd's own cpuset lacks the node",
        request.to.value, free->value >> 20);
  return shortage;
}

std::optional<Bytes> Migrator::free_on(NodeId node) const {
  if (aids_.topology == nullptr) return std::nullopt;
  std::lock_guard lock(topology_mutex_);
  const auto nodes = aids_.topology->nodes();
  if (!nodes) return std::nullopt;
  for (const NumaNode& each : *nodes)
    if (each.id == node) return each.free;
  return std::nullopt;
}

void Migrator::fail_for_shortage(Work& work) {
  PageCounts& pages = work.report.pages;
  pages.failed[ENOMEM] += work.no_room.size();
  pages.requested += work.no_room.size();
  work.no_room.clear();
  if (work.shortage.of_node) return finish_by_counts(work);
  // The pages' own fault: this region waits, its neighbours are asked for all the same.
  work.report.unmovable = refusals_.refused(work.request.key, clock_.now(), work.shortage.lasts);
  finish(work, pages.moved > 0 ? MoveFate::kPartly : MoveFate::kFailed, work.shortage.detail);
}

}  // namespace tier
