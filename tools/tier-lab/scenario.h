// A lab scenario: what machine to pretend, what to run on it, who moves the pages, what to count. Read from
// TOML.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "core/result.h"
#include "tools/tier-lab/plugin/llc_model.h"
#include "tools/tier-lab/plugin/memory_model.h"

namespace tier::lab {

struct NodeSpec {
  std::uint64_t size_mib = 0;
  std::vector<int> cpus;  // empty: a node without CPUs
  std::uint64_t read_latency_ns = 0;
  std::uint64_t write_latency_ns = 0;
  std::uint64_t read_bandwidth_mib_s = 0;
  std::uint64_t write_bandwidth_mib_s = 0;
  std::uint64_t bank_ns = 40;  // time that a bank is busy with one access: how soon a queue forms
};

// What makes the guest's clock go. Instructions: each takes the same time and waiting takes none. Waiting:
// each last-level miss takes the time that plugin/memory_model.h says, from power-on.
enum class ClockKind { kInstructions, kWaiting };
const char* name_of(ClockKind clock);

struct TopologySpec {
  int vcpus = 2;
  std::vector<NodeSpec> nodes;
  std::vector<std::vector<int>> distances;  // square, 10 on the diagonal
  bool hmat = true;                         // firmware tells latencies and bandwidths
  // The fast tier, where that is not the node with the lowest read latency: memory may be worth more for its
  // bandwidth.
  std::optional<std::size_t> fast;
  bool all_fast = false;  // every node has the fast one's figures

  std::size_t fast_node() const;
};

struct DamosSpec {
  std::int64_t sample_us = 50'000;
  std::int64_t aggr_us = 1'000'000;
  std::int64_t min_regions = 100;
  std::int64_t max_regions = 400;
  std::int64_t quota_mib_per_s = 64;
  std::int64_t quota_ms_per_s = 100;
  std::int64_t hot_min_percent = 50;  // share of samples that must have found the region accessed
  std::int64_t cold_max_percent = 40;
  std::int64_t min_age = 1;  // aggregation intervals a region must have kept its rate
  // Linux 6.16 and later: as damo's script for two tiers has it (scripts/mem_tier.sh), quotas are tuned until
  // 99.7 % of the fast node is used and 0.5 % of it free, from 7.1 on by the tuner that uses all of a quota
  // until then; intervals are tuned, too, and pages looked at one by one before they move.
  bool goals = false;
};

struct NumabSpec {
  std::int64_t rate_limit_mb_per_s = 65536;  // the kernel's default: no limit in effect
  std::int64_t scan_delay_ms = 1000;         // the kernel's defaults
  std::int64_t scan_period_min_ms = 1000;
  std::int64_t hot_threshold_ms = 1000;
};

enum class Mode { kMeasure, kExec };

struct Scenario {
  std::string name;
  std::string description;
  TopologySpec topology;

  Mode mode = Mode::kMeasure;
  std::vector<std::string> command;
  std::string ready = "ready";
  std::string progress = "ops";
  std::int64_t ready_timeout_s = 240;  // guest seconds
  std::vector<int> cpus;               // pins the workload
  std::vector<std::string> prepare;    // fills the workload before the count; the ready line is then its
  std::vector<std::string> driver;     // client program, started with the start mark, not counted
  std::vector<std::vector<std::string>> commands;  // exec mode
  std::int64_t command_timeout_s = 120;            // guest seconds, exec mode

  std::string kernel = "6.12";
  double length_s = 30;
  double period_s = 1;
  std::uint64_t seed = 1;
  std::string thp = "always";
  std::string numa_balancing = "off";  // "boot": as the kernel has it by default, unless the tool is numab
  std::vector<std::string> modules;
  std::int64_t timeout_s = 900;  // wall seconds for the whole run
  std::int64_t silence_s = 300;  // wall seconds without any sign of life; other programs may fill the host
  std::string kernel_arguments;  // appended to the kernel's command line
  ClockKind clock = ClockKind::kWaiting;
  // Of the machine that is pretended, for an instruction: 125 to 8000, a power of two times 125. 0: 250 with
  // waiting (a core of 3 GHz that executes 4 instructions in 3 cycles), 8000 without.
  std::uint64_t instruction_ps = 0;
  bool own_clocks = false;  // vCPUs do not pay for each other's time, with the waiting clock
  CoreSpec core;            // what waits for memory, with the waiting clock

  std::string tool = "none";
  DamosSpec damos;
  NumabSpec numab;
  std::string tierd_config = "mode = \"act\"\n";  // TOML text for the guest's /etc/tierd/tierd.toml
  std::string tierd_start = "after";              // "before" or "after" the workload is ready
  std::vector<std::string> tierd_arguments;
  std::vector<std::vector<std::string>> collect;  // run in the guest at the end when the tool is tierd

  LlcGeometry llc;
  std::vector<std::string> binaries;                       // more programs for the image, by name or path
  std::vector<std::string> python;                         // modules; with them comes Python itself
  std::vector<std::pair<std::string, std::string>> files;  // host path, guest path

  std::size_t periods() const;
  std::uint64_t machine_ps_per_instruction() const;
  // The guest's clock: at least 1 ns, which is the emulator's finest.
  std::uint64_t ns_per_instruction() const;
  // How many times slower the guest's clock sees the whole machine, because an instruction cannot take less
  // than a nanosecond on it. Latencies and bandwidths of a parsed scenario are those that the guest sees.
  std::uint64_t stretch() const;
};

// Parses a scenario; `overrides` are "dotted.key=value" with TOML values, applied before checking.
// Errors (kUsage) name the key and say what it must be. Unknown keys are refused.
Result<Scenario> parse_scenario(const std::string& text, const std::string& origin,
                                const std::vector<std::string>& overrides);
Result<Scenario> load_scenario(const std::string& path, const std::vector<std::string>& overrides);

// Refuses machines that QEMU or Linux cannot be: no CPU, a CPU in two nodes, a distance matrix of the wrong
// size, ….
Result<> check_topology(const TopologySpec& topology);
// Refuses values that parse but make no run.
Result<> check_scenario(const Scenario& scenario);

}  // namespace tier::lab
