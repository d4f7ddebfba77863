// Which registers hold which prefetchers' switches, by CPU generation (registers.toml).
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/result.h"
#include "platform/api/prefetch_machine.h"

namespace tier {

enum class RegisterScope : std::uint8_t { kCore, kModule };

struct PrefetcherSwitch {
  std::string name;       // "l2-streamer"
  std::uint64_t bit = 0;  // as a mask; 1 turns the prefetcher off
};

struct PrefetchRegister {
  std::uint32_t address = 0;
  RegisterScope scope = RegisterScope::kCore;
  std::vector<PrefetcherSwitch> switches;
  std::uint64_t mask() const;  // all that may be written
};

struct CpuGeneration {
  std::string name, vendor, source;
  unsigned family = 0;
  std::vector<int> models;       // none: all of the family
  std::optional<CoreKind> core;  // none: whatever it is
  std::optional<CpuidBit> cpuid;
  std::vector<PrefetchRegister> registers;

  bool is(const CpuIdentity& cpu) const;
};

// kUsage: what is wrong with the text, `name` and the key named.
Result<std::vector<CpuGeneration>> read_register_table(std::string_view text, const std::string& name);
// kFailed: the file cannot be read.
Result<std::vector<CpuGeneration>> load_register_table(const std::filesystem::path& path);
// Where tierd's own table was installed, else where it was built.
std::filesystem::path default_register_table();
// Null: a CPU that is not known, which is observed only.
const CpuGeneration* find_generation(const std::vector<CpuGeneration>& table, const CpuIdentity& cpu);

}  // namespace tier
