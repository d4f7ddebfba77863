#include "sim/trace/bytes.h"

#include <zlib.h>

#include <bit>

namespace tier::sim {
namespace {

void put_fixed(std::string& out, std::uint64_t value, std::size_t bytes) {
  for (std::size_t i = 0; i < bytes; ++i) out.push_back(static_cast<char>(value >> (8 * i) & 0xFF));
}

}  // namespace

void put_u32(std::string& out, std::uint32_t value) { put_fixed(out, value, 4); }
void put_u64(std::string& out, std::uint64_t value) { put_fixed(out, value, 8); }
void put_f32(std::string& out, float value) { put_u32(out, std::bit_cast<std::uint32_t>(value)); }
void put_f64(std::string& out, double value) { put_u64(out, std::bit_cast<std::uint64_t>(value)); }

void put_varint(std::string& out, std::uint64_t value) {
  for (; value >= 0x80; value >>= 7) out.push_back(static_cast<char>(value | 0x80));
  out.push_back(static_cast<char>(value));
}

std::uint64_t ByteReader::fixed(std::size_t bytes) {
  if (bytes > rest_.size()) ok_ = false;
  if (!ok_) return rest_ = {}, 0;
  std::uint64_t value = 0;
  for (std::size_t i = 0; i < bytes; ++i)
    value |= std::uint64_t{static_cast<std::uint8_t>(rest_[i])} << (8 * i);
  rest_.remove_prefix(bytes);
  return value;
}

std::uint8_t ByteReader::u8() { return static_cast<std::uint8_t>(fixed(1)); }
std::uint32_t ByteReader::u32() { return static_cast<std::uint32_t>(fixed(4)); }
std::uint64_t ByteReader::u64() { return fixed(8); }
float ByteReader::f32() { return std::bit_cast<float>(u32()); }
double ByteReader::f64() { return std::bit_cast<double>(u64()); }

std::uint64_t ByteReader::varint() {
  std::uint64_t value = 0;
  for (int shift = 0; shift < 64; shift += 7) {
    const std::uint64_t byte = u8();
    if (shift == 63 && byte > 1) break;
    value |= (byte & 0x7F) << shift;
    if (byte < 0x80) return value;
  }
  ok_ = false;
  rest_ = {};
  return 0;
}

std::uint32_t crc32(std::string_view bytes) {
  return static_cast<std::uint32_t>(::crc32_z(0, reinterpret_cast<const Bytef*>(bytes.data()), bytes.size()));
}

}  // namespace tier::sim
