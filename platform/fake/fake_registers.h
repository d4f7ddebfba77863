// Registers that behave: shared between CPUs, offline CPUs, faults, bits that hardware owns and moves, and
// bits that do not take.
#pragma once

#include <fmt/format.h>

#include <map>
#include <set>
#include <utility>
#include <vector>

#include "platform/api/registers.h"

namespace tier {

class FakeRegisters final : public Registers {
 public:
  // CPUs 2n and 2n + 1 share all registers.
  Result<std::uint64_t> read(std::uint32_t cpu, std::uint32_t reg) override {
    const auto it = values.find({cpu / 2, reg});
    if (offline.contains(cpu) || it == values.end())
      return fail(ErrorKind::kUnsupported, fmt::format("CPU {} has no register {:#x}", cpu, reg));
    it->second ^= moving;  // hardware's own
    return it->second;
  }
  Result<void> write(std::uint32_t cpu, std::uint32_t reg, std::uint64_t value) override {
    const auto it = values.find({cpu / 2, reg});
    if (offline.contains(cpu) || it == values.end() || faulty.contains(reg))
      return fail(ErrorKind::kUnsupported, fmt::format("CPU {} does not write register {:#x}", cpu, reg));
    it->second = (it->second & stuck) | (value & ~stuck);
    writes.push_back({cpu, reg});
    return {};
  }
  std::uint64_t& at(std::uint32_t cpu, std::uint32_t reg) { return values[{cpu / 2, reg}]; }

  std::map<std::pair<std::uint32_t, std::uint32_t>, std::uint64_t> values;  // by core and register
  std::set<std::uint32_t> offline, faulty;                                  // CPUs; registers
  std::uint64_t stuck = 0, moving = 0;                                      // bits
  std::vector<std::pair<std::uint32_t, std::uint32_t>> writes;              // CPU and register
};

}  // namespace tier
