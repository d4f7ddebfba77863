#include "platform/linux/sampling/x86_transition.h"

#include <array>

#include "platform/linux/sampling/x86_operands.h"

namespace tier {
namespace {

struct Instruction {
  ZydisDecodedInstruction decoded;
  std::array<ZydisDecodedOperand, ZYDIS_MAX_OPERAND_COUNT> operands;

  std::span<const ZydisDecodedOperand> used() const { return {operands.data(), decoded.operand_count}; }
};

std::optional<Instruction> decode(std::span<const std::uint8_t> bytes) {
  Instruction instruction;
  if (bytes.empty() ||
      !ZYAN_SUCCESS(ZydisDecoderDecodeFull(&x86_decoder(), bytes.data(), bytes.size(), &instruction.decoded,
                                           instruction.operands.data())))
    return std::nullopt;
  return instruction;
}

bool reads_memory(const Instruction& instruction) {
  if (never_waits(instruction.decoded.meta.category)) return false;
  for (const ZydisDecodedOperand& operand : instruction.used()) {
    const bool memory =
        operand.type == ZYDIS_OPERAND_TYPE_MEMORY && operand.mem.type != ZYDIS_MEMOP_TYPE_AGEN;
    if (memory && (operand.actions & ZYDIS_OPERAND_ACTION_MASK_READ) != 0) return true;
  }
  return false;
}

bool is_jump(ZydisInstructionCategory category) {
  return category == ZYDIS_CATEGORY_COND_BR || category == ZYDIS_CATEGORY_UNCOND_BR;
}

// A direct jump at `offset` from ip leads to ip itself.
bool leads_to_ip(const Instruction& instruction, std::size_t offset) {
  if (!is_jump(instruction.decoded.meta.category)) return false;
  for (const ZydisDecodedOperand& operand : instruction.used())
    if (operand.type == ZYDIS_OPERAND_TYPE_IMMEDIATE && operand.imm.is_relative == ZYAN_TRUE)
      return static_cast<std::int64_t>(offset + instruction.decoded.length) + operand.imm.value.s == 0;
  return false;
}

bool is_loop_head(std::span<const std::uint8_t> after) {
  std::size_t offset = 0;
  while (const auto instruction = decode(after.subspan(offset))) {
    if (leads_to_ip(*instruction, offset)) return true;
    offset += instruction->decoded.length;
  }
  return false;
}

bool last_executed_reads(const Instruction& before, std::span<const std::uint8_t> after) {
  const ZydisInstructionCategory category = before.decoded.meta.category;
  if (category == ZYDIS_CATEGORY_RET || category == ZYDIS_CATEGORY_UNCOND_BR || is_loop_head(after))
    return false;
  return category == ZYDIS_CATEGORY_CALL || reads_memory(before);
}

}  // namespace

std::optional<X86Transition> transition_x86(X86Code& code) {
  const std::optional<Instruction> next = decode(code.after());
  const std::optional<int> start = code.start(0);
  if (!next || !start) return std::nullopt;
  const std::optional<Instruction> last = decode(code.before().subspan(static_cast<std::size_t>(*start)));
  if (!last) return std::nullopt;
  return X86Transition{last_executed_reads(*last, code.after()), reads_memory(*next)};
}

}  // namespace tier
