#include "migrator/migrator.h"

#include <fmt/format.h>

#include <algorithm>
#include <cerrno>
#include <limits>
#include <utility>

#include "core/object_id.h"
#include "core/quantity.h"
#include "migrator/move_errors.h"

namespace tier {
namespace {

MigratorSettings checked(MigratorSettings settings) {
  settings.batch = std::max(settings.batch, settings.huge_page);
  return settings;
}

}  // namespace

Migrator::Migrator(PageMover& mover, PageLocator& locator, const ProcessTable& processes, const Clock& clock,
                   MigratorSettings settings, std::shared_ptr<StepExecutor> executor, MigratorAids aids)
    : processes_(processes),
      clock_(clock),
      settings_(checked(settings)),
      page_size_(processes.base_page_size()),
      aids_(aids),
      batch_mover_(mover, aids.finder != nullptr ? static_cast<const PageLocator&>(*aids.finder) : locator,
                   clock, page_size_, settings_.huge_page),
      bucket_(settings_.rate, settings_.burst),
      refusals_(settings_.refusals),
      executor_(executor ? std::move(executor) : std::make_shared<ThreadExecutor>()) {
  executor_->start([this] { return step(); });
}

Migrator::~Migrator() { stop(); }

void Migrator::submit(MigrationPlan plan) {
  std::deque<Work> incoming;
  for (MigrationRequest& request : plan.requests) {
    const Address mask = page_size_.value - 1;
    // Whole pages, also at the very end of the address space.
    const Address most = std::numeric_limits<Address>::max() & ~mask;
    request.range.start &= ~mask;
    request.range.end = request.range.end > most ? most : (request.range.end + mask) & ~mask;
    Work work;
    work.request = request;
    work.sequence = plan.sequence;
    work.next = request.range.start;
    work.report.request_id = request.id;
    work.report.sequence = plan.sequence;
    work.report.key = request.key;
    work.report.from = request.from;
    work.report.to = request.to;
    incoming.push_back(std::move(work));
  }
  open_targets(incoming);

  std::lock_guard lock(mutex_);
  ++totals_.plans;
  if (stopped_) return cancel_all(std::move(incoming), MoveFate::kCancelled, "tierd is stopping");
  if (plan.sequence < newest_)
    return cancel_all(std::move(incoming), MoveFate::kStale, "a newer plan was submitted before");
  if (plan.sequence > newest_) {
    newest_ = plan.sequence;
    full_.clear();
    cancel_all(std::exchange(waiting_, {}), MoveFate::kStale, "a newer plan replaced this one");
  }
  for (Work& work : incoming) waiting_.push_back(std::move(work));
  executor_->wake();
}

// One handle per process of the plan: opened now, it notices everything that happens until the move.
void Migrator::open_targets(std::deque<Work>& incoming) const {
  struct Opened {
    std::shared_ptr<ProcessHandle> handle;
    std::string error;
  };
  std::map<std::pair<Pid, std::uint64_t>, Opened> opened;
  const auto open = [&](Pid pid, std::uint64_t start_time) -> const Opened& {
    const auto [it, added] = opened.try_emplace({pid, start_time});
    if (!added) return it->second;
    auto handle = processes_.open(pid, start_time);
    if (handle) {
      it->second.handle = std::move(*handle);
    } else {
      it->second.error = handle.error().text();
    }
    return it->second;
  };
  for (Work& work : incoming) {
    const MigrationRequest& request = work.request;
    const Opened& first = open(request.pid, request.start_time);
    work.open_error = first.error;
    if (first.handle) work.views.push_back({request.pid, request.range.start, first.handle});
    for (const ProcessView& view : request.also) {
      const Opened& other = open(view.pid, view.start_time);
      const Address start = view.start & ~(page_size_.value - 1);
      if (other.handle) work.views.push_back({view.pid, start, other.handle});
    }
  }
}

std::optional<Nanoseconds> Migrator::step() {
  {
    std::lock_guard lock(mutex_);
    if (stopping_ || waiting_.empty()) return std::nullopt;
  }
  const Nanoseconds now = clock_.now();
  // Marked pages are read before they move: a plan full of them goes no faster than that budget.
  const Nanoseconds pause =
      std::max(bucket_.wait(now), aids_.finder != nullptr ? aids_.finder->wait(now) : Nanoseconds{0});
  if (pause.count() > 0) return pause;
  std::optional<Work> work = take_next(now);
  if (!work) return Nanoseconds{0};
  run_batch(*work);
  return Nanoseconds{0};
}

// The first request that is worth a system call; those that are not are finished on the way.
std::optional<Migrator::Work> Migrator::take_next(Nanoseconds now) {
  std::lock_guard lock(mutex_);
  while (!waiting_.empty()) {
    Work work = std::move(waiting_.front());
    waiting_.pop_front();
    const MigrationRequest& request = work.request;
    const bool begun = work.report.pages.requested > 0 || !work.no_room.empty();
    if (work.views.empty()) {
      std::string why = std::move(work.open_error);
      finish(std::move(work), MoveFate::kTargetGone, std::move(why));
    } else if (request.range.empty() || request.to.value < 0) {
      finish(std::move(work), MoveFate::kFailed, "the request names no page or no node");
    } else if (!begun && !refusals_.may_try(request.key, now)) {
      const int count = refusals_.count(request.key);
      work.report.unmovable = count >= settings_.refusals.until_unmovable;
      std::string why = work.report.unmovable
                            ? "unmovable: left alone"
                            : "left alone after " + std::to_string(count) + " refusals in a row";
      finish(std::move(work), MoveFate::kFailed, std::move(why));
    } else if (full_for(request)) {
      if (!postpone_behind_demotions(work))
        finish(std::move(work), MoveFate::kFailed,
               "node " + std::to_string(request.to.value) + " is full (ENOMEM on an earlier promotion)");
    } else {
      running_ = true;
      return work;
    }
  }
  return std::nullopt;
}

void Migrator::run_batch(Work& work) {
  std::vector<Address> pages = std::exchange(work.no_room, {});
  if (pages.empty()) {
    const AddressRange range = work.request.range;
    // Batches end on huge-page boundaries, so that no huge page is asked for twice.
    const Address whole = (work.next + settings_.batch.value) & ~(settings_.huge_page.value - 1);
    const Address end = whole > work.next ? std::min(range.end, whole) : range.end;
    for (; work.next < end; work.next += page_size_.value) pages.push_back(work.next);
  }
  const PageSharing sharing = is_object(work.request.key.target) ? PageSharing::kShared : PageSharing::kOwn;
  const BatchOrder order{work.request.key.target, work.request.pid, work.request.to, pages, sharing};
  const BatchResult result =
      move_through(batch_mover_, order, work.request.range.start, work.views, stopping_);
  const Bytes moved{result.pages.moved * page_size_.value};
  bucket_.spend(moved);
  if (!result.no_room.empty()) work.shortage = judge_shortage(work.request, result.no_room);

  std::lock_guard lock(mutex_);
  running_ = false;
  if (aids_.finder != nullptr) totals_.marked = aids_.finder->totals();
  add(work.report.pages, result.pages);
  work.report.moved += moved;
  work.report.duration += result.duration;
  totals_.calls += result.calls;
  // A batch that failed for the most part tells what refusals take, not what moves take: learnt from, one
  // refusal (200 ms for 4 KiB, seen in the lab) would make every later move look hopeless, and no later move
  // would correct it.
  const std::uint64_t tried =
      result.pages.requested - result.pages.already_there - result.pages.absent - result.pages.marked;
  if (result.pages.moved * 2 >= tried)
    (work.request.promotion ? promotion_cost_ : demotion_cost_).add(moved, result.duration);
  if (moved.value > 0) full_.erase(work.request.from);
  work.no_room = result.no_room;
  settle(std::move(work), result.target_gone);
}

// Decides how a request goes on after a batch.
void Migrator::settle(Work work, bool target_gone) {
  const MigrationRequest& request = work.request;
  if (target_gone) {
    refusals_.forget(request.key.target);
    return finish(std::move(work), MoveFate::kTargetGone, "the process exited or executed another program");
  }
  if (stopping_) return waiting_.push_front(std::move(work));  // stop() reports it with all others
  if (work.sequence < newest_ && (work.next < request.range.end || !work.no_room.empty()))
    return finish(std::move(work), MoveFate::kStale, "a newer plan replaced this one");
  if (!work.no_room.empty()) {
    if (work.shortage.of_node) {
      const auto [it, added] = full_.try_emplace(request.to, work.shortage.piece);
      if (!added) it->second = std::min(it->second, work.shortage.piece);
    }
    if (!work.shortage.lasts && postpone_behind_demotions(work)) return;
    return fail_for_shortage(std::move(work));
  }
  if (work.next < request.range.end) return waiting_.push_front(std::move(work));
  finish_by_counts(std::move(work));
}

// Queues the request behind the last demotion that frees memory where it wants to go. False: there is none.
bool Migrator::postpone_behind_demotions(Work& work) {
  if (!work.request.promotion) return false;
  const auto last = std::find_if(waiting_.rbegin(), waiting_.rend(), [&](const Work& other) {
    return !other.request.promotion && other.request.from == work.request.to;
  });
  if (last == waiting_.rend()) return false;
  waiting_.insert(last.base(), std::move(work));
  return true;
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
  const auto nodes = aids_.topology->nodes();
  if (!nodes) return std::nullopt;
  for (const NumaNode& each : *nodes)
    if (each.id == node) return each.free;
  return std::nullopt;
}

void Migrator::fail_for_shortage(Work work) {
  PageCounts& pages = work.report.pages;
  pages.failed[ENOMEM] += work.no_room.size();
  pages.requested += work.no_room.size();
  work.no_room.clear();
  if (work.shortage.of_node) return finish_by_counts(std::move(work));
  // The pages' own fault: this region waits, its neighbours are asked for all the same.
  work.report.unmovable = refusals_.refused(work.request.key, clock_.now(), work.shortage.lasts);
  const MoveFate fate = pages.moved > 0 ? MoveFate::kPartly : MoveFate::kFailed;
  std::string detail = work.shortage.detail;
  finish(std::move(work), fate, std::move(detail));
}

void Migrator::finish_by_counts(Work work) {
  PageCounts& pages = work.report.pages;
  const std::uint64_t untouched = pages_in(work.request.range) - pages.requested;
  pages.requested += untouched;
  pages.dropped += untouched;
  std::string detail = failures_text(pages);
  const RegionKey key = work.request.key;
  if (region_refused(pages)) {
    // Shared pages that are refused (no CAP_SYS_NICE) move once the others have gone.
    const bool lasting = refusal_lasts(pages) && !is_object(key.target);
    work.report.unmovable = refusals_.refused(key, clock_.now(), lasting);
  } else if (pages.moved > 0) {
    refusals_.accepted(key);
  }
  MoveFate fate = MoveFate::kMoved;
  if (pages.failed_total() + pages.dropped + pages.marked > 0) {
    fate = pages.moved > 0 ? MoveFate::kPartly : MoveFate::kFailed;
  } else if (pages.moved + pages.already_there == 0) {
    fate = MoveFate::kFailed;
    detail = "nothing is resident there any more";
  } else if (pages.moved == 0) {
    detail = "all its pages were there already";
  }
  finish(std::move(work), fate, std::move(detail));
}

// Reports a request; pages it never came to are dropped.
void Migrator::finish(Work work, MoveFate fate, std::string detail) {
  MigrationReport& report = work.report;
  const std::uint64_t untouched = pages_in(work.request.range) - report.pages.requested;
  report.pages.requested += untouched;
  report.pages.dropped += untouched;
  report.fate = fate;
  report.detail = std::move(detail);
  add(totals_.pages, report.pages);
  (work.request.promotion ? totals_.promoted : totals_.demoted) += report.moved;
  ++totals_.requests[fate];
  reports_.push_back(std::move(report));
}

void Migrator::cancel_all(std::deque<Work> waiting, MoveFate fate, const std::string& detail) {
  for (Work& work : waiting) finish(std::move(work), fate, detail);
}

std::uint64_t Migrator::pages_in(AddressRange range) const { return range.size().value / page_size_.value; }

std::vector<MigrationReport> Migrator::take_reports() {
  std::lock_guard lock(mutex_);
  return std::exchange(reports_, {});
}

bool Migrator::idle() const {
  std::lock_guard lock(mutex_);
  return waiting_.empty() && !running_;
}

MigratorTotals Migrator::totals() const {
  std::lock_guard lock(mutex_);
  return totals_;
}

MoveCosts Migrator::estimate() const {
  std::lock_guard lock(mutex_);
  return {promotion_cost_.estimate(), demotion_cost_.estimate()};
}

void Migrator::forget(TargetId target) {
  std::lock_guard lock(mutex_);
  refusals_.forget(target);
}

void Migrator::stop() {
  stopping_ = true;
  executor_->stop();
  std::lock_guard lock(mutex_);
  stopped_ = true;
  cancel_all(std::exchange(waiting_, {}), MoveFate::kCancelled, "tierd is stopping");
}

}  // namespace tier
