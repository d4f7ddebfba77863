// What a last-level miss costs the vCPU that has it, in picoseconds. Pure: no QEMU and no clock of its own.
// All arithmetic is on integers, so two runs that ask the same questions get the same answers.
//
// Loads
//  - A miss that a prefetcher has seen coming (stream_table.h) is paid by bandwidth: lines of streams reach a
//    core one loaded latency / `prefetches` apart at best, and never faster than the tier reads them. What
//    the program did since the last line of a stream is time that the prefetcher had.
//  - Any other miss is sent as early as an out-of-order core can: when the instruction `window` before it has
//    retired, when the load that its address comes from (load_chains.h) has arrived, and when one of the
//    `fill_buffers` is free; the latest of the three. It arrives one loaded latency later, and the load
//    waits for what is then left. So a pointer chase pays in full; independent misses overlap, as many as
//    there are within a window or fill buffers, and of those that overlap the one that arrives last is waited
//    for, as with the head of a reorder buffer.
//  - These times are counted in waits alone: what a core computes while it waits is not credited, and an
//    isolated miss pays in full. The guest's instructions take a nanosecond each, far longer than a core
//    needs to fetch its window, so crediting them would hide whole latencies that no core hides.
// Stores
//  - A missing store asks for its line (read for ownership), and the line is written back some time later:
//    both are traffic. It waits in the store buffer, which drains one store per loaded latency /
//    `fill_buffers` (streams: / `prefetches`, but no faster than the traffic). The core waits only when the
//    buffer is full.
// Tiers
//  - Loaded latency = unloaded latency + mean wait in an M/D/1 queue (Pollaczek-Khinchine: s u / (2 (1 - u)),
//    L. Kleinrock, Queueing Systems I, 1975, 5.6) + what the tier is behind. u is the share of the last
//    8.4 us in which the tier moved lines (64 B / bandwidth each), capped at 15/16; s is the time that a bank
//    is busy with one access. DDR5 and HBM have row cycles of 40 to 50 ns (JEDEC JESD79-5, JESD235): 40 ns
//    puts the knee where it is measured, at 75 to 83 % of the bandwidth (Tang et al., EuroSys'24, 3.2).
//    Beyond that the tier falls behind, which bounds its bandwidth.
//  - Everything counts as load: programs, the kernel, its copies of pages, all vCPUs. vCPUs' clocks may be
//  some
//    microseconds apart, so each one's use of a tier is measured by its own, and added up; what a tier is
//    behind is counted for each vCPU alone.
//
// Defaults of a core are Golden Cove's: 16 L1 fill buffers, 48 L2 fill buffers, which streams use, a reorder
// buffer of 512 and a store buffer of 112 entries (Intel 64 and IA-32 Architectures Optimization Reference
// Manual, chapter 2; ten fill buffers before Skylake, 12 in it).
//
// Not modelled: misses of instruction fetches and of page walks, the write-back of lines that were loaded
// first and stored to later, mispredicted branches, and the latency of hits in the modelled cache.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

namespace tier::lab {

struct CoreSpec {
  std::uint32_t fill_buffers = 16;   // missing loads in flight; missing stores that drain at once
  std::uint32_t prefetches = 48;     // lines of streams in flight
  std::uint32_t window = 512;        // instructions between the oldest miss in flight and the youngest
  std::uint32_t store_buffer = 112;  // missing stores that wait without stopping the core
};

struct TierSpec {
  std::uint64_t read_line_ps = 0;   // 64 B / read bandwidth
  std::uint64_t write_line_ps = 0;  // 64 B / write bandwidth
  std::uint64_t bank_ps = 40'000;   // s in the queue's formula
};

// Unloaded latencies of a node as one vCPU sees it.
struct Latency {
  std::uint64_t read_ps = 0;
  std::uint64_t write_ps = 0;
};

// When something happens: the guest's clock and the instructions executed until then.
struct Moment {
  std::uint64_t ps = 0;
  std::uint64_t instructions = 0;
};

// How busy one tier is.
class TierLoad {
 public:
  TierLoad(TierSpec spec, std::size_t vcpus) : spec_(spec), by_vcpu_(vcpus) {}
  const TierSpec& spec() const { return spec_; }

  // Enters an access of `vcpu` that keeps the tier busy for `line_ps`; returns the wait that the traffic
  // before it causes, picoseconds. `now_ps`, the vCPU's clock, may stand still; steps back count as standing
  // still.
  std::uint64_t enter(std::size_t vcpu, std::uint64_t now_ps, std::uint64_t line_ps);

 private:
  struct Use {
    std::uint64_t last_ps = 0;
    std::uint64_t busy = 0;        // decayed busy time in 1/256 ps
    std::uint64_t free_at_ps = 0;  // when all lines entered so far have moved
  };
  TierSpec spec_;
  std::vector<Use> by_vcpu_;
};

// A missing load: how long it waits, and when its line arrives on the vCPU's own scale (time waited so far).
struct LoadCost {
  std::uint64_t wait_ps = 0;
  std::uint64_t arrival_ps = 0;
};

class MemoryModel {
 public:
  // `latencies[vcpu][node]`; each row has as many entries as `tiers`.
  MemoryModel(CoreSpec core, const std::vector<TierSpec>& tiers, std::vector<std::vector<Latency>> latencies);

  // A missing load of `vcpu` from `node`. `needs_ps`: arrival of the load that its address comes from, 0 when
  // that is no missing load; of no meaning when `streamed`.
  LoadCost load(std::size_t vcpu, std::size_t node, bool streamed, std::uint64_t needs_ps, Moment now);
  // Wait of a missing store, picoseconds; 0 while the store buffer has room.
  std::uint64_t store(std::size_t vcpu, std::size_t node, bool streamed, Moment now);

 private:
  struct Wait {
    std::uint64_t instruction = 0;
    std::uint64_t until_ps = 0;
  };
  struct Core {
    std::uint64_t waited_ps = 0;             // the vCPU's own scale
    std::vector<std::uint64_t> arrivals_ps;  // of what the fill buffers hold or held last
    std::vector<Wait> waits;                 // ring of those within the window
    std::size_t first = 0, count = 0;
    std::uint64_t before_window_ps = 0;  // end of the last wait before the window
    std::uint64_t stream_end_ps = 0;     // by the guest's clock: when the last line of a stream came
    // By the guest's clock: when each entry of the store buffer is free, a ring from the oldest store on.
    std::vector<std::uint64_t> store_ends_ps;
    std::size_t oldest_store = 0;
  };

  // Time waited until the instruction one window before `now` retired.
  std::uint64_t window_opened_ps(Core& core, std::uint64_t now) const;
  void add_wait(Core& core, std::uint64_t instruction, std::uint64_t wait_ps) const;
  std::uint64_t stream_wait_ps(Core& core, const TierSpec& tier, std::uint64_t latency_ps, Moment now) const;

  CoreSpec core_;
  std::vector<TierLoad> tiers_;
  std::vector<std::vector<Latency>> latencies_;
  std::vector<Core> cores_;
};

}  // namespace tier::lab
