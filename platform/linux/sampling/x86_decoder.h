// From interrupted registers and the code around the instruction pointer to the data address that was
// accessed.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "core/access_sample.h"
#include "core/units.h"

namespace tier {

// User registers of an interrupted x86-64 thread; general[] in encoding order (ax cx dx bx sp bp si di r8 …
// r15).
struct X86Registers {
  std::array<std::uint64_t, 16> general{};
  std::uint64_t ip = 0;
  std::uint64_t fs_base = 0;  // 0: not known
  std::uint64_t gs_base = 0;
};

// One memory operand with what is needed to compute its address later.
struct X86Access {
  enum class Segment : std::uint8_t { kNone, kFs, kGs };
  std::int8_t base = -1;   // number of a general register, -1: none
  std::int8_t index = -1;  // likewise
  std::uint8_t scale = 1;  // 1, 2, 4 or 8
  Segment segment = Segment::kNone;
  bool ip_relative = false;           // displacement counts from next_offset
  bool address_32 = false;            // address size prefix: the result is cut to 32 bits
  bool own_base_overwritten = false;  // a pointer chase: registers now give the address of its *next* access
  std::int16_t next_offset = 0;       // where the following instruction starts, relative to ip
  std::int64_t displacement = 0;
  AccessType type = AccessType::kUnknown;

  // Address for these registers (taken at the ip that was decoded); nothing when a needed segment base is
  // unknown or the result is no user address.
  std::optional<Address> address(const X86Registers& registers) const;
};

// What the code around one instruction pointer says. `distance` counts instructions between the access and
// ip.
struct X86Decoded {
  std::optional<X86Access> before;  // of the instruction that ends at ip
  std::optional<X86Access> at;      // of the instruction at ip, not yet executed
  std::optional<X86Access>
      earlier;  // nearest access further back whose address registers still hold, straight line only
  unsigned earlier_distance =
      0;  // instructions executed since `earlier` (1 = one other instruction in between)
};

// Code bytes that end at ip (`before`, the last 64 are used) and begin at ip (`after`), with the starts of
// the instructions before ip, found once for all who ask. x86 cannot be decoded backwards: every offset is
// tried and the majority of the chains that land exactly on ip wins (wrong starts fall into step within a few
// instructions). Reads nothing outside the spans, whatever the bytes; they must outlive it.
class X86Code {
 public:
  X86Code(std::span<const std::uint8_t> before, std::span<const std::uint8_t> after);

  std::span<const std::uint8_t> before() const { return before_; }
  std::span<const std::uint8_t> after() const { return after_; }
  // Where the instruction number `i` before ip starts, 0 the nearest, as an offset into before(); nothing
  // when no chain lands there.
  std::optional<int> start(std::size_t i);

 private:
  static constexpr std::size_t kWindow = 64;  // bytes before ip that are looked at

  int predecessor(int end) const;

  std::span<const std::uint8_t> before_, after_;
  std::array<std::uint8_t, kWindow> lengths_{};  // of the instruction at each offset of the window, 0: none
  int skipped_ = 0;                              // bytes of before() in front of the window
  int end_ = 0;  // of the window that is not taken apart yet; -1: no chain lands
  std::vector<int> starts_;
};

X86Decoded decode_x86(X86Code& code);

}  // namespace tier
