// What decoder and look-ahead share about operands. Private to this folder: it shows the library's types.
#pragma once

#include <Zydis/Zydis.h>

#include <array>
#include <cstdint>
#include <optional>
#include <span>

#include "platform/linux/sampling/x86_decoder.h"

namespace tier {

const ZydisDecoder& x86_decoder();  // 64-bit mode

// With its operands, as the library gives them.
struct X86Instruction {
  ZydisDecodedInstruction head;
  std::array<ZydisDecodedOperand, ZYDIS_MAX_OPERAND_COUNT> operands;

  std::span<const ZydisDecodedOperand> used() const { return {operands.data(), head.operand_count}; }
  // What an assembler would show, without what is implied.
  std::span<const ZydisDecodedOperand> visible() const {
    return {operands.data(), head.operand_count_visible};
  }
};

// The instruction at the start of `bytes`; nothing where there is none.
std::optional<X86Instruction> x86_instruction(std::span<const std::uint8_t> bytes);

// What is known of the instruction at the start of `bytes` without its operands, for a fifth of the price.
struct X86Outline {
  std::uint8_t length = 0;   // 0: there is no instruction
  bool direct_jump = false;  // with the distance in the instruction, conditional or not
};
X86Outline x86_outline(std::span<const std::uint8_t> bytes);

inline constexpr int kStackPointer = 4;  // number of rsp

// Number of the general register that holds `reg`, -1 for any other kind.
int register_number(ZydisRegister reg);

// One bit per general register; 0 for -1.
inline std::uint32_t bit(int number) { return number < 0 ? 0U : 1U << static_cast<unsigned>(number); }

// Memory operands that name an address without waiting for it.
bool never_waits(ZydisInstructionCategory category);

// The operand that a thread would wait for: loads before stores, explicit before implied. `next_offset` is
// left 0.
std::optional<X86Access> pick_access(std::span<const ZydisDecodedOperand> operands);

}  // namespace tier
