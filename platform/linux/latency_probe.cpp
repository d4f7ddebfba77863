#include "platform/linux/latency_probe.h"

#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <vector>

#include "platform/linux/affinity.h"
#include "platform/linux/bandwidth_probe.h"
#include "platform/linux/clock_time.h"
#include "platform/linux/machine.h"
#include "platform/linux/probe_memory.h"

namespace tier {
namespace {

// Two cache lines apart: the adjacent-line prefetcher of x86 fetches pairs, and must not fetch the next step.
constexpr std::size_t kSlot = 128;
// Lines of one page that are visited: enough for sixteen pages to make a part.
constexpr std::size_t kLinesPerPage = 32;
constexpr std::size_t kMostLines = 16384;
// A walk is timed in parts of so many steps and their median reported, so that what interrupts some of them
// does not show. Some microseconds each: two readings of the clock are below 1 % of that, and where virtual
// CPUs take turns on one real one, most parts lie within a turn.
constexpr std::uint32_t kPartSteps = 64;
// Steps of one measurement of all nodes together, a tenth of a millisecond, so that four ticks a second cost
// next to nothing, on a machine of many nodes too; and the fewest of one node that a median of parts is worth
// anything of.
constexpr std::uint32_t kStepsOfAll = 1024, kFewestSteps = 512;

// xorshift64: any fixed shuffle serves, as long as no prefetcher knows it.
std::uint64_t next_random(std::uint64_t& state) {
  state ^= state << 13;
  state ^= state >> 7;
  state ^= state << 17;
  return state;
}

// 0, which the compiler cannot know: the next address depends on the value before without being changed by
// it.
volatile std::uint64_t nothing = 0;

}  // namespace

// A shuffled walk over lines of one node. The list of lines lies in the caches; each load's address depends
// on what the load before brought, so that they come one after the other.
class LinuxLatencyProbe::Chase {
 public:
  Chase(NodeId node, Bytes most) : memory_(node, most) {}

  Result<void> prepare();
  Nanoseconds walk(std::uint32_t steps);
  const std::vector<Address>& pages() const { return memory_.pages(); }

 private:
  void shuffle();
  Nanoseconds walk_part(std::size_t steps);

  ProbeMemory memory_;
  std::uint64_t version_ = 0;
  std::vector<Address> lines_;
  std::size_t position_ = 0;
};

Result<void> LinuxLatencyProbe::Chase::prepare() {
  auto ready = memory_.refresh();
  if (ready && version_ != memory_.version()) shuffle();
  return ready;
}

void LinuxLatencyProbe::Chase::shuffle() {
  version_ = memory_.version();
  lines_.clear();
  position_ = 0;
  for (const Address page : memory_.pages())
    for (std::size_t line = 0; line < kLinesPerPage; ++line) lines_.push_back(page + line * kSlot);
  std::uint64_t random = 0x9E3779B97F4A7C15;
  for (std::size_t i = lines_.size() - 1; i > 0; --i)
    std::swap(lines_[i], lines_[next_random(random) % (i + 1)]);
  if (lines_.size() > kMostLines) lines_.resize(kMostLines);
  for (const Address line : lines_) evict_line(reinterpret_cast<const void*>(line));
}

Nanoseconds LinuxLatencyProbe::Chase::walk_part(std::size_t steps) {
  const MonotonicClock clock;
  if (position_ + steps > lines_.size()) position_ = 0;
  const std::uint64_t zero = nothing;
  std::uint64_t carried = 0;
  evictions_done();
  const Nanoseconds before = clock.now();
  for (std::size_t i = 0; i < steps; ++i) {
    const auto* at = reinterpret_cast<const volatile std::uint64_t*>(lines_[position_ + i] + carried);
    carried = *at & zero;
  }
  // The clock is read after the last load has come.
  asm volatile("" ::"r"(carried) : "memory");
  const Nanoseconds after = clock.now() + Nanoseconds(static_cast<std::int64_t>(carried));
  // Out of the caches again, so that the next visit goes to memory however large the caches are.
  for (std::size_t i = 0; i < steps; ++i) evict_line(reinterpret_cast<const void*>(lines_[position_ + i]));
  position_ += steps;
  return after - before;
}

Nanoseconds LinuxLatencyProbe::Chase::walk(std::uint32_t steps) {
  const std::size_t part = std::min<std::size_t>(kPartSteps, lines_.size());
  std::vector<Nanoseconds> times(std::max<std::size_t>(1, steps / part));
  for (Nanoseconds& time : times) time = walk_part(part);
  const auto middle = times.begin() + static_cast<std::ptrdiff_t>(times.size() / 2);
  std::nth_element(times.begin(), middle, times.end());
  return *middle / static_cast<std::int64_t>(part);
}

LinuxLatencyProbe::LinuxLatencyProbe(LatencyProbeSettings settings) : settings_(settings) {}

LinuxLatencyProbe::~LinuxLatencyProbe() = default;

std::uint32_t LinuxLatencyProbe::steps() const {
  const auto nodes = static_cast<std::uint32_t>(std::max<std::size_t>(chases_.size(), 1));
  return std::min(settings_.steps, std::max(kFewestSteps, kStepsOfAll / nodes));
}

Result<Nanoseconds> LinuxLatencyProbe::measure(NodeId node) {
  const Nanoseconds before = clock_time(CLOCK_THREAD_CPUTIME_ID);
  auto latency = chase_on(node).map([&](Chase* chase) { return chase->walk(steps()); });
  cost_ += clock_time(CLOCK_THREAD_CPUTIME_ID) - before;
  return latency;
}

Result<Nanoseconds> LinuxLatencyProbe::measure_from(std::span<const int> cpus, NodeId node) {
  const PinnedThread pinned(cpus);
  if (!pinned.held())
    return fail(ErrorKind::kPermission, "this process may run on none of the node's CPUs",
                "let it use them (CPUAffinity, cpuset), or live with distances in their place");
  return measure(node);
}

Result<Bytes> LinuxLatencyProbe::bandwidth(std::span<const int> cpus, NodeId node) {
  const auto chase = TIER_TRY(chase_on(node));
  BandwidthReading reading;
  auto measured = read_bandwidth(chase->pages(), cpus, reading);
  cost_ += reading.cpu;
  return measured;
}

void LinuxLatencyProbe::rest() { chases_.clear(); }

// The node's walk; its memory is kept from the first call on and asked for again while it is not complete.
Result<LinuxLatencyProbe::Chase*> LinuxLatencyProbe::chase_on(NodeId node) {
  std::unique_ptr<Chase>& slot = chases_[node];
  if (!slot) slot = std::make_unique<Chase>(node, settings_.buffer);
  TIER_TRY(slot->prepare());
  return slot.get();
}

}  // namespace tier
