// What policies and samplers ask a machine.
#include <algorithm>
#include <cmath>

#include "sim/machine/machine_state.h"

namespace tier::sim {
namespace {

// Regions get addresses of their own, whatever workload they belong to: far from zero, without gaps.
constexpr Address kFirstAddress = 0x100000000000;

}  // namespace

bool Machine::done() const {
  const State& s = *state_;
  return s.error || std::all_of(s.jobs.begin(), s.jobs.end(), [](const auto& job) { return job->done(); });
}

const std::optional<Error>& Machine::error() const { return state_->error; }
Nanoseconds Machine::now() const { return state_->now; }
const MachineDescription& Machine::description() const { return state_->description; }
int Machine::tiers() const { return static_cast<int>(state_->description.tiers.size()); }

Bytes Machine::capacity(int tier) const {
  return {state_->capacity[static_cast<std::size_t>(tier)] * state_->region_size.value};
}

Bytes Machine::free(int tier) const {
  const auto t = static_cast<std::size_t>(tier);
  return {(state_->capacity[t] - state_->used[t]) * state_->region_size.value};
}

Nanoseconds Machine::loaded_latency(int tier) const {
  const double latency = state_->load.latency[static_cast<std::size_t>(tier)];
  if (latency <= 0) return state_->description.tiers[static_cast<std::size_t>(tier)].latency;
  return Nanoseconds{std::llround(latency * 1e9)};
}

double Machine::traffic(int tier) const { return state_->load.traffic[static_cast<std::size_t>(tier)]; }

std::span<const MachineTarget> Machine::targets() const {
  for (auto& target : state_->targets)
    target.progress = static_cast<double>(state_->jobs[target.job]->intervals());
  return state_->targets;
}

double Machine::busy_threads() const {
  double threads = 0;
  for (const auto& job : state_->jobs)
    if (!job->done()) threads += job->threads();
  return threads;
}

Bytes Machine::region_size() const { return state_->region_size; }
Region Machine::regions() const { return state_->regions; }
int Machine::tier_of(Region region) const { return state_->tier_of(region); }
std::uint32_t Machine::target_of(Region region) const { return state_->owner[region]; }
PageKind Machine::pages_of(Region region) const { return static_cast<PageKind>(state_->kind[region]); }

Address Machine::address_of(Region region) const {
  return kFirstAddress + static_cast<Address>(region) * state_->region_size.value;
}

std::optional<Region> Machine::region_at(Address address) const {
  if (address < kFirstAddress) return std::nullopt;
  const std::uint64_t region = (address - kFirstAddress) / state_->region_size.value;
  if (region >= state_->regions) return std::nullopt;
  return static_cast<Region>(region);
}

double Machine::miss_rate(Region region) const {
  const std::size_t j = state_->job_index_of(region);
  const Job& job = *state_->jobs[j];
  if (job.done() || state_->interval_seconds[j] <= 0) return 0;
  return job.misses_of(region - job.offset()) / state_->interval_seconds[j];
}

double Machine::stall_rate(Region region) const {
  const std::size_t j = state_->job_index_of(region);
  const Job& job = *state_->jobs[j];
  const int tier = state_->tier_of(region);
  if (job.done() || tier == kNowhere || state_->interval_seconds[j] <= 0) return 0;
  const auto t = static_cast<std::size_t>(tier);
  return job.stall_of(region - job.offset(), t, state_->load.latency[t]) / state_->interval_seconds[j];
}

double Machine::miss_rate_of_tier(int tier) const {
  return state_->rate_of_tier(tier, [](const Job& job) -> const PerTier& { return job.misses(); });
}

double Machine::store_rate_of_tier(int tier) const {
  return state_->rate_of_tier(tier, [](const Job& job) -> const PerTier& { return job.stores(); });
}

double Machine::demand_load_rate_of_tier(int tier) const {
  const auto t = static_cast<std::size_t>(tier);
  double sum = 0;
  for (std::size_t j = 0; j < state_->jobs.size(); ++j) {
    if (state_->jobs[j]->done() || state_->interval_seconds[j] <= 0) continue;
    sum += state_->jobs[j]->demand_loads(t, state_->load.latency[t]) / state_->interval_seconds[j];
  }
  return sum;
}

double Machine::stall_rate_of_tier(int tier) const {
  const auto t = static_cast<std::size_t>(tier);
  double sum = 0;
  for (std::size_t j = 0; j < state_->jobs.size(); ++j) {
    if (state_->jobs[j]->done() || state_->interval_seconds[j] <= 0) continue;
    sum += state_->jobs[j]->stall(t, state_->load.latency[t]) / state_->interval_seconds[j];
  }
  return sum;
}

void Machine::queue_move(Region region, int to) { state_->queue.push(region, to); }
std::size_t Machine::queued() const { return state_->queue.size(); }
void Machine::set_copy_threads(int threads) { state_->queue.threads = std::max(threads, 1); }
void Machine::set_copy_rate(double bytes_per_second) { state_->queue.bytes_per_second = bytes_per_second; }

void Machine::set_readable_moves(bool readable) { state_->readable_moves = readable; }

double Machine::store_rate(Region region) const {
  const std::size_t j = state_->job_index_of(region);
  const Job& job = *state_->jobs[j];
  if (job.done() || state_->interval_seconds[j] <= 0) return 0;
  return job.stores_of(region - job.offset()) / state_->interval_seconds[j];
}

double Machine::move_pages_of(Region region) const {
  const auto size = static_cast<double>(state_->region_size.value);
  const Bytes page =
      pages_of(region) == PageKind::kHuge ? state_->description.huge_page : state_->description.small_page;
  return std::max(1.0, size / static_cast<double>(page.value));
}

Nanoseconds Machine::move_duration(Region region) const {
  const MigrationDescription& migration = state_->description.migration;
  // Copying waits for memory like everything else: it slows down as the tiers fill up.
  double slowdown = 1;
  for (std::size_t t = 0; t < state_->description.tiers.size(); ++t) {
    if (state_->load.latency[t] <= 0) continue;
    slowdown = std::max(slowdown, state_->load.latency[t] / seconds(state_->description.tiers[t].latency));
  }
  const double copy = static_cast<double>(state_->region_size.value) / migration.copy_bandwidth * slowdown;
  const double pages = move_pages_of(region) * seconds(migration.per_page);
  return migration.fixed + Nanoseconds{static_cast<std::int64_t>((copy + pages) * 1e9)};
}

const MachineTotals& Machine::totals() const { return state_->totals; }
const Interval& Machine::interval_of(std::size_t job) const { return state_->jobs[job]->interval(); }
std::size_t Machine::jobs() const { return state_->jobs.size(); }
Region Machine::offset_of(std::size_t job) const { return state_->jobs[job]->offset(); }
const WorkloadInfo& Machine::info_of(std::size_t job) const { return state_->jobs[job]->info(); }
std::uint64_t Machine::intervals_done(std::size_t job) const { return state_->jobs[job]->intervals(); }

}  // namespace tier::sim
