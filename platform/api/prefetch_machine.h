// What of a machine has prefetchers: CPUs that share registers, block devices, swap.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "core/units.h"

namespace tier {

enum class CoreKind : std::uint8_t { kOnly, kPerformance, kEfficient };  // kOnly: not a hybrid CPU

struct CpuidBit {
  std::uint32_t leaf = 0;
  std::uint8_t word = 0;  // eax, ebx, ecx, edx
  std::uint8_t bit = 0;
};

// A CPU as it describes itself.
struct CpuIdentity {
  std::string vendor;  // "GenuineIntel"
  unsigned family = 0, model = 0;
  CoreKind core = CoreKind::kOnly;
  std::function<bool(const CpuidBit&)> has;  // that CPU's CPUID
};

// CPUs that share their registers, as the machine tells it.
struct CpuGroup {
  std::uint32_t id = 0;             // its first CPU's number
  std::vector<std::uint32_t> cpus;  // online, ascending; at least one
  CpuIdentity identity;             // of the first
};

struct BlockDevice {
  std::string name;  // "sdb"
  std::uint32_t major = 0, minor = 0;
};

struct PrefetchMachine {
  std::vector<CpuGroup> cores, modules;  // modules: none where cores share nothing
  std::vector<BlockDevice> devices;
  bool swap = false;  // some is in use
};

// What makes registers hold something else than they did. Cheap to read.
struct MachineState {
  std::vector<std::uint32_t> cpus;  // online, ascending
  Nanoseconds slept{};              // in suspend since boot, to within a few microseconds
};

}  // namespace tier
