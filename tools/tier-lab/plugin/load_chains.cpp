#include "tools/tier-lab/plugin/load_chains.h"

#include <Zydis/Zydis.h>

#include <bit>

namespace tier::lab {
namespace {

constexpr int kStackPointer = 4;
constexpr std::size_t kMostLoads = 64;  // of one block that are followed; later ones begin no chain

// What a register's value rests on.
struct Origin {
  RegisterSet at_start = 0;  // values that registers had when the block began
  std::uint64_t loads = 0;   // loads of the block, one bit each
  bool empty() const { return at_start == 0 && loads == 0; }
  void add(const Origin& other) {
    at_start = static_cast<RegisterSet>(at_start | other.at_start);
    loads |= other.loads;
  }
};

// The number of a general register of any width in the order of RegisterSet; -1 for all others.
int general(ZydisRegister reg) {
  const ZydisRegister wide = ZydisRegisterGetLargestEnclosing(ZYDIS_MACHINE_MODE_LONG_64, reg);
  return ZydisRegisterGetClass(wide) == ZYDIS_REGCLASS_GPR64 ? ZydisRegisterGetId(wide) : -1;
}

struct Decoded {
  ZydisDecodedInstruction instruction;
  ZydisDecodedOperand operands[ZYDIS_MAX_OPERAND_COUNT];
  std::span<const ZydisDecodedOperand> all() const { return {operands, instruction.operand_count}; }
};

bool is_access(const ZydisDecodedOperand& operand) {
  return operand.type == ZYDIS_OPERAND_TYPE_MEMORY && operand.mem.type == ZYDIS_MEMOP_TYPE_MEM;
}

bool is_flush(ZydisMnemonic mnemonic) {
  return mnemonic == ZYDIS_MNEMONIC_CLFLUSH || mnemonic == ZYDIS_MNEMONIC_CLFLUSHOPT ||
         mnemonic == ZYDIS_MNEMONIC_CLWB;
}

// An instruction whose result does not depend on its operands: xor rax, rax.
bool makes_zero(const Decoded& code) {
  const auto& operands = code.operands;
  return (code.instruction.mnemonic == ZYDIS_MNEMONIC_XOR ||
          code.instruction.mnemonic == ZYDIS_MNEMONIC_SUB) &&
         operands[0].type == ZYDIS_OPERAND_TYPE_REGISTER && operands[1].type == ZYDIS_OPERAND_TYPE_REGISTER &&
         operands[0].reg.value == operands[1].reg.value;
}

LineFlush flush_of(const Decoded& code, const InstructionBytes& bytes) {
  LineFlush flush;
  if (!is_flush(code.instruction.mnemonic)) return flush;
  const ZydisDecodedOperandMem& memory = code.operands[0].mem;
  flush.is_flush = true;
  flush.base = static_cast<std::int8_t>(general(memory.base));
  flush.index = static_cast<std::int8_t>(general(memory.index));
  flush.scale = memory.scale;
  flush.displacement = memory.disp.has_displacement ? memory.disp.value : 0;
  if (memory.base == ZYDIS_REGISTER_RIP)
    flush.displacement += static_cast<std::int64_t>(bytes.address + code.instruction.length);
  return flush;
}

// Follows values through one block.
class BlockReader {
 public:
  BlockReader() {
    for (unsigned r = 0; r < 16; ++r) origin_[r].at_start = static_cast<RegisterSet>(1U << r);
    origin_[kStackPointer] = {};
  }

  void read(std::size_t index, const Decoded& code, std::vector<InstructionFacts>& facts) {
    Origin sources;
    bool loads = false;
    RegisterSet address = 0;
    for (const ZydisDecodedOperand& operand : code.all()) {
      if (operand.type == ZYDIS_OPERAND_TYPE_MEMORY) {
        const bool access = is_access(operand);
        for (const ZydisRegister reg : {operand.mem.base, operand.mem.index}) {
          if (access)
            address = static_cast<RegisterSet>(address | resting_on(general(reg)));
          else
            add(sources, general(reg));  // lea computes with them
        }
        loads |= access && (operand.actions & ZYDIS_OPERAND_ACTION_MASK_READ) != 0;
      } else if (operand.type == ZYDIS_OPERAND_TYPE_REGISTER &&
                 (operand.actions & ZYDIS_OPERAND_ACTION_MASK_READ) != 0) {
        add(sources, general(operand.reg.value));
      }
    }
    facts[index].access.address = address;
    if (makes_zero(code)) sources = {};
    // String instructions step through memory: their pointers do not depend on what they load.
    if (loads && code.instruction.meta.category != ZYDIS_CATEGORY_STRINGOP && followed_.size() < kMostLoads) {
      sources.loads |= std::uint64_t{1} << followed_.size();
      followed_.push_back(index);
    }
    write(code, sources, facts);
  }

 private:
  // The registers to ask about when an address uses this one: itself while it holds something loaded in
  // this block, and those at the block's start that it rests on.
  RegisterSet resting_on(int reg) const {
    if (reg < 0 || reg == kStackPointer) return 0;
    const Origin& origin = origin_[static_cast<std::size_t>(reg)];
    return static_cast<RegisterSet>(origin.at_start | (origin.loads != 0 ? 1U << reg : 0U));
  }

  void add(Origin& sources, int reg) const {
    if (reg >= 0 && reg != kStackPointer) sources.add(origin_[static_cast<std::size_t>(reg)]);
  }

  void write(const Decoded& code, const Origin& sources, std::vector<InstructionFacts>& facts) {
    for (const ZydisDecodedOperand& operand : code.all()) {
      if (operand.type != ZYDIS_OPERAND_TYPE_REGISTER ||
          (operand.actions & ZYDIS_OPERAND_ACTION_MASK_WRITE) == 0)
        continue;
      const int reg = general(operand.reg.value);
      if (reg < 0 || reg == kStackPointer) continue;
      Origin& origin = origin_[static_cast<std::size_t>(reg)];
      const bool keeps = operand.size < 32 || (operand.actions & ZYDIS_OPERAND_ACTION_CONDWRITE) != 0;
      if (!keeps) origin = {};
      origin.add(sources);
      const bool alone = origin.at_start == 0 && std::has_single_bit(origin.loads);
      for (std::size_t load = 0; load < followed_.size(); ++load) {
        if ((origin.loads >> load & 1) == 0) continue;
        AccessRegisters& access = facts[followed_[load]].access;
        access.loaded = static_cast<RegisterSet>(access.loaded | 1U << reg);
        if (alone) access.replaced = static_cast<RegisterSet>(access.replaced | 1U << reg);
      }
    }
  }

  std::array<Origin, 16> origin_;
  std::vector<std::size_t> followed_;  // instructions that load, by their bit in Origin::loads
};

}  // namespace

std::vector<InstructionFacts> block_facts(const std::vector<InstructionBytes>& block) {
  static const ZydisDecoder decoder = [] {
    ZydisDecoder made;
    ZydisDecoderInit(&made, ZYDIS_MACHINE_MODE_LONG_64, ZYDIS_STACK_WIDTH_64);
    return made;
  }();
  std::vector<InstructionFacts> facts(block.size());
  BlockReader reader;
  for (std::size_t i = 0; i < block.size(); ++i) {
    Decoded code;
    if (!ZYAN_SUCCESS(ZydisDecoderDecodeFull(&decoder, block[i].bytes.data(), block[i].size,
                                             &code.instruction, code.operands)))
      continue;
    facts[i].flush = flush_of(code, block[i]);
    facts[i].halts = code.instruction.mnemonic == ZYDIS_MNEMONIC_HLT;
    reader.read(i, code, facts);
  }
  return facts;
}

}  // namespace tier::lab
