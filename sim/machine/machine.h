// A machine with tiers on which workloads run: how long their work takes under the placement of the moment.
//
// Time advances by demand served. An interval of a workload takes, per target,
//   (compute + Σ misses · (1 - hidden) · loaded latency of the serving tier / parallelism) / threads
// seconds; its slowest target ends it. Loaded latency follows from the traffic that results, by the tier's
// load curve: a closed loop, so that bandwidth bounds itself. Several workloads run side by side, each at its
// own pace. Deterministic: the same description, workloads and seed give the same bytes.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <optional>
#include <random>
#include <span>
#include <vector>

#include "sim/machine/description.h"
#include "sim/workload.h"

namespace tier::sim {

using Region = std::uint32_t;  // global: a workload's local index plus its offset
inline constexpr int kNowhere = -1;
inline constexpr std::size_t kMostTiers = 8;
using PerTier = std::array<double, kMostTiers>;

using Random = std::mt19937_64;
// Uniform in [0, 1). The library's own distribution works in long double, three times as long.
inline double uniform(Random& random) { return static_cast<double>(random() >> 11) * 0x1p-53; }

// One drawn access, see Machine::draw_*.
struct DrawnAccess {
  Region region = 0;
  std::uint32_t target = 0;  // global
  std::uint32_t stream = 0;  // of its workload
  int tier = 0;              // that served it
  bool store = false;
};

// What a sampler of misses counts. Loads: all that memory serves, as a counter at the memory sees them.
// Demand loads: those that retire as misses, as PEBS sees them, which leaves out what prefetchers fetched in
// time. Stores: those that miss.
enum class MissEvent : std::uint8_t { kLoads, kDemandLoads, kStores };

// A stretch of time in which placement, demand and latencies stand still.
struct Segment {
  Nanoseconds start{}, length{};
};

class Job;
class Machine;

// Watches the machine run, segment by segment; samplers are observers.
class Observer {
 public:
  virtual ~Observer() = default;
  // Before the segment runs. May interfere() with programs, but not move anything nor advance the machine.
  virtual void on_segment(Machine& machine, const Segment& segment) = 0;
  virtual void on_allocate(Machine&, Region /*first*/, std::uint32_t /*count*/) {}
  virtual void on_release(Machine&, Region /*first*/, std::uint32_t /*count*/) {}
  virtual void on_move(Machine&, Region /*region*/, int /*from*/, int /*to*/) {}  // has just moved
};

// Chooses the tier of each region at its first touch. What does not fit goes to the next slower tier with
// room, then to the next faster one.
class Placer {
 public:
  virtual ~Placer() = default;
  virtual int place(const Machine& machine, Region region) = 0;
};

struct TierTotals {
  double misses = 0;   // served, hidden ones included
  double stall = 0;    // thread-seconds waited for them
  double traffic = 0;  // bytes, prefetched and written back ones included; migration apart
  Bytes moved_in;      // by migration
};

struct MachineTotals {
  double compute = 0;                    // thread-seconds
  double stall = 0;                      // thread-seconds waited for memory
  double interference = 0;               // thread-seconds that sampling and migration took from the programs
  Bytes promoted, demoted;               // moved to a faster, a slower tier
  std::uint64_t moves = 0, refused = 0;  // refused: no room, not allocated, or there already
  std::vector<TierTotals> tiers;
};

struct MachineTarget {
  std::string name;
  double threads = 1;
  std::size_t job = 0;
  double progress = 0;  // intervals done
};

// Not thread-safe; many machines may run on as many threads.
class Machine {
 public:
  // The placer must outlive the machine. Nothing is allocated until start().
  Machine(MachineDescription description, std::vector<std::unique_ptr<Workload>> workloads, Placer& placer,
          std::uint64_t seed = 1);
  ~Machine();
  Machine(const Machine&) = delete;
  Machine& operator=(const Machine&) = delete;

  void attach(Observer& observer);  // must outlive the machine
  // Reads each workload's first interval. Errors of workloads end the run: done() turns true, see error().
  Result<void> start();

  // Runs for `by`, or until all work is done. Queued moves are carried out on the way.
  void advance(Nanoseconds by);
  bool done() const;
  const std::optional<Error>& error() const;
  Nanoseconds now() const;

  const MachineDescription& description() const;
  int tiers() const;
  Bytes capacity(int tier) const;
  Bytes free(int tier) const;
  Nanoseconds loaded_latency(int tier) const;  // of one dependent load, now
  double traffic(int tier) const;              // bytes per second now, migration and background included
  std::span<const MachineTarget> targets() const;
  double busy_threads() const;  // that run now, all targets

  Bytes region_size() const;
  Region regions() const;            // of all workloads; indexes run from 0 to below this
  int tier_of(Region region) const;  // kNowhere: not allocated
  std::uint32_t target_of(Region region) const;
  Address address_of(Region region) const;  // unique among all targets
  std::optional<Region> region_at(Address address) const;
  PageKind pages_of(Region region) const;

  // Misses per second that the region gets now, prefetched ones included / not; both as if nothing waited
  // longer than it does now.
  double miss_rate(Region region) const;
  // Thread-seconds per second that programs wait for the region now.
  double stall_rate(Region region) const;
  // The same for a whole tier.
  double miss_rate_of_tier(int tier) const;
  double store_rate_of_tier(int tier) const;        // of the misses
  double demand_load_rate_of_tier(int tier) const;  // see MissEvent
  double stall_rate_of_tier(int tier) const;
  // Serialised accesses per second: stall over loaded latency. Tier-neutral.
  double demand_rate(Region region) const {
    return stall_rate(region) / seconds(loaded_latency(tier_of(region)));
  }

  // One access at random among those being made now: by misses, or by thread-seconds of stall. None while
  // there are none.
  std::optional<DrawnAccess> draw_miss(Random& random) const;
  std::optional<DrawnAccess> draw_stall(Random& random) const;
  // Appends `count` of the events that `tiers` (a bit mask) serve. Some must be, or there must be none by any
  // tier, and nothing is appended.
  void draw_misses(Random& random, std::uint64_t count, MissEvent event, std::uint32_t tiers,
                   std::vector<DrawnAccess>& drawn) const;

  // Moves a region and lets the time that takes pass; programs run on meanwhile. False, and nothing passes,
  // when it is not allocated, there already, or the tier has no room.
  bool move_now(Region region, int to);
  // Puts a move in the queue of `description().migration`'s threads; carried out in order while time passes.
  void queue_move(Region region, int to);
  std::size_t queued() const;
  void set_copy_threads(int threads);           // that work on the queue; at first 1
  void set_copy_rate(double bytes_per_second);  // bound of the queue's bytes; 0, as at first: none
  // Pages stay readable on their way (write protection, as HeMem's): only stores wait. At first: all wait.
  void set_readable_moves(bool readable);
  Nanoseconds move_duration(Region region) const;  // by one thread, now

  // Time taken from a target's threads, thread-seconds: interrupts, faults, helper threads on its CPUs.
  void interfere(std::uint32_t target, double thread_seconds);
  void interfere_with_all(double thread_seconds);  // spread over all targets by their threads

  const MachineTotals& totals() const;
  // The demand of the interval that a target's workload is in: for oracles and pictures.
  const Interval& interval_of(std::size_t job) const;
  std::size_t jobs() const;
  Region offset_of(std::size_t job) const;  // global index of the workload's region 0
  const WorkloadInfo& info_of(std::size_t job) const;
  std::uint64_t intervals_done(std::size_t job) const;

 private:
  struct State;

  void begin_interval(Job& job);
  void allocate(Job& job, const RegionEvent& event);
  void release(Job& job, std::uint32_t first, std::uint32_t count);
  int tier_with_room(int wanted) const;  // nearest to it; kNowhere when all are full
  void solve();                          // loaded latencies, if anything has changed
  void run_segment(Nanoseconds length);
  void begin_queued_move();
  void finish_queued_move(Nanoseconds passed);
  bool may_move(Region region, int to) const;
  void set_move_traffic(PerTier& traffic, Region region, int to, double bytes_per_second);
  void relocate(Region region, int to, std::size_t together);
  void charge_move(Region region, std::size_t together);
  double store_rate(Region region) const;
  double move_pages_of(Region region) const;
  DrawnAccess draw_stall_in_stream(Random& random, std::size_t job, std::size_t stream) const;

  std::unique_ptr<State> state_;
};

}  // namespace tier::sim
