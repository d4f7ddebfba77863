// The daemon's configuration, checked. Each member initialiser is the default, with its unit and its reason;
// the commented sample systemd/tierd.toml mirrors them and a test holds the two together.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "core/region.h"
#include "core/units.h"

namespace tier {

enum class Mode : std::uint8_t { kObserve, kAct };
enum class SourceChoice : std::uint8_t { kAuto, kStall, kDamon, kHardware, kFaults };
enum class LatencyChoice : std::uint8_t { kAuto, kProbe, kFirmware };
enum class LogLevel : std::uint8_t { kDebug, kInfo, kWarning, kError };
const char* to_string(Mode);
const char* to_string(SourceChoice);
const char* to_string(LatencyChoice);
const char* to_string(LogLevel);

// Which processes are watched. Nothing is watched until something is named here.
struct TargetsConfig {
  std::vector<std::int64_t> pids;
  std::vector<std::string> cgroups;      // paths below the cgroup root, with their descendants
  std::vector<std::string> executables;  // base names, as the kernel shows them
  std::vector<std::string> exclude;      // executable base names; wins over the three above
};

struct SamplingConfig {
  SourceChoice source = SourceChoice::kAuto;  // the best that the start-up probe finds
  // Enough for a hot set to show within a few ticks; the budgets below win when samples are dear.
  double target_samples_per_second = 2000;
  double cpu_budget = 0.01;  // share of one CPU per 100 GiB managed: what operators accept unseen
  double max_cpu = 0.03;     // share of one CPU, whatever is managed
};

struct TiersConfig {
  LatencyChoice latency = LatencyChoice::kAuto;  // firmware's figures checked by the probe, which wins
  std::map<int, Nanoseconds> latencies;          // node -> unloaded read latency: the admin's word wins
  // Ratio: nodes within it of the fastest share a tier. 15 % is above probe noise and below DRAM to CXL
  // (about 2).
  double same_tier = 1.15;
  std::vector<std::int64_t> fast_nodes;     // forced into the fastest tier
  std::vector<std::int64_t> exclude_nodes;  // never moved to nor from
};

struct PolicyConfig {
  // Ticks ahead over which a move must earn its cost; one of kHorizons (core/forecast.h). 16 ticks let a 2
  // MiB move (about 1 ms) pay back on regions with a few microseconds of stall per tick.
  std::int64_t horizon = 16;
  double margin =
      1.0;  // benefit must exceed margin × cost; 1 = break even by forecast, the ledger corrects it
  double headroom = 0.02;          // share of the fast tier kept free for new allocations
  Bytes bytes_per_tick = 256_MiB;  // hard cap of one plan: 2 % of a 10 GB/s copy at one tick a second
  Nanoseconds cooldown =
      Nanoseconds{10'000'000'000};  // a region that moved stays at least this long: no ping-pong
  std::string forecaster = "exponential-average";  // best of the baselines on a steady hot set
};

struct MigrationConfig {
  Bytes rate_per_second = 200_MiB;  // token bucket over all moves; the rate that tiering tools commonly use
  std::int64_t batch_pages =
      512;  // base pages per move call: one 2 MiB region, so a stop waits for one call at most
};

struct ControlConfig {
  std::string socket = "/run/tierd/io.tierd.Control";  // where systemd's RuntimeDirectory=tierd puts it
  std::string group = "tierd";  // its members see every row and may pause, resume and reload
};

struct LogConfig {
  LogLevel level = LogLevel::kInfo;
};

struct Config {
  Mode mode = Mode::kObserve;  // acts only when told to
  Nanoseconds interval =
      Nanoseconds{1'000'000'000};          // one tick: long enough for a few samples per hot region
  Bytes region_size = kDefaultRegionSize;  // power of two; one PMD huge page on x86-64
  TargetsConfig targets;
  SamplingConfig sampling;
  TiersConfig tiers;
  PolicyConfig policy;
  MigrationConfig migration;
  ControlConfig control;
  LogConfig log;
};

}  // namespace tier
