#include "platform/linux/sampling/x86_transition.h"

#include "platform/linux/sampling/x86_operands.h"

namespace tier {
namespace {

bool reads_memory(const X86Instruction& instruction) {
  if (never_waits(instruction.head.meta.category)) return false;
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
bool leads_to_ip(const X86Instruction& instruction, std::size_t offset) {
  if (!is_jump(instruction.head.meta.category)) return false;
  for (const ZydisDecodedOperand& operand : instruction.used())
    if (operand.type == ZYDIS_OPERAND_TYPE_IMMEDIATE && operand.imm.is_relative == ZYAN_TRUE)
      return static_cast<std::int64_t>(offset + instruction.head.length) + operand.imm.value.s == 0;
  return false;
}

bool is_loop_head(std::span<const std::uint8_t> after) {
  std::size_t offset = 0;
  while (const auto instruction = x86_instruction(after.subspan(offset))) {
    if (leads_to_ip(*instruction, offset)) return true;
    offset += instruction->head.length;
  }
  return false;
}

bool last_executed_reads(const X86Instruction& before, std::span<const std::uint8_t> after) {
  const ZydisInstructionCategory category = before.head.meta.category;
  if (category == ZYDIS_CATEGORY_RET || category == ZYDIS_CATEGORY_UNCOND_BR || is_loop_head(after))
    return false;
  return category == ZYDIS_CATEGORY_CALL || reads_memory(before);
}

}  // namespace

std::optional<X86Transition> transition_x86(X86Code& code) {
  const std::optional<X86Instruction> next = x86_instruction(code.after());
  const std::optional<int> start = code.start(0);
  if (!next || !start) return std::nullopt;
  const std::optional<X86Instruction> last =
      x86_instruction(code.before().subspan(static_cast<std::size_t>(*start)));
  if (!last) return std::nullopt;
  return X86Transition{last_executed_reads(*last, code.after()), reads_memory(*next)};
}

}  // namespace tier
