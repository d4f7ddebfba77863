// Bytes of a trace file: little-endian numbers, LEB128 varints, CRC-32. Private to the trace.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace tier::sim {

void put_u32(std::string& out, std::uint32_t value);
void put_u64(std::string& out, std::uint64_t value);
void put_f32(std::string& out, float value);
void put_f64(std::string& out, double value);
void put_varint(std::string& out, std::uint64_t value);

// Reads from front to back. Past the end, and at a varint that does not fit 64 bits, it fails for good: ok()
// is false and everything reads as zero, so that a decoder asks once per record.
class ByteReader {
 public:
  explicit ByteReader(std::string_view bytes) : rest_(bytes) {}
  std::uint8_t u8();
  std::uint32_t u32();
  std::uint64_t u64();
  float f32();
  double f64();
  std::uint64_t varint();
  bool ok() const { return ok_; }
  std::size_t left() const { return rest_.size(); }

 private:
  std::uint64_t fixed(std::size_t bytes);

  std::string_view rest_;
  bool ok_ = true;
};

// CRC-32 as of IEEE 802.3, zlib and PNG. Finds every error of up to 32 bits in a row.
std::uint32_t crc32(std::string_view bytes);

}  // namespace tier::sim
