// Accesses drawn at random from those that a machine serves at the moment.
#include <algorithm>

#include "sim/machine/machine_state.h"

namespace tier::sim {
namespace {

// Picks an index with probability in proportion to its weight; none when all are zero.
template <typename Weight>
std::optional<std::size_t> pick(Random& random, std::size_t count, Weight weight) {
  double total = 0;
  for (std::size_t i = 0; i < count; ++i) total += weight(i);
  if (total <= 0) return std::nullopt;
  double left = uniform(random) * total;
  for (std::size_t i = 0; i < count; ++i) {
    left -= weight(i);
    if (left < 0) return i;
  }
  return count - 1;
}

}  // namespace

std::optional<DrawnAccess> Machine::draw_stall(Random& random) const {
  const State& s = *state_;
  const auto& latency = s.load.latency;
  const auto tiers = static_cast<std::size_t>(this->tiers());
  const auto of_stream = [&](const Job& job, std::size_t stream) {
    const StreamSums& sums = job.index().sums(stream);
    double sum = 0;
    for (std::size_t t = 0; t < tiers; ++t) sum += sums.waits[t] * job.index().wait(stream, t, latency[t]);
    return sum;
  };
  const auto j = pick(random, s.jobs.size(), [&](std::size_t i) {
    if (s.jobs[i]->done() || s.interval_seconds[i] <= 0) return 0.0;
    double sum = 0;
    for (std::size_t k = 0; k < s.jobs[i]->index().streams(); ++k) sum += of_stream(*s.jobs[i], k);
    return sum / s.interval_seconds[i];
  });
  if (!j) return std::nullopt;
  const Job& job = *s.jobs[*j];
  const auto stream = *pick(random, job.index().streams(), [&](std::size_t k) { return of_stream(job, k); });
  return draw_stall_in_stream(random, *j, stream);
}

// Regions are drawn by waited-for misses; the wait for their tier decides whether the draw is kept.
DrawnAccess Machine::draw_stall_in_stream(Random& random, std::size_t job_index, std::size_t stream) const {
  const State& s = *state_;
  const Job& job = *s.jobs[job_index];
  const auto wait = [&](std::size_t tier) { return job.index().wait(stream, tier, s.load.latency[tier]); };
  double slowest = 0;
  for (std::size_t t = 0; t < s.description.tiers.size(); ++t) slowest = std::max(slowest, wait(t));
  while (true) {
    const RegionDemand& entry = job.index().at(stream, uniform(random));
    const std::int8_t& place = job.placement()[entry.region];
    const int tier = place;
    if (tier == kNowhere) continue;
    if (uniform(random) >= wait(static_cast<std::size_t>(tier)) / slowest) continue;
    const double waits = job.index().waits(entry);
    const bool store = uniform(random) < (waits - entry.loads) / waits;
    return s.drawn(job_index, job.index().access(stream, entry), store);
  }
}

// Demand loads are drawn among all loads, and kept by the share of their stream's that retire as misses.
void Machine::draw_misses(Random& random, std::uint64_t count, MissEvent event, std::uint32_t tiers,
                          std::vector<DrawnAccess>& drawn) const {
  const State& s = *state_;
  const bool stores = event == MissEvent::kStores;
  std::vector<double> up_to(s.jobs.size());  // events per second of the jobs up to and with this one
  double total = 0;
  for (std::size_t j = 0; j < s.jobs.size(); ++j) up_to[j] = total += s.rate_of_job(j, stores);
  if (total <= 0) return;
  while (count > 0) {
    std::size_t job = 0;
    if (s.jobs.size() > 1) {
      const double at = (1 - uniform(random)) * total;  // above 0: jobs without such misses are passed over
      job = static_cast<std::size_t>(std::lower_bound(up_to.begin(), up_to.end(), at) - up_to.begin());
    }
    const DrawnAccess access = s.drawn(job, s.jobs[job]->index().miss(stores, random()), stores);
    if (access.tier == kNowhere || (tiers >> access.tier & 1U) == 0) continue;
    if (event == MissEvent::kDemandLoads) {
      const auto tier = static_cast<std::size_t>(access.tier);
      const double kept = s.jobs[job]->index().demanded(access.stream, tier, s.load.latency[tier]);
      if (kept < 1 && uniform(random) >= kept) continue;
    }
    --count;
    drawn.push_back(access);
  }
}

std::optional<DrawnAccess> Machine::draw_miss(Random& random) const {
  double all = 0, stores = 0;
  for (int t = 0; t < tiers(); ++t) all += miss_rate_of_tier(t), stores += store_rate_of_tier(t);
  std::vector<DrawnAccess> drawn;
  const bool store = uniform(random) * all < stores;
  draw_misses(random, 1, store ? MissEvent::kStores : MissEvent::kLoads, ~0U, drawn);
  return drawn.empty() ? std::nullopt : std::optional(drawn.front());
}

}  // namespace tier::sim
