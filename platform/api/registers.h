// Model-specific registers of CPUs.
#pragma once

#include <cstdint>

#include "core/result.h"

namespace tier {

class Registers {
 public:
  virtual ~Registers() = default;
  // kUnsupported: the CPU is offline, has no such register, or there is no access. kPermission.
  virtual Result<std::uint64_t> read(std::uint32_t cpu, std::uint32_t reg) = 0;
  virtual Result<void> write(std::uint32_t cpu, std::uint32_t reg, std::uint64_t value) = 0;
};

}  // namespace tier
