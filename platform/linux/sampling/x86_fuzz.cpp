// Feeds the x86 decoder and the look-ahead with any code. An input is the number of bytes before the
// instruction pointer (modulo 65), these bytes, and the bytes from it on (64 at most).
#include <vector>

#include "platform/linux/sampling/x86_ahead.h"
#include "platform/linux/sampling/x86_decoder.h"
#include "platform/linux/sampling/x86_transition.h"
#include "tests/fuzz/fuzz.h"

namespace {

using tier::fuzz::require;

constexpr std::size_t kWindow = 64;
constexpr std::size_t kMostSteps = 48;

std::vector<tier::X86Registers> register_files() {
  std::vector<tier::X86Registers> all(3);
  std::uint64_t next = 0x9E3779B97F4A7C15U;
  for (std::uint64_t& value : all[1].general) value = 0x10000 + ((next *= 0xD1342543DE82EF95U) >> 20);
  for (std::uint64_t& value : all[2].general) value = UINT64_MAX - ((next *= 0xD1342543DE82EF95U) >> 60);
  all[1].ip = 0x400000, all[1].fs_base = 0x7F0000000000;
  all[2].ip = UINT64_MAX - 3, all[2].gs_base = UINT64_MAX;
  return all;
}

void check_address(std::optional<tier::Address> address) {
  if (address) require(*address >= 4096 && *address < tier::Address{1} << 56, "an address is in user space");
}

void check_access(const std::optional<tier::X86Access>& access, const tier::X86Registers& registers) {
  if (!access) return;
  require(access->base >= -1 && access->base < 16 && access->index >= -1 && access->index < 16,
          "a register is one of sixteen");
  require(access->scale == 1 || access->scale == 2 || access->scale == 4 || access->scale == 8,
          "a scale is 1, 2, 4 or 8");
  require(std::abs(access->next_offset) <= static_cast<int>(kWindow),
          "the next instruction is in the windows");
  check_address(access->address(registers));
  const bool cut = access->address_32 && access->segment == tier::X86Access::Segment::kNone;
  if (const auto address = access->address(registers); cut && address)
    require(*address <= UINT32_MAX, "a 32-bit address is cut");
}

void check_way(const tier::X86Ahead& way, const tier::X86Registers& registers) {
  require(way.steps.size() <= kMostSteps, "a way has a bounded length");
  require(way.known <= 0xFFFF, "there are sixteen registers");
  check_access(way.access, registers);
  const auto address = tier::address_ahead(way, registers);
  check_address(address);
  require(!address || way.access, "an address is that of an access");
}

void check_starts(tier::X86Code& code) {
  int last = static_cast<int>(code.before().size());
  std::size_t count = 0;
  for (; const auto start = code.start(count); ++count) {
    require(*start >= 0 && *start < last, "instructions before the pointer lie one before the other");
    last = *start;
  }
  require(count <= kWindow, "no more instructions than bytes are looked at");
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  const std::size_t before_size = std::min<std::size_t>(data[0] % (kWindow + 1), size - 1);
  const std::size_t after_size = std::min(kWindow, size - 1 - before_size);
  // Exactly as long as what is read, so that the address sanitizer sees what lies outside.
  const std::vector<std::uint8_t> before(data + 1, data + 1 + before_size);
  const std::vector<std::uint8_t> after(data + 1 + before_size, data + 1 + before_size + after_size);
  tier::X86Code code(before, after);
  check_starts(code);
  const tier::X86Decoded decoded = tier::decode_x86(code);
  require(decoded.earlier_distance <= 8, "an earlier access is at most eight instructions back");
  const tier::X86Ahead ahead = tier::look_ahead_x86(code), replay = tier::replay_x86(code);
  if (tier::transition_x86(code)) require(!after.empty(), "a transition leads to an instruction");
  for (const tier::X86Registers& registers : register_files()) {
    for (const auto& access : {decoded.before, decoded.at, decoded.earlier}) check_access(access, registers);
    for (const tier::X86Ahead* way : {&ahead, &replay}) check_way(*way, registers);
  }
  return 0;
}
