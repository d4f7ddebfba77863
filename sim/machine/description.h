// What a simulated machine is made of. Presets with their sources: presets.cpp.
#pragma once

#include <span>
#include <string>
#include <vector>

#include "core/result.h"
#include "core/units.h"

namespace tier::sim {

inline constexpr double kLineBytes = 64;  // one cache line, the unit of every miss

// Loaded latency over unloaded latency at a share of the peak bandwidth. Between points linear.
struct LoadPoint {
  double utilisation = 0;  // 0..1
  double factor = 1;       // >= 1
};

struct TierDescription {
  std::string name;
  Bytes capacity;
  Nanoseconds latency{};              // unloaded, of one dependent load
  double bandwidth = 0;               // bytes per second, peak sustained, reads mostly
  std::vector<LoadPoint> load_curve;  // from utilisation 0 up, both ascending; empty: flat until full
  double background = 0;              // bytes per second that others use all the time
};

struct MigrationDescription {
  Nanoseconds fixed = std::chrono::microseconds(500);   // per system call that moves pages
  Nanoseconds per_page = std::chrono::microseconds(2);  // unmap, flush, remap, of one page of either size
  double copy_bandwidth = 4e9;                          // bytes per second, one thread
  Nanoseconds interruption =
      std::chrono::microseconds(2);  // of every running thread, per move: TLB shootdown
};

struct PrefetchDescription {
  bool on = true;
  double extra_traffic = 0.1;  // lines fetched in vain per line fetched in time
  // How early they fetch, in unloaded latencies of the tier: what comes later than that is waited for, so
  // that bandwidth bounds streams as well.
  double lead = 1.5;
};

struct MachineDescription {
  std::string name;
  std::string source;                  // where the figures come from, one sentence
  std::vector<TierDescription> tiers;  // fastest first
  double cpus = 16;
  MigrationDescription migration;
  PrefetchDescription prefetch;
  // Share of a store miss's latency that a program waits for: store buffers hide the rest until they are
  // full.
  double store_wait = 0.3;
  Bytes small_page = 4_KiB;
  Bytes huge_page = 2_MiB;
};

// Errors (kUsage) name the field: no tier, latencies or curves that do not ascend, nothing positive.
Result<void> check(const MachineDescription& machine);

// A copy whose fastest tiers hold `resident` / (1 + slow_parts) together, each in proportion, and whose
// slowest tier holds everything: the ratio "1:slow_parts" as MEMTIS and most after it count it.
MachineDescription with_ratio(MachineDescription machine, Bytes resident, double slow_parts);

std::span<const MachineDescription> machine_presets();
Result<MachineDescription> machine_preset(const std::string& name);  // kUsage lists the names
Result<MachineDescription> load_machine(const std::string& path);    // TOML, same fields

}  // namespace tier::sim
