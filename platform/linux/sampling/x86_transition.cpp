#include "platform/linux/sampling/x86_transition.h"

#include "platform/linux/sampling/x86_operands.h"

namespace tier {
namespace {

bool is_memory(const ZydisDecodedOperand& operand) {
  return operand.type == ZYDIS_OPERAND_TYPE_MEMORY && operand.mem.type != ZYDIS_MEMOP_TYPE_AGEN;
}

bool reads_memory(const X86Instruction& instruction) {
  if (never_waits(instruction.head.meta.category)) return false;
  for (const ZydisDecodedOperand& operand : instruction.used())
    if (is_memory(operand) && (operand.actions & ZYDIS_OPERAND_ACTION_MASK_READ) != 0) return true;
  return false;
}

// The top of the stack lies in the first cache, which is why compilers put there what registers cannot hold.
bool may_wait(const X86Instruction& instruction) {
  if (never_waits(instruction.head.meta.category)) return false;
  for (const ZydisDecodedOperand& operand : instruction.used())
    if (is_memory(operand) && register_number(operand.mem.base) != kStackPointer) return true;
  return false;
}

// A direct jump at `offset` from ip leads to ip itself.
bool leads_to_ip(const X86Instruction& instruction, std::size_t offset) {
  for (const ZydisDecodedOperand& operand : instruction.used())
    if (operand.type == ZYDIS_OPERAND_TYPE_IMMEDIATE && operand.imm.is_relative == ZYAN_TRUE)
      return static_cast<std::int64_t>(offset + instruction.head.length) + operand.imm.value.s == 0;
  return false;
}

bool is_loop_head(std::span<const std::uint8_t> after) {
  for (std::size_t offset = 0; offset < after.size();) {
    const X86Outline outline = x86_outline(after.subspan(offset));
    if (outline.length == 0) return false;
    if (outline.direct_jump) {
      const auto jump = x86_instruction(after.subspan(offset));
      if (jump && leads_to_ip(*jump, offset)) return true;
    }
    offset += outline.length;
  }
  return false;
}

// The instruction before ip in memory was not the one executed last, but a jump was.
bool came_by_jump(const X86Instruction& before, std::span<const std::uint8_t> after) {
  const ZydisInstructionCategory category = before.head.meta.category;
  return category == ZYDIS_CATEGORY_RET || category == ZYDIS_CATEGORY_UNCOND_BR || is_loop_head(after);
}

}  // namespace

std::optional<X86Transition> transition_x86(X86Code& code, std::size_t back) {
  const std::optional<int> start = code.start(back), end = back == 0 ? std::nullopt : code.start(back - 1);
  if (!start || (back > 0 && !end)) return std::nullopt;
  const std::span<const std::uint8_t> before = code.before();
  const auto after = back == 0 ? code.after() : before.subspan(static_cast<std::size_t>(*end));
  const std::optional<X86Instruction> next = x86_instruction(after);
  const std::optional<X86Instruction> last =
      x86_instruction(before.subspan(static_cast<std::size_t>(*start)));
  if (!next || !last) return std::nullopt;
  const bool jumped = came_by_jump(*last, after);
  const bool read = !jumped && (last->head.meta.category == ZYDIS_CATEGORY_CALL || reads_memory(*last));
  return X86Transition{read, reads_memory(*next), !jumped && may_wait(*last), may_wait(*next)};
}

}  // namespace tier
