// Following the code from an interrupted instruction to the next memory access, by computing what it computes
// on the way. Where samples fall evenly over instructions (an emulator) few land beside an access; most land
// in the arithmetic that leads to one, and from the registers at hand its address can be worked out exactly.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <vector>

#include "platform/linux/sampling/x86_decoder.h"

namespace tier {

// One instruction on the way, reduced to its effect on general registers.
struct X86Step {
  enum class Effect : std::uint8_t {
    kMove,        // destination = source, zero-extended from source_bits
    kMoveSigned,  // likewise, sign-extended
    kLea,         // destination = base + index * scale + displacement (of `address`)
    kAdd,
    kSubtract,
    kXor,
    kAnd,
    kOr,
    kShiftLeft,
    kShiftRight,
    kShiftRightSigned,
    kRotateLeft,
    kRotateRight,
    kMultiply,      // destination = first * source
    kMultiplyWide,  // dx:ax = ax * source
    kDivideWide,    // ax, dx = dx:ax / source, dx:ax % source
    kLoad,          // destination = what lies at `address`, source_bits wide, zero-extended
    kLoadSigned,    // likewise, sign-extended
    kForget         // the registers of `written` become unknown
  };
  Effect effect = Effect::kForget;
  std::int8_t destination = -1;
  std::int8_t first = -1;         // left operand; the destination but for three-operand forms
  std::int8_t source = -1;        // -1: `immediate`
  std::uint8_t bits = 64;         // 32 or 64: width of the operation; 32 clears the upper half
  std::uint8_t source_bits = 64;  // for moves: 8, 16, 32 or 64
  std::uint64_t immediate = 0;
  X86Access address;          // for kLea and loads
  std::uint32_t written = 0;  // for kForget, one bit per general register
};

// What a program's memory holds at an address now, `bytes` (1, 2, 4 or 8) wide; nothing where that cannot be
// read.
using X86Memory = std::function<std::optional<std::uint64_t>(Address address, unsigned bytes)>;

struct X86Ahead {
  std::vector<X86Step> steps;
  // Where a step reads memory: the register that holds what the access brought, and how many bytes of it.
  // Memory is read after the sample, so an address counts only where it still holds that.
  std::int8_t brought = -1;
  std::uint8_t brought_bytes = 0;
  std::uint32_t known = 0xffff;  // registers that hold at the first step what they hold at ip, one bit each
  std::optional<X86Access> access;  // nothing: no access within reach
};

// Straight on from ip, through unconditional jumps and along backward conditional ones (loops go on), while
// the code is in the windows; up to 48 instructions; stops at calls, returns and forward conditional jumps.
X86Ahead look_ahead_x86(const X86Code& around);

// For the instruction that ends at ip, when it loads over a register of its own address (mov
// (%rdi,%rax,8),%rax): computes the address again from the registers that it was made of, as far as they
// still hold. An index that was itself loaded from a known place (mov (%rsi,%rdx,8),%rax; mov
// (%rdi,%rax,8),%rax, the gather of graphs and joins) is read from there again. Empty when there is no such
// access or no way to it in straight-line code.
X86Ahead replay_x86(X86Code& code);

// The address of the access ahead; nothing when it depends on something unknown (flags, vector registers,
// memory that cannot be read or has changed since).
std::optional<Address> address_ahead(const X86Ahead& ahead, const X86Registers& registers,
                                     const X86Memory& memory = {});

}  // namespace tier
