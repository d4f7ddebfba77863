// What decoder and look-ahead share about operands. Private to this folder: it shows the library's types.
#pragma once

#include <Zydis/Zydis.h>

#include <cstdint>
#include <optional>
#include <span>

#include "platform/linux/sampling/x86_decoder.h"

namespace tier {

const ZydisDecoder& x86_decoder();  // 64-bit mode

// Of the instruction at the start of `bytes`; 0 where there is none.
std::uint8_t x86_instruction_length(std::span<const std::uint8_t> bytes);

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
