#include "platform/linux/sampling/x86_decoder.h"

#include <algorithm>

#include "platform/linux/sampling/x86_operands.h"

namespace tier {
namespace {

constexpr unsigned kMaxWalkBack = 8;  // instructions; beyond it straight-line code is rare and evidence stale
constexpr Address kUserAddressEnd = Address{1}
                                    << 56;  // five-level paging: the highest user address there can be
constexpr Address kLowestAddress = 4096;    // page zero is never mapped

constexpr int kSource = 6;       // rsi of string instructions
constexpr int kDestination = 7;  // rdi

// One decoded instruction, reduced to what the walk needs.
struct Step {
  std::optional<X86Access> access;
  std::uint32_t written = 0;  // general registers it writes, one bit each
  bool straight = true;       // false for branches, calls, returns, system calls
};

bool is_straight(ZydisInstructionCategory category) {
  switch (category) {
    case ZYDIS_CATEGORY_CALL:
    case ZYDIS_CATEGORY_RET:
    case ZYDIS_CATEGORY_COND_BR:
    case ZYDIS_CATEGORY_UNCOND_BR:
    case ZYDIS_CATEGORY_INTERRUPT:
    case ZYDIS_CATEGORY_SYSCALL:
    case ZYDIS_CATEGORY_SYSRET:
      return false;
    default:
      return true;
  }
}

// After execution some address registers have moved on by a known step; `displacement` takes it back.
void undo_known_steps(const ZydisDecodedInstruction& instruction, X86Access& access, std::uint32_t& written) {
  if (instruction.mnemonic == ZYDIS_MNEMONIC_POP && access.base == kStackPointer &&
      access.type == AccessType::kLoad) {
    access.displacement -= instruction.operand_width / 8;
    written &= ~bit(kStackPointer);
  }
  if (instruction.mnemonic == ZYDIS_MNEMONIC_PUSH && access.base == kStackPointer &&
      access.type == AccessType::kStore)
    written &= ~bit(kStackPointer);
}

bool is_string(ZydisInstructionCategory category) { return category == ZYDIS_CATEGORY_STRINGOP; }

// Decodes one instruction at the start of `bytes`. `next_offset`: of the following instruction relative to
// ip.
std::optional<Step> decode_step(std::span<const std::uint8_t> bytes, std::int16_t next_offset,
                                bool executed) {
  const std::optional<X86Instruction> decoded = x86_instruction(bytes);
  if (!decoded) return std::nullopt;
  const ZydisDecodedInstruction& instruction = decoded->head;
  const std::span<const ZydisDecodedOperand> used = decoded->used();
  Step step;
  step.straight = is_straight(instruction.meta.category);
  for (const ZydisDecodedOperand& operand : used)
    if (operand.type == ZYDIS_OPERAND_TYPE_REGISTER &&
        (operand.actions & ZYDIS_OPERAND_ACTION_MASK_WRITE) != 0)
      step.written |= bit(register_number(operand.reg.value));
  if (never_waits(instruction.meta.category)) return step;
  // A string instruction moves its own address registers on; only one that is still under way can be read.
  if (is_string(instruction.meta.category)) {
    step.written |= bit(kSource) | bit(kDestination);
    if (executed) return step;
  }
  step.access = pick_access(used);
  if (!step.access) return step;
  X86Access& access = *step.access;
  access.next_offset = executed ? next_offset : static_cast<std::int16_t>(instruction.length);
  access.address_32 = instruction.address_width == 32;
  if (!executed) return step;
  undo_known_steps(instruction, access, step.written);
  const std::uint32_t needed = bit(access.base) | bit(access.index);
  if ((needed & step.written) == 0) return step;
  // A load into its own base holds the pointer to follow next; anything else has lost its address.
  const bool chase = access.type == AccessType::kLoad && instruction.mnemonic == ZYDIS_MNEMONIC_MOV &&
                     instruction.operand_width == 64 && (bit(access.index) & step.written) == 0;
  if (chase)
    access.own_base_overwritten = true;
  else
    step.access.reset();
  return step;
}

}  // namespace

std::optional<Address> X86Access::address(const X86Registers& registers) const {
  auto result = static_cast<std::uint64_t>(displacement);
  if (ip_relative)
    result += registers.ip + static_cast<std::uint64_t>(static_cast<std::int64_t>(next_offset));
  if (base >= 0) result += registers.general[static_cast<std::size_t>(base)];
  if (index >= 0) result += registers.general[static_cast<std::size_t>(index)] * scale;
  if (address_32) result &= 0xffffffffU;
  if (segment != Segment::kNone) {
    const std::uint64_t segment_base = segment == Segment::kFs ? registers.fs_base : registers.gs_base;
    if (segment_base == 0) return std::nullopt;
    result += segment_base;
  }
  if (result < kLowestAddress || result >= kUserAddressEnd) return std::nullopt;
  return result;
}

X86Code::X86Code(std::span<const std::uint8_t> before, std::span<const std::uint8_t> after)
    : before_(before), after_(after) {
  const std::size_t skipped = before.size() > kWindow ? before.size() - kWindow : 0;
  const std::span<const std::uint8_t> window = before.subspan(skipped);
  skipped_ = static_cast<int>(skipped);
  end_ = static_cast<int>(window.size());
  for (std::size_t offset = 0; offset < window.size(); ++offset)
    lengths_[offset] = x86_outline(window.subspan(offset)).length;
}

// Start of the instruction that ends at `end`, by the majority of the chains that land there; -1 when none
// does. Of equals the earliest wins: a start that leaves out a prefix is always later.
int X86Code::predecessor(int end) const {
  std::array<std::int16_t, kWindow>
      last{};  // last instruction start of the chain from here, -1: misses `end`
  std::array<std::uint8_t, kWindow> votes{};
  int best = -1;
  for (int offset = end - 1; offset >= 0; --offset) {
    const auto at = static_cast<std::size_t>(offset);
    last[at] = -1;
    if (lengths_[at] == 0) continue;
    const int next = offset + lengths_[at];
    if (next == end)
      last[at] = static_cast<std::int16_t>(offset);
    else if (next < end)
      last[at] = last[static_cast<std::size_t>(next)];
    if (last[at] < 0) continue;
    const auto winner = static_cast<std::size_t>(last[at]);
    ++votes[winner];
    if (best < 0 || votes[winner] >= votes[static_cast<std::size_t>(best)]) best = last[at];
  }
  return best;
}

std::optional<int> X86Code::start(std::size_t i) {
  while (starts_.size() <= i && end_ >= 0) {
    end_ = predecessor(end_);
    if (end_ >= 0) starts_.push_back(end_ + skipped_);
  }
  return i < starts_.size() ? std::optional(starts_[i]) : std::nullopt;
}

X86Decoded decode_x86(X86Code& code) {
  const std::span<const std::uint8_t> before = code.before(), after = code.after();
  X86Decoded result;
  if (!after.empty())
    if (const std::optional<Step> step = decode_step(after, 0, false)) result.at = step->access;

  std::uint32_t written_since = 0;
  int end = static_cast<int>(before.size());
  unsigned distance = 0;
  for (unsigned back = 0; back <= kMaxWalkBack; ++back) {
    const std::optional<int> found = code.start(back);
    if (!found) return result;
    const int start = *found;
    const auto next_offset = static_cast<std::int16_t>(end - static_cast<int>(before.size()));
    const std::optional<Step> step =
        decode_step(before.subspan(static_cast<std::size_t>(start), static_cast<std::size_t>(end - start)),
                    next_offset, true);
    if (!step || !step->straight) return result;
    if (step->access) {
      const std::uint32_t needed = bit(step->access->base) | bit(step->access->index);
      if ((needed & written_since) == 0) {
        (distance == 0 ? result.before : result.earlier) = step->access;
        result.earlier_distance = distance;
      }
      return result;
    }
    written_since |= step->written;
    end = start;
    ++distance;
  }
  return result;
}

}  // namespace tier
