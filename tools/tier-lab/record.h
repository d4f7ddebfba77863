// What one guest run said: the plugin's counts and the agent's messages, parsed.
#pragma once

#include <cstdint>
#include <functional>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "core/result.h"
#include "tools/tier-lab/plugin/region_table.h"

namespace tier::lab {

// Last-level misses of one node in one period.
struct NodeCounts {
  std::uint64_t user_reads = 0;
  std::uint64_t user_writes = 0;
  std::uint64_t kernel_reads = 0;
  std::uint64_t kernel_writes = 0;
  std::uint64_t user_wait_ns = 0;  // charged for them, with the waiting clock
  std::uint64_t kernel_wait_ns = 0;
};

// User misses of one 2 MiB region in one period.
struct RegionCounts {
  std::uint64_t region = 0;           // virtual address >> 21
  std::vector<std::uint64_t> misses;  // by node
  // The same by kind. All zero in events that were recorded before the plugin told them apart.
  KindMisses kinds = {};
  std::uint64_t wait_ns = 0;  // that these misses were charged, with the waiting clock

  std::uint64_t total() const;
};

struct PeriodCounts {
  std::vector<NodeCounts> nodes;
  std::vector<RegionCounts> regions;
};

struct RunRecord {
  nlohmann::json machine;           // the agent's machine facts
  std::vector<long long> free_kib;  // of each node before the workload started
  std::vector<PeriodCounts> periods;
  std::vector<nlohmann::json> ticks;  // periods + 1 of them
  nlohmann::json collected = nlohmann::json::array();
  nlohmann::json exits = nlohmann::json::array();
  nlohmann::json tool_stop;
  nlohmann::json self_test;  // null where there was none
  std::vector<std::string> errors;
  std::vector<std::string> lines;  // "name: text" of programs in the guest
  bool stopped = false;            // the stop mark came
  bool done = false;               // the agent came to its end
};

// Takes one line of the events file into the record. Errors (kFailed) quote the line.
Result<nlohmann::json> accept_event(const std::string& line, RunRecord& into);

}  // namespace tier::lab
