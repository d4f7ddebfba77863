#include "tools/tierctl/recording.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <bit>
#include <cmath>
#include <set>

namespace tier {
namespace {

using sim::RegionChange;

// A daemon's answer with more is broken, and would have us count for hours.
constexpr std::uint64_t kMostHeld = 1ULL << 28;

PageKind pages_of(const std::string& name) {
  for (const PageKind kind : {PageKind::kSmall, PageKind::kHuge})
    if (name == to_string(kind)) return kind;
  return PageKind::kUnknown;
}

tl::unexpected<Error> senseless(const std::string& what) {
  return fail(ErrorKind::kFailed, "the daemon's answer cannot be recorded: " + what,
              "use the tierctl of the same version as the daemon");
}

bool amount(double value) { return std::isfinite(value) && value >= 0; }

Result<void> check_target(const SnapshotTargetView& target, std::uint64_t region_size) {
  for (const SnapshotRegionView& region : target.regions)
    if (region.start % region_size != 0 || !amount(region.demand) || !amount(region.waited_seconds) ||
        !amount(region.write_share) || region.write_share > 1)
      return senseless(fmt::format("region {:#x} of process {}", region.start, target.pid));
  if (!target.held) return {};
  std::uint64_t held = 0;
  for (const HeldView& run : *target.held) {
    held += std::min(run.count, kMostHeld + 1);
    if (run.start % region_size != 0 || held > kMostHeld ||
        run.count > (UINT64_MAX - run.start) / region_size)
      return senseless(fmt::format("what process {} holds at {:#x}", target.pid, run.start));
  }
  return {};
}

// The daemon does not count threads: a process counts as one that never sleeps, less what it waited. Several
// threads may wait longer than the tick together; then nothing is left.
double compute_of(const SnapshotTargetView& view, Nanoseconds interval, bool stall) {
  double waited = 0;
  for (const SnapshotRegionView& region : view.regions) waited += region.waited_seconds;
  return stall ? std::max(0.0, seconds(interval) - waited) : seconds(interval);
}

}  // namespace

Result<void> Recording::check(const SnapshotView& snapshot) const {
  if (!std::has_single_bit(snapshot.region_size_bytes) || snapshot.interval_ns < 0)
    return senseless("region size or interval");
  if (writer_ != nullptr && snapshot.region_size_bytes != info_.region_size.value)
    return senseless("the region size changed");
  for (const SnapshotTargetView& target : snapshot.targets)
    TIER_TRY(check_target(target, snapshot.region_size_bytes));
  return {};
}

Result<void> Recording::open(const SnapshotView& first) {
  info_.name = "recorded by tierd";
  info_.region_size = Bytes{first.region_size_bytes};
  info_.interval = start_.interval;
  has_stall_ = first.has_stall;
  sim::TraceHeader header;
  header.workload = info_;
  header.machine = start_.machine;
  header.provenance = start_.provenance;
  header.provenance["sources"] = fmt::format("{}", fmt::join(first.sources, " "));
  header.has_stall = has_stall_;
  writer_ = TIER_TRY(sim::create_trace(start_.file, header));
  return {};
}

Recording::KnownTarget& Recording::known(const SnapshotTargetView& target, std::uint64_t tick) {
  const auto [it, added] = targets_.try_emplace(target.id);
  it->second.seen = tick;
  if (!added) return it->second;
  it->second.index = static_cast<std::uint32_t>(info_.targets.size());
  info_.targets.push_back({.name = fmt::format("{} ({})", target.name, target.pid), .threads = 1});
  // Sampled stall is what was waited for, one access after the other: nothing overlaps or is prefetched.
  info_.streams.push_back(
      {.name = "sampled", .target = it->second.index, .parallelism = 1, .prefetchable = 0});
  grown_ = true;
  return it->second;
}

// Joins what lies one behind the other, in the trace's numbers and in memory.
void Recording::add_event(RegionChange change, const KnownTarget& target, std::uint32_t index, Address start,
                          PageKind pages, sim::Interval& interval) const {
  if (!interval.events.empty()) {
    sim::RegionEvent& last = interval.events.back();
    const bool continues = last.change == change && last.target == target.index && last.pages == pages &&
                           last.first + last.count == index &&
                           last.address + last.count * info_.region_size.value == start;
    if (continues) {
      ++last.count;
      return;
    }
  }
  interval.events.push_back({change, target.index, index, 1, start, pages});
}

// A process that ended: its numbers stay, its memory goes.
void Recording::release_gone(std::uint64_t tick, sim::Interval& interval) {
  for (auto it = targets_.begin(); it != targets_.end();) {
    const KnownTarget& target = it->second;
    if (target.seen == tick) {
      ++it;
      continue;
    }
    for (const auto& [start, region] : target.regions)
      if (region.allocated)
        add_event(RegionChange::kRelease, target, region.index, start, PageKind::kUnknown, interval);
    it = targets_.erase(it);
  }
}

void Recording::release_unheld(KnownTarget& target, const SnapshotTargetView& view, sim::Interval& interval) {
  std::set<Address> kept;
  for (const SnapshotRegionView& region : view.regions) kept.insert(region.start);
  auto run = view.held->begin();
  for (auto& [start, region] : target.regions) {
    while (run != view.held->end() && run->start + run->count * info_.region_size.value <= start) ++run;
    const bool held = run != view.held->end() && run->start <= start;
    if (!region.allocated || held || kept.contains(start)) continue;
    add_event(RegionChange::kRelease, target, region.index, start, PageKind::kUnknown, interval);
    region.allocated = false;
  }
}

void Recording::allocate(KnownTarget& target, Address start, PageKind pages, sim::Interval& interval) {
  const auto [it, added] = target.regions.try_emplace(start);
  if (added) {
    it->second.index = info_.regions++;
    grown_ = true;
  }
  if (it->second.allocated) return;
  it->second.allocated = true;
  add_event(RegionChange::kAllocate, target, it->second.index, start, pages, interval);
}

// By address, so that what lies together is one event; then what had demand and is in no list yet.
void Recording::allocate_new(KnownTarget& target, const SnapshotTargetView& view, sim::Interval& interval) {
  if (view.held)
    for (const HeldView& run : *view.held)
      for (std::uint64_t i = 0; i < run.count; ++i)
        allocate(target, run.start + i * info_.region_size.value, pages_of(run.pages), interval);
  for (const SnapshotRegionView& region : view.regions)
    allocate(target, region.start, pages_of(region.pages), interval);
}

std::vector<sim::RegionDemand> Recording::demand_of(const KnownTarget& target, const SnapshotTargetView& view,
                                                    bool stall) const {
  std::vector<sim::RegionDemand> demand;
  for (const SnapshotRegionView& region : view.regions) {
    const double stores = region.demand * region.write_share;
    demand.push_back({.region = target.regions.at(region.start).index,
                      .loads = static_cast<float>(region.demand - stores),
                      .stores = static_cast<float>(stores),
                      .stall = stall ? static_cast<float>(region.waited_seconds) : 0});
  }
  std::sort(demand.begin(), demand.end(), [](const auto& a, const auto& b) { return a.region < b.region; });
  return demand;
}

void Recording::count(const SnapshotView& snapshot, Nanoseconds interval) {
  if (last_tick_ != 0 && snapshot.tick > last_tick_ + 1) totals_.lost_ticks += snapshot.tick - last_tick_ - 1;
  last_tick_ = snapshot.tick;
  ++totals_.ticks;
  totals_.length += interval;
  totals_.targets = info_.targets.size();
  totals_.regions = info_.regions;
  totals_.omitted_regions += snapshot.omitted;
}

Result<void> Recording::add(const SnapshotView& snapshot) {
  totals_.hidden = std::max(totals_.hidden, snapshot.hidden);
  if (writer_ == nullptr && snapshot.targets.empty()) return {};
  TIER_TRY(check(snapshot));
  if (writer_ == nullptr) TIER_TRY(open(snapshot));
  sim::Interval interval;
  // A trace has no empty interval; only a daemon that was just started has one.
  interval.duration = std::max(Nanoseconds(snapshot.interval_ns), Nanoseconds(1));
  auto demand = std::make_shared<sim::Demand>();
  for (const SnapshotTargetView& view : snapshot.targets) known(view, snapshot.tick);
  release_gone(snapshot.tick, interval);
  const bool stall = has_stall_ && snapshot.has_stall;
  demand->streams.resize(info_.streams.size());
  interval.compute.resize(info_.targets.size());
  for (const SnapshotTargetView& view : snapshot.targets) {
    KnownTarget& target = targets_.at(view.id);
    if (view.held) release_unheld(target, view, interval);
    allocate_new(target, view, interval);
    demand->streams[target.index] = demand_of(target, view, stall);
    interval.compute[target.index] = compute_of(view, interval.duration, stall);
  }
  interval.demand = std::move(demand);
  TIER_TRY(write(interval));
  count(snapshot, interval.duration);
  return {};
}

Result<void> Recording::write(const sim::Interval& interval) {
  if (grown_)
    if (auto told = writer_->update(info_); !told)
      return fail(ErrorKind::kFailed, "the recording is full: " + told.error().message,
                  "record for less long");
  grown_ = false;
  auto added = writer_->append(interval);
  if (!added && added.error().kind == ErrorKind::kUsage) return senseless(added.error().message);
  return added;
}

Result<void> Recording::finish() {
  if (totals_.ticks == 0)
    return fail(ErrorKind::kFailed, "nothing was recorded: no tick with a watched process of yours ended",
                totals_.hidden > 0 ? "for processes of others run as root, or join the control group (tierd)"
                                   : "`tierctl top` lists who is watched; name processes under [targets]");
  return writer_->finish();
}

}  // namespace tier
