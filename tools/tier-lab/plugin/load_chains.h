// Which missing loads wait for an earlier one: the address of the one comes from what the other loads.
//
// A plugin sees instructions when QEMU translates a block of them, and memory accesses when they happen; it
// does not see what else is executed. So this is an approximation in two halves:
//  - Static, within a block: for each instruction, the registers that its address rests on, less those that
//    the block has computed from constants alone, and the registers that come to hold what it loads or
//    something computed from it (decoded by Zydis; general registers only, never the stack pointer).
//  - Dynamic, for each vCPU: when the missing load that a register's value comes from arrived. A load that
//    hits clears the registers that rest on it alone.
// Not seen: a value that a block without a load of its own moves to another register (the load that uses it
// there passes for independent), and a register that such a block overwrites (the next load through it passes
// for dependent). Neither matters once the instructions are further apart than a reorder window.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

namespace tier::lab {

// Sets of general registers, one bit each in the order of their encoding (rax, rcx, rdx, rbx, rsp, rbp, rsi,
// rdi, r8 to r15).
using RegisterSet = std::uint16_t;

// What an instruction that accesses memory has to do with other loads.
struct AccessRegisters {
  // The address rests on the values that these had when the block began or got in it.
  RegisterSet address = 0;
  // These come to hold what is loaded, or something computed from it.
  RegisterSet loaded = 0;
  // Of those, the ones that then rest on nothing else.
  RegisterSet replaced = 0;

  // As the one word that a plugin's callback gets, and back.
  std::uint64_t packed() const {
    return address | static_cast<std::uint64_t>(loaded) << 16 | static_cast<std::uint64_t>(replaced) << 32;
  }
  static AccessRegisters unpacked(std::uint64_t word) {
    return {static_cast<RegisterSet>(word), static_cast<RegisterSet>(word >> 16),
            static_cast<RegisterSet>(word >> 32)};
  }
};

// The instructions that flush a line from all caches.
struct LineFlush {
  bool is_flush = false;
  std::int8_t base = -1, index = -1;  // as in RegisterSet; -1: none
  std::uint8_t scale = 1;
  std::int64_t displacement = 0;
  std::uint64_t address(std::span<const std::uint64_t, 16> registers) const {
    const std::uint64_t from_base = base >= 0 ? registers[static_cast<std::size_t>(base)] : 0;
    const std::uint64_t from_index = index >= 0 ? registers[static_cast<std::size_t>(index)] * scale : 0;
    return from_base + from_index + static_cast<std::uint64_t>(displacement);
  }
};

// The code of one x86-64 instruction and where it lies.
struct InstructionBytes {
  std::array<std::uint8_t, 16> bytes = {};
  std::size_t size = 0;
  std::uint64_t address = 0;
};

struct InstructionFacts {
  AccessRegisters access;
  LineFlush flush;
  bool halts = false;  // hlt: the vCPU sleeps until an interrupt
};

// One entry for each instruction of a block. Code that is not valid x86-64 has no facts.
std::vector<InstructionFacts> block_facts(const std::vector<InstructionBytes>& block);

// The dynamic half, for one vCPU. Times are on the vCPU's own scale (LoadCost::arrival_ps).
class LoadChains {
 public:
  // When the last of the missing loads arrives that `address` comes from; 0 when there is none.
  std::uint64_t needs_ps(RegisterSet address) const {
    std::uint64_t latest = 0;
    for (unsigned r = 0; r < 16; ++r)
      if (((address & live_) >> r & 1) != 0 && arrivals_ps_[r] > latest) latest = arrivals_ps_[r];
    return latest;
  }

  // A load has missed.
  void missed(const AccessRegisters& load, std::uint64_t arrival_ps) {
    for (unsigned r = 0; r < 16; ++r) {
      if ((load.loaded >> r & 1) == 0) continue;
      const bool joins = ((live_ & ~load.replaced) >> r & 1) != 0;
      arrivals_ps_[r] = joins && arrivals_ps_[r] > arrival_ps ? arrivals_ps_[r] : arrival_ps;
    }
    live_ = static_cast<RegisterSet>(live_ | load.loaded);
  }
  // A load has hit, or came in time.
  void hit(const AccessRegisters& load) { live_ = static_cast<RegisterSet>(live_ & ~load.replaced); }

 private:
  RegisterSet live_ = 0;  // registers whose value comes from a load that missed
  std::array<std::uint64_t, 16> arrivals_ps_ = {};
};

}  // namespace tier::lab
