// The daemon's configuration, checked. Each member initialiser is the default, with its unit and its reason;
// the commented sample systemd/tierd.toml mirrors them and a test holds the two together.
#pragma once

#include <array>
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

// Which processes are watched. With nothing named here every process of 64 MiB and more is watched.
struct TargetsConfig {
  std::vector<std::int64_t> pids;
  std::vector<std::string> cgroups;      // paths below the cgroup root, with their descendants
  std::vector<std::string> executables;  // base names of the files that run, or that they were started by
  std::vector<std::string> exclude;      // the same names; wins over the three above
  // Most processes at once; of more the biggest, and these not in turns. Their descriptions, mappings and
  // places are looked at in every tick.
  std::int64_t limit = 256;
};

struct SamplingConfig {
  SourceChoice source = SourceChoice::kAuto;  // the best that the start-up probe finds
  // The kernel's own tick gives a few hundred. More are taken while better placement could save enough to pay
  // for them, within the budget below.
  double target_samples_per_second = 2000;
  double cpu_budget = 0.01;  // share of one CPU, programs and daemon together: what operators accept unseen
  double max_cpu = 0.03;     // share of one CPU, whatever cpu_budget says; itself never above 0.03
  // Beside samples DAMON tells which memory nobody touches, where the kernel has it and nobody else uses it.
  bool accessed_bits = false;
};

struct TiersConfig {
  LatencyChoice latency = LatencyChoice::kAuto;  // firmware's figures checked by the probe, which wins
  std::map<int, Nanoseconds> latencies;          // node -> unloaded read latency: the admin's word wins
  std::map<int, Bytes> bandwidths;               // node -> read bandwidth per second, likewise
  std::vector<std::vector<int>> order;           // nodes of each tier, fastest first; empty: by facts
  // Ratio: nodes within it of the fastest of a group share a tier. 15 % is above the probe's noise and below
  // the step from DRAM to CXL (about 2).
  double same_tier = 1.15;
  std::vector<std::int64_t> exclude_nodes;  // never moved to nor from
};

struct PolicyConfig {
  // Time ahead over which a move must earn its cost; one of kSpans (core/plan.h). 16 s let a 2 MiB move
  // (about 1 ms) pay back on regions with a few microseconds of stall per second.
  Nanoseconds horizon = Nanoseconds{16'000'000'000};
  // Benefit must exceed margin × cost. 1 = break even by forecast; the ledger raises it from here.
  double margin = 1.0;
  // Share of the fast tier kept free for new memory of watched programs while they allocate.
  double headroom = 0.02;
  // cgroup -> most of a fast tier that its processes hold together, 0..1; the innermost one named counts.
  std::map<std::string, double> fast_limits;
  // A region that moved stays at least this long. The costs alone stop ping-pong; this bounds a forecast
  // gone wrong.
  Nanoseconds cooldown = Nanoseconds{500'000'000};
  // Best of the baselines on a steady hot set.
  std::string forecaster = "exponential-average";
  // File of the trained network that the forecaster "learned" needs; empty: the one that came with tierd.
  std::string model;
  // Share of the regions that follow the reactive forecaster where another one is chosen, to compare the two;
  // 0: none. Rounded to 64ths: the least that can be told from noise within hours.
  double control_share = 1.0 / 64;
  // Promotions between ticks for regions whose demand jumps: "off" or "on".
  bool event_path = false;
};

struct MigrationConfig {
  // Token bucket over all moves: at most half of one CPU and under 3 % of one memory channel. Each move is
  // planned against what it costs; the rate bounds what a wrong price can do.
  Bytes rate_per_second = 1_GiB;
  // Base pages per move call: one 2 MiB region of 4 KiB pages, so a stop waits for one such call at most.
  std::int64_t batch_pages = 512;
};

// What can be set of prefetching: the names of prefetch's table, and advice on memory.
inline constexpr std::array<const char*, 4> kPrefetchActuators = {"hardware", "readahead", "page-cluster",
                                                                  "advice"};

struct PrefetchConfig {
  // Actuators that may be set; none: nothing is metered, decided or written.
  std::vector<std::string> arm;
  // One decision: long enough that progress is counted to some percent, and that a setting shows.
  Nanoseconds interval = Nanoseconds{1'000'000'000};
  // Without a decision for so long everything is put back; at least two intervals, or a late one ends it.
  Nanoseconds lease = Nanoseconds{10'000'000'000};
  // Most changes of one control's setting a minute: one try and its end in ten seconds.
  std::int64_t transitions_per_minute = 12;
  std::vector<std::string> devices;       // block devices whose read-ahead may be set; none named: all
  Bytes advice_rate_per_second = 64_MiB;  // a quarter of what migration may move: nobody asked for it yet
  std::string pcm;                        // "HOST:PORT" of an Intel PCM sensor server; empty: none is asked
  std::string registers;                  // table of registers; empty: the one that came with tierd
  // What the machine had, for whoever puts it back; gone with a reboot, as the settings are.
  std::string journal = "/run/tierd/prefetch.journal";
  bool operator==(const PrefetchConfig&) const = default;
};

struct ControlConfig {
  std::string socket = "/run/tierd/io.tierd.Control";  // where systemd's RuntimeDirectory=tierd puts it
  std::string group = "tierd";  // its members see every row and may pause, resume, reload and arm prefetch
};

struct DaemonConfig {
  // Share of one CPU that looking may cost before the daemon looks at less; see GovernorSettings.
  double cpu_limit = 0.01;
};

struct LogConfig {
  LogLevel level = LogLevel::kInfo;
};

struct Config {
  Mode mode = Mode::kObserve;  // acts only when told to
  // One tick: long enough for a few samples per hot region.
  Nanoseconds interval = Nanoseconds{250'000'000};
  Bytes region_size = kDefaultRegionSize;  // power of two; one PMD huge page on x86-64
  TargetsConfig targets;
  SamplingConfig sampling;
  TiersConfig tiers;
  PolicyConfig policy;
  MigrationConfig migration;
  PrefetchConfig prefetch;
  ControlConfig control;
  DaemonConfig daemon;
  LogConfig log;
};

}  // namespace tier
