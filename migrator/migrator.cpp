#include "migrator/migrator.h"

#include <algorithm>
#include <limits>
#include <utility>

#include "core/object_id.h"
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
                   clock, page_size_, settings_.huge_page, settings_.batch),
      bucket_(settings_.rate, settings_.burst),
      refusals_(settings_.refusals),
      executor_(executor ? std::move(executor) : std::make_shared<ThreadExecutor>([] {}, settings_.threads)) {
  executor_->start([this] { return step(); });
}

Migrator::~Migrator() { stop(); }

void Migrator::submit(MigrationPlan plan) {
  const std::uint64_t sequence = plan.sequence;
  const bool nothing = plan.requests.empty();
  Works incoming = opened(std::move(plan));
  {
    std::lock_guard lock(mutex_);
    ++totals_.plans;
    if (stopped_) return cancel_all(std::move(incoming), MoveFate::kCancelled, "tierd is stopping");
    if (sequence < newest_)
      return cancel_all(std::move(incoming), MoveFate::kStale, "a newer plan was submitted before");
    if (sequence > newest_) {
      newest_ = sequence;
      full_.clear();
      if (nothing) called_off_ = sequence;
      withdraw_waiting(nothing);
    }
    for (Work& work : incoming) work.turn = next_turn_++;
    waiting_.splice(waiting_.end(), std::move(incoming));
  }
  executor_->wake();
}

std::vector<MoveUnderWay> Migrator::withdraw() {
  std::lock_guard lock(mutex_);
  withdraw_waiting(false);
  return listed(false);
}

std::vector<MoveUnderWay> Migrator::under_way() const {
  std::lock_guard lock(mutex_);
  return listed(true);
}

// What goes on between two batches has begun; what waits for room would wait for moves that do not come.
void Migrator::withdraw_waiting(bool begun_too) {
  Works old;
  for (auto it = waiting_.begin(); it != waiting_.end();) {
    const auto work = it++;
    if (begun_too || !work->begun() || !work->no_room.empty()) old.splice(old.end(), waiting_, work);
  }
  cancel_all(std::move(old), MoveFate::kStale, "a newer plan replaced this one");
}

std::vector<MoveUnderWay> Migrator::listed(bool waiting_too) const {
  std::vector<MoveUnderWay> moves;
  const auto add = [&](const Work& work) {
    const Bytes left = work.request.bytes - std::min(work.request.bytes, work.report.moved);
    moves.push_back({work.request.key, work.request.from, work.request.to, left});
  };
  for (const Work& work : running_) add(work);
  for (const Work& work : waiting_)
    if (waiting_too || work.begun()) add(work);
  for (const MigrationReport& report : reports_)
    if (report.moved.value > 0) moves.push_back({report.key, report.from, report.to, report.moved});
  std::sort(moves.begin(), moves.end(),
            [](const MoveUnderWay& a, const MoveUnderWay& b) { return a.key < b.key; });
  return moves;
}

Migrator::Works Migrator::opened(MigrationPlan plan) const {
  Works incoming;
  const Address mask = page_size_.value - 1;
  // Whole pages, also at the very end of the address space.
  const Address most = std::numeric_limits<Address>::max() & ~mask;
  for (MigrationRequest& request : plan.requests) {
    request.range.start &= ~mask;
    request.range.end = request.range.end > most ? most : (request.range.end + mask) & ~mask;
    Work& work = incoming.emplace_back();
    work.sequence = plan.sequence;
    work.next = request.range.start;
    work.report.request_id = request.id;
    work.report.sequence = plan.sequence;
    work.report.key = request.key;
    work.report.from = request.from;
    work.report.to = request.to;
    work.request = std::move(request);
  }
  open_targets(incoming);
  return incoming;
}

// One handle per process of the plan: opened now, it notices everything that happens until the move.
void Migrator::open_targets(Works& incoming) const {
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
  const Nanoseconds now = clock_.now();
  std::optional<Nanoseconds> pause;
  const std::optional<Batch> batch = take_next(now, pause);
  if (!batch) return pause;
  run_batch(*batch);
  return Nanoseconds{0};
}

// The first request that is worth a system call and need not wait for another; those that are not worth one
// are finished on the way. None: `pause` says when to ask again.
std::optional<Migrator::Batch> Migrator::take_next(Nanoseconds now, std::optional<Nanoseconds>& pause) {
  std::lock_guard lock(mutex_);
  if (stopping_ || waiting_.empty()) return std::nullopt;
  // Marked pages are read before they move: a plan full of them goes no faster than that budget.
  const Nanoseconds wait =
      std::max(bucket_.wait(now), aids_.finder != nullptr ? aids_.finder->wait(now) : Nanoseconds{0});
  if (wait.count() > 0) {
    pause = wait;
    return std::nullopt;
  }
  for (auto it = waiting_.begin(); it != waiting_.end();) {
    const auto work = it++;
    if (must_wait(work)) continue;
    if (finished_unasked(*work, now)) {
      waiting_.erase(work);
    } else if (full_for(work->request)) {
      if (waits_for_room(work)) continue;
      finish(*work, MoveFate::kFailed,
             "node " + std::to_string(work->request.to.value) + " is full (ENOMEM on an earlier promotion)");
      waiting_.erase(work);
    } else {
      return begin(work);
    }
  }
  return std::nullopt;
}

// Reports what cannot or need not be tried.
bool Migrator::finished_unasked(Work& work, Nanoseconds now) {
  const MigrationRequest& request = work.request;
  if (work.views.empty()) {
    finish(work, MoveFate::kTargetGone, std::move(work.open_error));
  } else if (request.range.empty() || request.to.value < 0) {
    finish(work, MoveFate::kFailed, "the request names no page or no node");
  } else if (!work.begun() && !refusals_.may_try(request.key, now)) {
    const int count = refusals_.count(request.key);
    work.report.unmovable = count >= settings_.refusals.until_unmovable;
    finish(work, MoveFate::kFailed,
           work.report.unmovable ? "unmovable: left alone"
                                 : "left alone after " + std::to_string(count) + " refusals in a row");
  } else {
    return false;
  }
  return true;
}

Migrator::Batch Migrator::begin(Works::iterator work) {
  Batch batch{work, std::exchange(work->no_room, {})};
  if (batch.pages.empty()) {
    const AddressRange range = work->request.range;
    // Batches end on huge-page boundaries, so that no huge page is asked for twice.
    const Address whole = (work->next + settings_.batch.value) & ~(settings_.huge_page.value - 1);
    const Address end = whole > work->next ? std::min(range.end, whole) : range.end;
    for (; work->next < end; work->next += page_size_.value) batch.pages.push_back(work->next);
  }
  work->seen_freed = freed_[work->request.to];
  bucket_.spend(Bytes{batch.pages.size() * page_size_.value});
  running_.splice(running_.end(), waiting_, work);
  return batch;
}

void Migrator::run_batch(const Batch& batch) {
  const Work& work = *batch.work;
  const MigrationRequest& request = work.request;
  const PageSharing sharing = is_object(request.key.target) ? PageSharing::kShared : PageSharing::kOwn;
  const BatchOrder order{request.key.target, request.pid, request.to, batch.pages, sharing};
  const BatchResult result = move_through(batch_mover_, order, request.range.start, work.views,
                                          [&] { return stopping_ || called_off(work); });
  Shortage shortage;
  if (!result.no_room.empty()) shortage = judge_shortage(request, result.no_room);
  bool more = false;
  {
    std::lock_guard lock(mutex_);
    note(batch, result, std::move(shortage));
    Works mine;
    mine.splice(mine.end(), running_, batch.work);
    settle(std::move(mine), result);
    more = !waiting_.empty();
  }
  if (more) executor_->wake();  // some requests may have waited for this one
}

// Adds a batch to the accounts.
void Migrator::note(const Batch& batch, const BatchResult& result, Shortage shortage) {
  Work& work = *batch.work;
  const Bytes moved{result.pages.moved * page_size_.value};
  bucket_.give_back(Bytes{(batch.pages.size() - result.pages.moved) * page_size_.value});
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
  if (moved.value > 0) {
    full_.erase(work.request.from);
    ++freed_[work.request.from];
  }
  work.no_room = result.no_room;
  work.shortage = std::move(shortage);
}

// Decides how the one request goes on after a batch.
void Migrator::settle(Works mine, const BatchResult& result) {
  Work& work = mine.front();
  if (result.target_gone) {
    refusals_.forget(work.request.key.target);
    return finish(work, MoveFate::kTargetGone, "the process exited or executed another program");
  }
  if (stopping_) return waiting_.splice(waiting_.begin(), mine);  // stop() reports it with all others
  if (called_off(work) && (!work.ended() || result.pages.dropped > 0))
    return finish(work, MoveFate::kStale, "a newer plan replaced this one");
  if (!work.no_room.empty()) {
    if (!settle_shortage(mine)) fail_for_shortage(work);
    return;
  }
  if (work.ended()) return finish_by_counts(work);
  wait_again(mine);
}

void Migrator::finish_by_counts(Work& work) {
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
  finish(work, fate, std::move(detail));
}

// Reports a request; pages it never came to are dropped.
void Migrator::finish(Work& work, MoveFate fate, std::string detail) {
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

void Migrator::cancel_all(Works waiting, MoveFate fate, const std::string& detail) {
  for (Work& work : waiting) finish(work, fate, detail);
}

std::uint64_t Migrator::pages_in(AddressRange range) const { return range.size().value / page_size_.value; }

std::vector<MigrationReport> Migrator::take_reports() {
  std::lock_guard lock(mutex_);
  return std::exchange(reports_, {});
}

bool Migrator::idle() const {
  std::lock_guard lock(mutex_);
  return waiting_.empty() && running_.empty();
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
  batch_mover_.forget(target);
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
