// How the guest talks to the counting plugin: a multi-byte NOP whose displacement carries a magic number and
// an argument. The plugin recognises it when QEMU translates it; on any other machine it does nothing. One
// header for both sides.
#pragma once

#include <cstddef>
#include <cstdint>

namespace tier::lab {

// `nopl disp32(%rax)`: 0f 1f 80, then the displacement, little endian.
inline constexpr unsigned char kMarkOpcode[3] = {0x0f, 0x1f, 0x80};
inline constexpr std::size_t kMarkLength = 7;
inline constexpr std::uint32_t kMarkMagic = 0x7ead0000;
inline constexpr std::uint32_t kMarkMagicMask = 0xffff0000;

enum class Mark : std::uint16_t {
  kStart = 1,    // counting begins
  kPeriod = 2,   // one period ends, the next begins
  kStop = 3,     // counting ends
  kMessage = 4,  // the guest has put a message into the message buffer
};

// The agent maps the buffer at this address, which no program of the image uses: it lies far below PIE and
// mmap bases.
inline constexpr std::uint64_t kMessageAddress = 0x7ea0'0000'0ULL;
inline constexpr std::size_t kMessageCapacity = 256 * 1024;

struct MessageBuffer {
  std::uint64_t length;  // bytes of `text` in use
  char text[kMessageCapacity - sizeof(std::uint64_t)];
};
static_assert(sizeof(MessageBuffer) == kMessageCapacity);

}  // namespace tier::lab
