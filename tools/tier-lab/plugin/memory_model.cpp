#include "tools/tier-lab/plugin/memory_model.h"

#include <algorithm>

namespace tier::lab {
namespace {

constexpr std::uint64_t kWindowPs = 1 << 23;    // 8.4 us, over which the use of a tier is measured
constexpr std::uint64_t kApartPs = 40'000'000;  // how far vCPUs' clocks may be apart (guest_clock.cpp)
constexpr std::uint64_t kFraction = 256;        // busy time is kept in 1/256 ps
constexpr std::uint64_t kBusiest = kWindowPs / 16 * 15;

std::uint64_t since(std::uint64_t start, std::uint64_t now) { return now > start ? now - start : 0; }

}  // namespace

std::uint64_t TierLoad::enter(std::size_t vcpu, std::uint64_t now_ps, std::uint64_t line_ps) {
  const auto left_after = [](std::uint64_t busy, std::uint64_t elapsed) {
    return busy - busy * std::min(elapsed, kWindowPs) / kWindowPs;
  };
  Use& own = by_vcpu_[vcpu];
  own.busy = left_after(own.busy, since(own.last_ps, now_ps));
  own.last_ps = std::max(own.last_ps, now_ps);
  std::uint64_t busy = 0;
  for (const Use& use : by_vcpu_)
    busy += &use == &own ? own.busy : left_after(use.busy, since(use.last_ps + kApartPs, now_ps));
  busy = std::min(busy / kFraction, kBusiest);
  const std::uint64_t queue = spec_.bank_ps * busy / (2 * (kWindowPs - busy));
  const std::uint64_t behind = since(now_ps, own.free_at_ps);
  own.free_at_ps = std::max(own.free_at_ps, now_ps) + line_ps;
  own.busy = std::min(own.busy + line_ps * kFraction, kWindowPs * kFraction);
  return queue + behind;
}

MemoryModel::MemoryModel(CoreSpec core, const std::vector<TierSpec>& tiers,
                         std::vector<std::vector<Latency>> latencies)
    : core_(core), latencies_(std::move(latencies)), cores_(latencies_.size()) {
  for (const TierSpec& tier : tiers) tiers_.emplace_back(tier, latencies_.size());
  for (Core& one : cores_) {
    one.arrivals_ps.assign(core_.fill_buffers, 0);
    one.waits.resize(core_.window + 1);
    one.store_ends_ps.assign(core_.store_buffer, 0);
  }
}

std::uint64_t MemoryModel::window_opened_ps(Core& core, std::uint64_t now) const {
  while (core.count > 0 && core.waits[core.first].instruction + core_.window <= now) {
    core.before_window_ps = core.waits[core.first].until_ps;
    core.first = (core.first + 1) % core.waits.size();
    --core.count;
  }
  return core.before_window_ps;
}

// The count of instructions stands still within a block, so waits of one instruction are joined.
void MemoryModel::add_wait(Core& core, std::uint64_t instruction, std::uint64_t wait_ps) const {
  core.waited_ps += wait_ps;
  const std::size_t size = core.waits.size();
  const std::size_t last = (core.first + core.count + size - 1) % size;
  if (core.count > 0 && core.waits[last].instruction >= instruction) {
    core.waits[last].until_ps = core.waited_ps;
    return;
  }
  window_opened_ps(core, instruction);
  core.waits[(core.first + core.count) % size] = {instruction, core.waited_ps};
  ++core.count;
}

std::uint64_t MemoryModel::stream_wait_ps(Core& core, const TierSpec& tier, std::uint64_t latency_ps,
                                          Moment now) const {
  const std::uint64_t apart = std::max(tier.read_line_ps, latency_ps / core_.prefetches);
  const std::uint64_t wait = since(now.ps, core.stream_end_ps + apart);
  core.stream_end_ps = now.ps + wait;
  return wait;
}

LoadCost MemoryModel::load(std::size_t vcpu, std::size_t node, bool streamed, std::uint64_t needs_ps,
                           Moment now) {
  Core& core = cores_[vcpu];
  TierLoad& tier = tiers_[node];
  const std::uint64_t latency =
      latencies_[vcpu][node].read_ps + tier.enter(vcpu, now.ps, tier.spec().read_line_ps);
  if (streamed) {
    const std::uint64_t wait = stream_wait_ps(core, tier.spec(), latency, now);
    if (wait > 0) add_wait(core, now.instructions, wait);
    return {wait, core.waited_ps};
  }
  const auto buffer = std::min_element(core.arrivals_ps.begin(), core.arrivals_ps.end());
  const std::uint64_t sent = std::max({window_opened_ps(core, now.instructions), needs_ps, *buffer});
  *buffer = sent + latency;
  const std::uint64_t wait = since(core.waited_ps, *buffer);
  const std::uint64_t arrival = *buffer;
  if (wait > 0) add_wait(core, now.instructions, wait);
  return {wait, arrival};
}

std::uint64_t MemoryModel::store(std::size_t vcpu, std::size_t node, bool streamed, Moment now) {
  Core& core = cores_[vcpu];
  TierLoad& tier = tiers_[node];
  const std::uint64_t traffic = tier.spec().read_line_ps + tier.spec().write_line_ps;
  const std::uint64_t latency = latencies_[vcpu][node].write_ps + tier.enter(vcpu, now.ps, traffic);
  const std::uint64_t drain =
      streamed ? std::max(traffic, latency / core_.prefetches) : latency / core_.fill_buffers;
  const std::size_t entries = core.store_ends_ps.size();
  const std::uint64_t youngest = core.store_ends_ps[(core.oldest_store + entries - 1) % entries];
  std::uint64_t& entry = core.store_ends_ps[core.oldest_store];
  const std::uint64_t wait = since(now.ps, entry);
  entry = std::max(youngest, now.ps) + drain;
  core.oldest_store = (core.oldest_store + 1) % entries;
  if (wait > 0) add_wait(core, now.instructions, wait);
  return wait;
}

}  // namespace tier::lab
