#include "platform/linux/sampling/x86_ahead.h"

#include <algorithm>
#include <array>
#include <bit>

#include "platform/linux/sampling/x86_operands.h"

namespace tier {
namespace {

using Effect = X86Step::Effect;

constexpr unsigned kMaxSteps = 48;   // a loop body; further on, branches make the way uncertain anyway
constexpr unsigned kMaxReplay = 16;  // instructions back; further on the window of code ends anyway
constexpr int kAx = 0, kDx = 2;

std::uint32_t written_registers(const X86Instruction& instruction) {
  std::uint32_t written = 0;
  for (const ZydisDecodedOperand& operand : instruction.used())
    if (operand.type == ZYDIS_OPERAND_TYPE_REGISTER &&
        (operand.actions & ZYDIS_OPERAND_ACTION_MASK_WRITE) != 0)
      written |= bit(register_number(operand.reg.value));
  return written;
}

X86Step forget(const X86Instruction& instruction) {
  X86Step step;
  step.written = written_registers(instruction);
  return step;
}

bool is_high_byte(const ZydisDecodedOperand& operand) {
  return operand.type == ZYDIS_OPERAND_TYPE_REGISTER &&
         (operand.reg.value == ZYDIS_REGISTER_AH || operand.reg.value == ZYDIS_REGISTER_CH ||
          operand.reg.value == ZYDIS_REGISTER_DH || operand.reg.value == ZYDIS_REGISTER_BH);
}

// Fills the source side; false when it is neither register nor immediate.
bool set_source(X86Step& step, const ZydisDecodedOperand& operand) {
  if (operand.type == ZYDIS_OPERAND_TYPE_IMMEDIATE) {
    step.immediate =
        operand.imm.is_signed != 0 ? static_cast<std::uint64_t>(operand.imm.value.s) : operand.imm.value.u;
    return true;
  }
  if (operand.type != ZYDIS_OPERAND_TYPE_REGISTER || is_high_byte(operand)) return false;
  step.source = static_cast<std::int8_t>(register_number(operand.reg.value));
  step.source_bits = static_cast<std::uint8_t>(operand.size);
  return step.source >= 0;
}

std::optional<Effect> simple_effect(ZydisMnemonic mnemonic) {
  switch (mnemonic) {
    case ZYDIS_MNEMONIC_MOV:
    case ZYDIS_MNEMONIC_MOVZX:
      return Effect::kMove;
    case ZYDIS_MNEMONIC_MOVSX:
    case ZYDIS_MNEMONIC_MOVSXD:
      return Effect::kMoveSigned;
    case ZYDIS_MNEMONIC_ADD:
    case ZYDIS_MNEMONIC_INC:
      return Effect::kAdd;
    case ZYDIS_MNEMONIC_SUB:
    case ZYDIS_MNEMONIC_DEC:
      return Effect::kSubtract;
    case ZYDIS_MNEMONIC_XOR:
      return Effect::kXor;
    case ZYDIS_MNEMONIC_AND:
      return Effect::kAnd;
    case ZYDIS_MNEMONIC_OR:
      return Effect::kOr;
    case ZYDIS_MNEMONIC_SHL:
      return Effect::kShiftLeft;
    case ZYDIS_MNEMONIC_SHR:
      return Effect::kShiftRight;
    case ZYDIS_MNEMONIC_SAR:
      return Effect::kShiftRightSigned;
    case ZYDIS_MNEMONIC_ROL:
      return Effect::kRotateLeft;
    case ZYDIS_MNEMONIC_ROR:
      return Effect::kRotateRight;
    case ZYDIS_MNEMONIC_IMUL:
      return Effect::kMultiply;
    default:
      return std::nullopt;
  }
}

// Of the second operand, which names memory: lea's address, or what a load brings from it.
X86Step address_step(const X86Instruction& instruction, std::int16_t next_offset, Effect effect) {
  X86Step step = forget(instruction);
  const ZydisDecodedOperand& operand = instruction.operands[1];
  if (operand.mem.segment == ZYDIS_REGISTER_FS || operand.mem.segment == ZYDIS_REGISTER_GS) return step;
  const bool relative = operand.mem.base == ZYDIS_REGISTER_RIP;
  const int base = relative ? -1 : register_number(operand.mem.base);
  const int index = register_number(operand.mem.index);
  if (operand.mem.base != ZYDIS_REGISTER_NONE && !relative && base < 0) return step;
  if (operand.mem.index != ZYDIS_REGISTER_NONE && index < 0) return step;
  step.effect = effect;
  step.destination = static_cast<std::int8_t>(register_number(instruction.operands[0].reg.value));
  step.bits = static_cast<std::uint8_t>(instruction.head.operand_width);
  step.source_bits = static_cast<std::uint8_t>(operand.size);
  step.address.ip_relative = relative;
  step.address.base = static_cast<std::int8_t>(base);
  step.address.index = static_cast<std::int8_t>(index);
  step.address.scale =
      operand.mem.scale == 0 ? std::uint8_t{1} : static_cast<std::uint8_t>(operand.mem.scale);
  step.address.displacement = operand.mem.disp.has_displacement ? operand.mem.disp.value : 0;
  step.address.next_offset = next_offset;
  step.address.address_32 = instruction.head.address_width == 32;
  return step;
}

// mul and div with one operand.
X86Step wide_step(const X86Instruction& instruction, Effect effect) {
  X86Step step = forget(instruction);
  if (instruction.head.operand_width < 32 || !set_source(step, instruction.operands[0])) return step;
  step.effect = effect;
  step.bits = static_cast<std::uint8_t>(instruction.head.operand_width);
  return step;
}

X86Step step_of(const X86Instruction& instruction, std::int16_t next_offset) {
  const ZydisDecodedInstruction& head = instruction.head;
  const bool one_operand = head.operand_count_visible == 1;
  if (head.mnemonic == ZYDIS_MNEMONIC_LEA && head.operand_width >= 32)
    return address_step(instruction, next_offset, Effect::kLea);
  if (head.mnemonic == ZYDIS_MNEMONIC_MUL) return wide_step(instruction, Effect::kMultiplyWide);
  if (head.mnemonic == ZYDIS_MNEMONIC_DIV) return wide_step(instruction, Effect::kDivideWide);
  X86Step step = forget(instruction);
  const std::optional<Effect> effect = simple_effect(head.mnemonic);
  const std::span<const ZydisDecodedOperand> operands = instruction.visible();
  if (!effect || operands.empty() || head.operand_width < 32) return step;
  if (head.mnemonic == ZYDIS_MNEMONIC_IMUL && one_operand) return step;
  if (operands[0].type != ZYDIS_OPERAND_TYPE_REGISTER || operands[0].size < 32) return step;
  const int destination = register_number(operands[0].reg.value);
  if (destination < 0) return step;
  const bool moves = *effect == Effect::kMove || *effect == Effect::kMoveSigned;
  if (moves && operands.size() == 2 && operands[1].type == ZYDIS_OPERAND_TYPE_MEMORY)
    return address_step(instruction, next_offset,
                        *effect == Effect::kMove ? Effect::kLoad : Effect::kLoadSigned);
  const bool counts_one = head.mnemonic == ZYDIS_MNEMONIC_INC || head.mnemonic == ZYDIS_MNEMONIC_DEC;
  if (counts_one)
    step.immediate = 1;
  else if (operands.size() < 2 || !set_source(step, operands.back()))
    return step;
  step.effect = *effect;
  step.destination = step.first = static_cast<std::int8_t>(destination);
  step.bits = static_cast<std::uint8_t>(head.operand_width);
  if (operands.size() == 3) {  // imul destination, first, immediate
    step.first = static_cast<std::int8_t>(register_number(operands[1].reg.value));
    if (operands[1].type != ZYDIS_OPERAND_TYPE_REGISTER || step.first < 0) return forget(instruction);
  }
  return step;
}

// Where the code goes on after an instruction that ends at `next`: an offset from ip, or nothing where that
// is uncertain.
std::optional<int> way_on(const X86Instruction& instruction, int next) {
  const ZydisInstructionCategory category = instruction.head.meta.category;
  if (category == ZYDIS_CATEGORY_UNCOND_BR || category == ZYDIS_CATEGORY_COND_BR) {
    const ZydisDecodedOperand& target = instruction.operands[0];
    if (target.type != ZYDIS_OPERAND_TYPE_IMMEDIATE || target.imm.is_relative == 0) return std::nullopt;
    const std::int64_t distance = target.imm.value.s;
    if (distance < -4096 || distance > 4096) return std::nullopt;
    if (category == ZYDIS_CATEGORY_COND_BR && distance >= 0) return std::nullopt;
    return next + static_cast<int>(distance);
  }
  if (category == ZYDIS_CATEGORY_CALL || category == ZYDIS_CATEGORY_RET ||
      category == ZYDIS_CATEGORY_SYSCALL || category == ZYDIS_CATEGORY_INTERRUPT)
    return std::nullopt;
  return next;
}

bool goes_straight_on(const X86Instruction& instruction) {
  const ZydisInstructionCategory category = instruction.head.meta.category;
  return category != ZYDIS_CATEGORY_UNCOND_BR && category != ZYDIS_CATEGORY_COND_BR &&
         way_on(instruction, 0).has_value();
}

// Register values on the way; those that became unknown are marked.
struct State {
  std::array<std::uint64_t, 16> value{};
  std::uint32_t known = 0xffff;

  bool has(int number) const { return number < 0 || (known & bit(number)) != 0; }
  std::uint64_t get(int number) const { return number < 0 ? 0 : value[static_cast<std::size_t>(number)]; }
  void set(int number, std::uint64_t to, unsigned bits) {
    value[static_cast<std::size_t>(number)] = bits == 32 ? to & 0xffffffffU : to;
    known |= bit(number);
  }
  void forget(std::uint32_t registers) { known &= ~registers; }
};

std::uint64_t cut(std::uint64_t value, unsigned bits) {
  return bits >= 64 ? value : value & ((std::uint64_t{1} << bits) - 1);
}

std::uint64_t extend(std::uint64_t value, unsigned bits) {
  if (bits >= 64) return value;
  const unsigned shift = 64 - bits;
  return static_cast<std::uint64_t>(static_cast<std::int64_t>(value << shift) >> shift);
}

std::uint64_t combine(const X86Step& step, std::uint64_t left, std::uint64_t right) {
  const bool narrow = step.bits == 32;
  const int count = static_cast<int>(right & (narrow ? 31U : 63U));
  const auto left32 = static_cast<std::uint32_t>(left);
  switch (step.effect) {
    case Effect::kMove:
      return cut(right, step.source < 0 ? 64 : step.source_bits);
    case Effect::kMoveSigned:
      return extend(right, step.source_bits);
    case Effect::kAdd:
      return left + right;
    case Effect::kSubtract:
      return left - right;
    case Effect::kXor:
      return left ^ right;
    case Effect::kAnd:
      return left & right;
    case Effect::kOr:
      return left | right;
    case Effect::kShiftLeft:
      return left << count;
    case Effect::kShiftRight:
      return (narrow ? left32 : left) >> count;
    case Effect::kShiftRightSigned:
      return static_cast<std::uint64_t>(static_cast<std::int64_t>(narrow ? extend(left, 32) : left) >> count);
    case Effect::kRotateLeft:
      return narrow ? std::rotl(left32, count) : std::rotl(left, count);
    case Effect::kRotateRight:
      return narrow ? std::rotr(left32, count) : std::rotr(left, count);
    case Effect::kMultiply:
      return left * right;
    default:
      return 0;
  }
}

bool loads(const X86Step& step) { return step.effect == Effect::kLoad || step.effect == Effect::kLoadSigned; }

// The 128-bit results of mul and div. Unknown where the processor would trap.
void apply_wide(const X86Step& step, State& state) {
  __extension__ using Wide = unsigned __int128;
  const bool divides = step.effect == Effect::kDivideWide;
  const bool known = state.has(kAx) && state.has(step.source) && (!divides || state.has(kDx));
  const std::uint64_t source = cut(state.get(step.source), step.bits);
  const std::uint64_t low = cut(state.get(kAx), step.bits), high = cut(state.get(kDx), step.bits);
  if (!known || (divides && (source == 0 || high >= source))) return state.forget(bit(kAx) | bit(kDx));
  if (divides) {
    const Wide dividend = (Wide{high} << step.bits) | low;
    state.set(kAx, static_cast<std::uint64_t>(dividend / source), step.bits);
    state.set(kDx, static_cast<std::uint64_t>(dividend % source), step.bits);
  } else {
    const Wide product = Wide{low} * source;
    state.set(kAx, static_cast<std::uint64_t>(product), step.bits);
    state.set(kDx, static_cast<std::uint64_t>(product >> step.bits), step.bits);
  }
}

// Nothing where a register of it is unknown.
std::optional<std::uint64_t> address_of(const X86Access& address, std::uint64_t ip, const State& state) {
  if (!state.has(address.base) || !state.has(address.index)) return std::nullopt;
  std::uint64_t sum = static_cast<std::uint64_t>(address.displacement) + state.get(address.base) +
                      state.get(address.index) * address.scale;
  if (address.ip_relative) sum += ip + static_cast<std::uint64_t>(std::int64_t{address.next_offset});
  return address.address_32 ? sum & 0xffffffffU : sum;
}

void apply_load(const X86Step& step, std::uint64_t ip, const X86Memory& memory, State& state) {
  const auto address = address_of(step.address, ip, state);
  const auto value = address && memory ? memory(*address, step.source_bits / 8U) : std::nullopt;
  if (!value) return state.forget(bit(step.destination));
  const bool is_signed = step.effect == Effect::kLoadSigned;
  state.set(step.destination, is_signed ? extend(*value, step.source_bits) : cut(*value, step.source_bits),
            step.bits);
}

void apply(const X86Step& step, std::uint64_t ip, const X86Memory& memory, State& state) {
  switch (step.effect) {
    case Effect::kForget:
      return state.forget(step.written);
    case Effect::kMultiplyWide:
    case Effect::kDivideWide:
      return apply_wide(step, state);
    case Effect::kLoad:
    case Effect::kLoadSigned:
      return apply_load(step, ip, memory, state);
    case Effect::kLea:
      if (const auto address = address_of(step.address, ip, state))
        return state.set(step.destination, *address, step.bits);
      return state.forget(bit(step.destination));
    default:
      break;
  }
  const bool move = step.effect == Effect::kMove || step.effect == Effect::kMoveSigned;
  const bool cleared = step.effect == Effect::kXor && step.source >= 0 && step.source == step.first;
  if (cleared) return state.set(step.destination, 0, step.bits);
  if (!state.has(step.source) || (!move && !state.has(step.first)))
    return state.forget(bit(step.destination));
  const std::uint64_t right = step.source < 0 ? step.immediate : state.get(step.source);
  state.set(step.destination, combine(step, move ? 0 : state.get(step.first), right), step.bits);
}

bool addresses(const X86Step& step) { return step.effect == Effect::kLea || loads(step); }

// The registers that hold something known after the step: like apply(), without the values.
std::uint32_t known_after(const X86Step& step, std::uint32_t known) {
  const auto has = [known](int number) { return number < 0 || (known & bit(number)) != 0; };
  switch (step.effect) {
    case Effect::kForget:
      return known & ~step.written;
    case Effect::kMultiplyWide:
    case Effect::kDivideWide: {
      const bool all = has(kAx) && has(step.source) && (step.effect == Effect::kMultiplyWide || has(kDx));
      return all ? known | bit(kAx) | bit(kDx) : known & ~(bit(kAx) | bit(kDx));
    }
    default:
      break;
  }
  const bool move = step.effect == Effect::kMove || step.effect == Effect::kMoveSigned;
  const bool cleared = step.effect == Effect::kXor && step.source >= 0 && step.source == step.first;
  const bool fed = addresses(step) ? has(step.address.base) && has(step.address.index)
                                   : cleared || (has(step.source) && (move || has(step.first)));
  return fed ? known | bit(step.destination) : known & ~bit(step.destination);
}

// Of a plain load, whose destination holds what it brought, and nothing else.
void note_what_it_brought(const X86Instruction& instruction, X86Ahead& replay) {
  const std::span<const ZydisDecodedOperand> operands = instruction.visible();
  if (instruction.head.mnemonic != ZYDIS_MNEMONIC_MOV || operands.size() != 2 ||
      operands[0].type != ZYDIS_OPERAND_TYPE_REGISTER || is_high_byte(operands[0]))
    return;
  replay.brought = static_cast<std::int8_t>(register_number(operands[0].reg.value));
  replay.brought_bytes = static_cast<std::uint8_t>(operands[0].size / 8);
}

std::uint32_t needed_for(const X86Access& access) { return bit(access.base) | bit(access.index); }

// With the instruction at the end, the access itself. False where it overwrites nothing of its own address.
bool begin_replay(const X86Instruction& instruction, std::int16_t next_offset, X86Ahead& replay) {
  replay.access = pick_access(instruction.visible());
  if (!replay.access || replay.access->segment != X86Access::Segment::kNone) return false;
  replay.access->next_offset = next_offset;
  replay.access->address_32 = instruction.head.address_width == 32;
  note_what_it_brought(instruction, replay);
  return (needed_for(*replay.access) & written_registers(instruction)) != 0;
}

// The steps make all that the address needs from what is known before them.
bool leads_to_access(const X86Ahead& replay) {
  std::uint32_t known = replay.known;
  for (const X86Step& step : replay.steps) known = known_after(step, known);
  return (needed_for(*replay.access) & ~known) == 0;
}

// What was read from memory needs a proof, what was computed none.
X86Ahead with_proof(X86Ahead replay) {
  const bool reads = std::any_of(replay.steps.begin(), replay.steps.end(), loads);
  if (reads && replay.brought < 0) return {};
  if (!reads) replay.brought = -1;
  return replay;
}

}  // namespace

X86Ahead replay_x86(X86Code& code) {
  const std::span<const std::uint8_t> before = code.before();
  X86Ahead replay;
  std::uint32_t written = 0;
  int end = static_cast<int>(before.size());
  for (unsigned back = 0; back < kMaxReplay; ++back) {
    const std::optional<int> found = code.start(back);
    if (!found) return {};
    const int start = *found;
    const auto next_offset = static_cast<std::int16_t>(end - static_cast<int>(before.size()));
    const std::optional<X86Instruction> instruction = x86_instruction(
        before.subspan(static_cast<std::size_t>(start), static_cast<std::size_t>(end - start)));
    if (!instruction || !goes_straight_on(*instruction)) return {};
    const bool idle = never_waits(instruction->head.meta.category);
    if (!replay.access && (idle || !begin_replay(*instruction, next_offset, replay))) return {};
    if (back > 0 && !idle) replay.steps.insert(replay.steps.begin(), step_of(*instruction, next_offset));
    if (!idle) written |= written_registers(*instruction);
    replay.known = 0xffffU & ~written;
    if (leads_to_access(replay)) return with_proof(std::move(replay));
    end = start;
  }
  return {};
}

X86Ahead look_ahead_x86(const X86Code& around) {
  X86Ahead ahead;
  std::vector<std::uint8_t> code(around.before().begin(), around.before().end());
  code.insert(code.end(), around.after().begin(), around.after().end());
  const int origin = static_cast<int>(around.before().size()), size = static_cast<int>(code.size());
  int offset = 0;
  for (unsigned count = 0; count < kMaxSteps; ++count) {
    const int at = origin + offset;
    if (at < 0 || at >= size) return ahead;
    const std::optional<X86Instruction> decoded =
        x86_instruction(std::span(code).subspan(static_cast<std::size_t>(at)));
    if (!decoded) return ahead;
    const X86Instruction& instruction = *decoded;
    const int next = offset + instruction.head.length;
    if (!never_waits(instruction.head.meta.category)) ahead.access = pick_access(instruction.used());
    if (ahead.access) {
      ahead.access->next_offset = static_cast<std::int16_t>(next);
      ahead.access->address_32 = instruction.head.address_width == 32;
      return ahead;
    }
    const std::optional<int> way = way_on(instruction, next);
    if (!way) return ahead;
    const X86Step step = step_of(instruction, static_cast<std::int16_t>(next));
    if (step.effect != Effect::kForget || step.written != 0) ahead.steps.push_back(step);
    offset = *way;
  }
  return ahead;
}

std::optional<Address> address_ahead(const X86Ahead& ahead, const X86Registers& registers,
                                     const X86Memory& memory) {
  if (!ahead.access) return std::nullopt;
  State state;
  state.value = registers.general;
  state.known = ahead.known;
  for (const X86Step& step : ahead.steps) apply(step, registers.ip, memory, state);
  if (!state.has(ahead.access->base) || !state.has(ahead.access->index)) return std::nullopt;
  X86Registers there = registers;
  there.general = state.value;
  const std::optional<Address> address = ahead.access->address(there);
  if (!address || ahead.brought < 0) return address;
  const unsigned bits = ahead.brought_bytes * 8U;
  const auto now = memory ? memory(*address, ahead.brought_bytes) : std::nullopt;
  const bool still =
      now && cut(*now, bits) == cut(registers.general[static_cast<std::size_t>(ahead.brought)], bits);
  return still ? address : std::nullopt;
}

}  // namespace tier
