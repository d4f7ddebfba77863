#include "platform/linux/sampling/x86_operands.h"

namespace tier {
namespace {

AccessType type_of(ZydisOperandActions actions) {
  const bool reads = (actions & ZYDIS_OPERAND_ACTION_MASK_READ) != 0;
  const bool writes = (actions & ZYDIS_OPERAND_ACTION_MASK_WRITE) != 0;
  if (reads) return AccessType::kLoad;  // read-modify-write waits for the read
  return writes ? AccessType::kStore : AccessType::kUnknown;
}

std::optional<X86Access> access_of(const ZydisDecodedOperand& operand) {
  if (operand.type != ZYDIS_OPERAND_TYPE_MEMORY || operand.mem.type != ZYDIS_MEMOP_TYPE_MEM)
    return std::nullopt;
  X86Access access;
  access.ip_relative = operand.mem.base == ZYDIS_REGISTER_RIP || operand.mem.base == ZYDIS_REGISTER_EIP;
  if (!access.ip_relative && operand.mem.base != ZYDIS_REGISTER_NONE) {
    access.base = static_cast<std::int8_t>(register_number(operand.mem.base));
    if (access.base < 0) return std::nullopt;
  }
  if (operand.mem.index != ZYDIS_REGISTER_NONE) {
    access.index = static_cast<std::int8_t>(register_number(operand.mem.index));
    if (access.index < 0) return std::nullopt;  // a vector of indices: many addresses, none of them known
  }
  access.scale = operand.mem.scale == 0 ? std::uint8_t{1} : static_cast<std::uint8_t>(operand.mem.scale);
  if (operand.mem.segment == ZYDIS_REGISTER_FS) access.segment = X86Access::Segment::kFs;
  if (operand.mem.segment == ZYDIS_REGISTER_GS) access.segment = X86Access::Segment::kGs;
  access.displacement = operand.mem.disp.has_displacement ? operand.mem.disp.value : 0;
  access.type = type_of(operand.actions);
  return access;
}

// Intel's manual, volume 2, appendix A: Jcc, LOOP and JRCXZ, JMP; behind 0F the long Jcc.
bool is_direct_jump(ZydisOpcodeMap map, std::uint8_t opcode) {
  if (map == ZYDIS_OPCODE_MAP_0F) return (opcode & 0xF0U) == 0x80;
  if (map != ZYDIS_OPCODE_MAP_DEFAULT) return false;
  return (opcode & 0xF0U) == 0x70 || (opcode & 0xFCU) == 0xE0 || opcode == 0xE9 || opcode == 0xEB;
}

}  // namespace

const ZydisDecoder& x86_decoder() {
  static const ZydisDecoder decoder = [] {
    ZydisDecoder made;
    ZydisDecoderInit(&made, ZYDIS_MACHINE_MODE_LONG_64, ZYDIS_STACK_WIDTH_64);
    return made;
  }();
  return decoder;
}

std::optional<X86Instruction> x86_instruction(std::span<const std::uint8_t> bytes) {
  X86Instruction instruction;
  if (!ZYAN_SUCCESS(ZydisDecoderDecodeFull(&x86_decoder(), bytes.data(), bytes.size(), &instruction.head,
                                           instruction.operands.data())))
    return std::nullopt;
  return instruction;
}

X86Outline x86_outline(std::span<const std::uint8_t> bytes) {
  // The minimal mode leaves out what the rest of Zydis fills in.
  static const ZydisDecoder decoder = [] {
    ZydisDecoder made = x86_decoder();
    ZydisDecoderEnableMode(&made, ZYDIS_DECODER_MODE_MINIMAL, ZYAN_TRUE);
    return made;
  }();
  ZydisDecodedInstruction instruction;
  if (!ZYAN_SUCCESS(
          ZydisDecoderDecodeInstruction(&decoder, nullptr, bytes.data(), bytes.size(), &instruction)))
    return {};
  return {instruction.length, is_direct_jump(instruction.opcode_map, instruction.opcode)};
}

int register_number(ZydisRegister reg) {
  if (reg == ZYDIS_REGISTER_NONE) return -1;
  const ZydisRegister whole = ZydisRegisterGetLargestEnclosing(ZYDIS_MACHINE_MODE_LONG_64, reg);
  if (ZydisRegisterGetClass(whole) != ZYDIS_REGCLASS_GPR64) return -1;
  return ZydisRegisterGetId(whole);
}

bool never_waits(ZydisInstructionCategory category) {
  return category == ZYDIS_CATEGORY_NOP || category == ZYDIS_CATEGORY_WIDENOP ||
         category == ZYDIS_CATEGORY_PREFETCH;
}

std::optional<X86Access> pick_access(std::span<const ZydisDecodedOperand> operands) {
  std::optional<X86Access> best;
  int best_rank = 0;
  for (const ZydisDecodedOperand& operand : operands) {
    const std::optional<X86Access> access = access_of(operand);
    if (!access) continue;
    const int rank = 1 + (access->type == AccessType::kLoad ? 2 : 0) +
                     (operand.visibility == ZYDIS_OPERAND_VISIBILITY_EXPLICIT ? 1 : 0);
    if (rank > best_rank) best = access, best_rank = rank;
  }
  return best;
}

}  // namespace tier
