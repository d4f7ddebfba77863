#include "sim/machine/machine.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "core/printable.h"
#include "sim/machine/machine_state.h"

namespace tier::sim {
namespace {

Nanoseconds up_to_nanoseconds(double seconds) {
  return Nanoseconds{std::max<std::int64_t>(1, static_cast<std::int64_t>(std::ceil(seconds * 1e9)))};
}

}  // namespace

std::size_t Machine::State::search_job(Region region) const {
  const auto after = std::upper_bound(jobs.begin(), jobs.end(), region,
                                      [](Region r, const auto& job) { return r < job->offset(); });
  return static_cast<std::size_t>(after - jobs.begin()) - 1;
}

Machine::Machine(MachineDescription description, std::vector<std::unique_ptr<Workload>> workloads,
                 Placer& placer, std::uint64_t seed)
    : state_(std::make_unique<State>(std::move(description), placer, seed)) {
  State& s = *state_;
  for (auto& workload : workloads) {
    const WorkloadInfo& info = workload->info();
    s.region_size = s.jobs.empty() ? info.region_size : std::max(s.region_size, info.region_size);
    s.first_target.push_back(s.targets.size());
    for (const auto& target : info.targets)
      s.targets.push_back({target.name, target.threads, s.jobs.size(), 0});
    s.jobs.push_back(std::make_unique<Job>(std::move(workload), s.description, s.regions));
    s.regions += s.jobs.back()->info().regions;
  }
  s.kind.resize(s.regions);
  s.owner.resize(s.regions);
  const std::size_t tiers = s.description.tiers.size();
  s.used.resize(tiers);
  for (const auto& tier : s.description.tiers)
    s.capacity.push_back(s.region_size.value == 0 ? 0 : tier.capacity.value / s.region_size.value);
  s.totals.tiers.resize(tiers);
  s.interval_seconds.resize(s.jobs.size());
}

Machine::~Machine() = default;

void Machine::attach(Observer& observer) { state_->observers.push_back(&observer); }

Result<void> Machine::start() {
  State& s = *state_;
  TIER_TRY(check(s.description));
  for (const auto& job : s.jobs) {
    if (job->info().region_size != s.region_size)
      return fail(ErrorKind::kUsage, "workloads with different region sizes cannot share a machine",
                  "generate or record them with the same region size");
    begin_interval(*job);
  }
  if (s.error) return tl::make_unexpected(*s.error);
  return {};
}

// Reads the job's next interval and carries out what is allocated and released at its start.
void Machine::begin_interval(Job& job) {
  State& s = *state_;
  s.load_stale = true;
  if (const auto read = job.read_next(); !read) {
    s.error = read.error();
    job.close();
  }
  if (job.done()) {
    release(job, 0, job.info().regions);
    return;
  }
  for (const RegionEvent& event : job.interval().events) {
    if (event.change == RegionChange::kAllocate) {
      allocate(job, event);
    } else {
      release(job, event.first, event.count);
    }
  }
  job.resume(!job.interval().events.empty());
}

void Machine::allocate(Job& job, const RegionEvent& event) {
  State& s = *state_;
  const std::size_t index = s.job_index_of(job.offset());
  const Region first = job.offset() + event.first, end = first + event.count;
  // What is held already stays where it is, and is no news to anybody.
  Region fresh = first;  // begin of the run of new ones
  const auto tell = [&](Region until) {
    if (until > fresh)
      for (Observer* observer : s.observers) observer->on_allocate(*this, fresh, until - fresh);
    fresh = until + 1;
  };
  for (Region region = first; region < end; ++region) {
    std::int8_t& place = job.placement()[region - job.offset()];
    if (place != kNowhere) {
      tell(region);
      continue;
    }
    s.kind[region] = static_cast<std::uint8_t>(event.pages);
    s.owner[region] = static_cast<std::uint16_t>(s.first_target[index] + event.target);
    const int tier = tier_with_room(s.placer.place(*this, region));
    if (tier == kNowhere) {
      s.error = Error{ErrorKind::kUsage,
                      fmt::format("the machine \"{}\" is full at {:.3f} s", escaped_short(s.description.name),
                                  seconds(s.now)),
                      "give its slowest tier more capacity"};
      job.close();
      return;
    }
    place = static_cast<std::int8_t>(tier);
    ++s.used[static_cast<std::size_t>(tier)];
  }
  tell(end);
}

int Machine::tier_with_room(int wanted) const {
  const State& s = *state_;
  for (int tier = wanted; tier < tiers(); ++tier)
    if (s.has_room(tier)) return tier;
  for (int tier = wanted - 1; tier >= 0; --tier)
    if (s.has_room(tier)) return tier;
  return kNowhere;
}

void Machine::release(Job& job, std::uint32_t first, std::uint32_t count) {
  State& s = *state_;
  for (std::uint32_t local = first; local < first + count; ++local) {
    std::int8_t& place = job.placement()[local];
    if (place == kNowhere) continue;
    --s.used[static_cast<std::size_t>(place)];
    place = static_cast<std::int8_t>(kNowhere);
  }
  for (Observer* observer : s.observers) observer->on_release(*this, job.offset() + first, count);
}

void Machine::solve() {
  State& s = *state_;
  if (!s.load_stale) return;
  s.load_stale = false;
  PerTier moving = s.queue_traffic;
  for (std::size_t t = 0; t < moving.size(); ++t) moving[t] += s.now_traffic[t];
  solve_load(s.description, s.jobs, moving, s.load);
  for (std::size_t j = 0; j < s.jobs.size(); ++j)
    s.interval_seconds[j] = s.jobs[j]->done() ? 0 : s.jobs[j]->interval_seconds(s.load.latency);
}

void Machine::advance(Nanoseconds by) {
  State& s = *state_;
  const Nanoseconds until = s.now + by;
  while (s.now < until && !done()) {
    begin_queued_move();
    solve();
    Nanoseconds length = until - s.now;
    for (std::size_t j = 0; j < s.jobs.size(); ++j)
      if (!s.jobs[j]->done())
        length = std::min(length, up_to_nanoseconds(s.jobs[j]->seconds_left(s.interval_seconds[j])));
    if (!s.queue.empty()) length = std::min(length, up_to_nanoseconds(s.queue.front().left));
    run_segment(length);
    finish_queued_move(length);
    for (const auto& job : s.jobs)
      while (!job->done() && job->at_end()) begin_interval(*job);
  }
  solve();
}

void Machine::run_segment(Nanoseconds length) {
  State& s = *state_;
  const Segment segment{s.now, length};
  for (Observer* observer : s.observers) observer->on_segment(*this, segment);
  s.now += length;
  for (std::size_t j = 0; j < s.jobs.size(); ++j) {
    Job& job = *s.jobs[j];
    if (job.done()) continue;
    const double share = job.run(seconds(length), s.interval_seconds[j]);
    s.totals.compute += share * job.compute();
    for (std::size_t t = 0; t < s.totals.tiers.size(); ++t) {
      const double waited = share * job.stall(t, s.load.latency[t]);
      s.totals.stall += waited;
      s.totals.tiers[t].stall += waited;
      s.totals.tiers[t].misses += share * job.misses()[t];
      s.totals.tiers[t].traffic += share * job.traffic()[t];
    }
  }
}

void Machine::begin_queued_move() {
  State& s = *state_;
  while (!s.queue.empty() && s.queue.front().left < 0) {
    QueuedMove& move = s.queue.front();
    if (!may_move(move.region, move.to)) {
      ++s.totals.refused;
      s.queue.pop();
      continue;
    }
    solve();
    const double bytes = static_cast<double>(s.region_size.value);
    move.left = s.queue.seconds_for(seconds(move_duration(move.region)), bytes);
    set_move_traffic(s.queue_traffic, move.region, move.to, bytes / move.left);
  }
}

void Machine::finish_queued_move(Nanoseconds passed) {
  State& s = *state_;
  if (s.queue.empty()) return;
  QueuedMove& move = s.queue.front();
  move.left -= seconds(passed);
  if (move.left > 1e-10) return;
  const QueuedMove finished = move;
  const std::size_t together =
      std::min<std::size_t>(static_cast<std::size_t>(s.queue.threads), s.queue.size());
  s.queue.pop();
  s.queue_traffic = {};
  s.load_stale = true;
  // While it was copied its owner may have gone, or the room been taken.
  if (!may_move(finished.region, finished.to)) {
    ++s.totals.refused;
    return;
  }
  relocate(finished.region, finished.to, together);
}

bool Machine::may_move(Region region, int to) const {
  const State& s = *state_;
  const int from = s.tier_of(region);
  return from != kNowhere && from != to && to >= 0 && to < tiers() && s.has_room(to);
}

void Machine::set_move_traffic(PerTier& traffic, Region region, int to, double bytes_per_second) {
  State& s = *state_;
  traffic = {};
  traffic[static_cast<std::size_t>(s.tier_of(region))] = bytes_per_second;
  traffic[static_cast<std::size_t>(to)] = bytes_per_second;
  s.load_stale = true;
}

bool Machine::move_now(Region region, int to) {
  State& s = *state_;
  if (!may_move(region, to)) {
    ++s.totals.refused;
    return false;
  }
  solve();
  const Nanoseconds duration = move_duration(region);
  set_move_traffic(s.now_traffic, region, to, static_cast<double>(s.region_size.value) / seconds(duration));
  advance(duration);
  s.now_traffic = {};
  s.load_stale = true;
  if (!may_move(region, to)) {
    ++s.totals.refused;
    return false;
  }
  relocate(region, to, 1);
  return true;
}

void Machine::relocate(Region region, int to, std::size_t together) {
  State& s = *state_;
  const int from = s.tier_of(region);
  charge_move(region, together);
  Job& job = s.job_of(region);
  job.moved(region - job.offset(), from, to);
  --s.used[static_cast<std::size_t>(from)];
  ++s.used[static_cast<std::size_t>(to)];
  (to < from ? s.totals.promoted : s.totals.demoted) += s.region_size;
  s.totals.tiers[static_cast<std::size_t>(to)].moved_in += s.region_size;
  ++s.totals.moves;
  s.load_stale = true;
  for (Observer* observer : s.observers) observer->on_move(*this, region, from, to);
}

// What the programs lose by one move: those that touch a page while it is copied wait for it (the fixed part
// of a call, draining and allocating, is over before a page is away), all running threads are interrupted
// (TLB shootdown), and where no CPU is idle the mover takes one from them. `together`: so many regions are on
// their way at the same time, and a thread waits for one of them at a time.
void Machine::charge_move(Region region, std::size_t together) {
  State& s = *state_;
  const MachineTarget& target = s.targets[s.owner[region]];
  const double pages = move_pages_of(region);
  const double work = seconds(move_duration(region));
  const double each = std::max(0.0, work - seconds(s.description.migration.fixed)) / pages;
  const double touches = s.readable_moves ? store_rate(region) : miss_rate(region);
  const double rate = touches / pages / target.threads;  // of one thread, to one page
  // Mean wait of a Poisson arrival that comes while the page is away.
  const double wait = rate <= 0 ? 0 : each - (1 - std::exp(-rate * each)) / rate;
  interfere(s.owner[region], wait * pages * target.threads / static_cast<double>(together));
  interfere_with_all(seconds(s.description.migration.interruption) * busy_threads());
  const double crowded = std::clamp(busy_threads() + s.queue.threads - s.description.cpus, 0.0, 1.0);
  interfere_with_all(crowded * work);
}

void Machine::interfere(std::uint32_t target, double thread_seconds) {
  State& s = *state_;
  const MachineTarget& of = s.targets[target];
  if (s.jobs[of.job]->done()) return;
  s.jobs[of.job]->delay(thread_seconds / of.threads);
  s.totals.interference += thread_seconds;
}

void Machine::interfere_with_all(double thread_seconds) {
  State& s = *state_;
  const double threads = busy_threads();
  if (threads <= 0) return;
  s.totals.interference += thread_seconds;
  for (const auto& job : s.jobs)
    if (!job->done()) job->delay(thread_seconds / threads);
}

}  // namespace tier::sim
