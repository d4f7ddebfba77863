// Every tunable of the access sources: default, unit and reason in one place. The daemon's configuration
// fills it.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>

#include "core/units.h"

namespace tier {

struct SamplingSettings {
  // Samples with an address per second, over all targets, that the stall source tries to reach. A few hundred
  // tell a hot 2 MiB region from a cold one within seconds, and a kernel tick of 250 Hz gives them for one
  // busy CPU without an extra interrupt; what is beyond must be worth its price (kStakeShare).
  double target_samples_per_second = 2000;

  // Share of one CPU that sampling may cost, programs and daemon together: 1 % is the promise to the user.
  double cpu_budget = 0.01;
  // Never beyond this, whatever the configuration asks.
  static constexpr double kCpuBudgetLimit = 0.03;

  // Buffer between kernel and daemon, bytes, a power of two of pages, four at least. 4 MiB hold 11,000
  // samples of the largest kind: several seconds of the highest rate, so that a busy daemon loses nothing.
  // The stall sampler uses a quarter for samples that bring their code, and a quarter for the others, of
  // which twice as many fit.
  std::uint32_t ring_bytes = 4U << 20;

  // Node that the sources' large tables in the kernel, and the memory that calibration reads, come from while
  // it has room: fast memory is for the watched programs. None: where the daemon runs.
  std::optional<NodeId> spare_node;

  // Code is asked for again after this time, since programs write code themselves (JIT compilers). That of
  // files is forgotten when its mapping changes (dlclose), and asked for again only in case such a change was
  // missed.
  Nanoseconds code_lifetime = std::chrono::seconds(10);
  Nanoseconds lasting_code_lifetime = std::chrono::minutes(10);

  // CPU time that one run of the calibration loop may take in its child, and the memory it reads at random.
  // 64 MiB exceed the cache share of one core on common machines; more would lengthen the start.
  Nanoseconds calibration_time = std::chrono::milliseconds(400);
  Bytes calibration_buffer = 64_MiB;
  // When the loop first runs, after the start of the source. 0: at once, and start() waits for it a moment.
  // Later: samples begin at once and mean what is likely until then. On a slow or throttled CPU the loop is
  // most of what a start costs.
  Nanoseconds calibration_delay{};

  // Hardware sampling: one sample per so many memory events.
  std::uint64_t hardware_period = 10007;  // prime, so as not to beat with loops

  // DAMON: at most so many regions of a program; beyond it regions get larger than 2 MiB. Each costs one
  // check per sampling.
  std::uint32_t damon_maximum_regions = 4096;
  // DAMON sampling intervals, in turn: accessed bits saturate at one interval alone (range of 10^4 in rate
  // with three).
  Nanoseconds damon_shortest_interval = std::chrono::microseconds(500);
  std::uint32_t damon_samples_per_aggregation = 20;

  // Directory of the DAMON claim file, by which a later tierd recognises what a killed one left of DAMON.
  // Empty: no claim file, so leftovers are refused as those of another program.
  std::string runtime_directory = "/run/tierd";

  // Which sources may run at all.
  bool allow_hardware = true;
  bool allow_stall = true;
  bool allow_damon = true;
  bool allow_faults = true;
  // Which run also when a better one runs: DAMON, for the memory that nobody touches, takes a share of a CPU
  // and the machine's one DAMON; faults see each page's first touch, at a price per fault.
  bool damon_beside = false;
  bool faults_beside = false;
};

}  // namespace tier
