// Preamble and frames, byte by byte. Private to the trace.
#pragma once

#include <cstdint>
#include <string>

#include "sim/trace/bytes.h"
#include "sim/trace/chunk.h"
#include "sim/trace/trace.h"

namespace tier::sim {

// As PNG's: a byte above ASCII and both line ends show a file that went through a text converter.
inline constexpr std::string_view kMagic = "\x89tiert\r\n";
inline constexpr std::size_t kPreambleBytes = 16, kFrameBytes = 24;

inline std::string preamble(std::uint32_t version = kTraceVersion) {
  std::string bytes(kMagic);
  put_u32(bytes, version);
  put_u32(bytes, crc32(bytes));
  return bytes;
}

inline std::string encode_frame(const ChunkFrame& frame) {
  std::string bytes;
  put_u32(bytes, static_cast<std::uint32_t>(frame.type));
  put_u32(bytes, frame.number);
  put_u32(bytes, frame.stored);
  put_u32(bytes, frame.raw);
  put_u32(bytes, frame.checksum);
  put_u32(bytes, crc32(bytes));
  return bytes;
}

}  // namespace tier::sim
