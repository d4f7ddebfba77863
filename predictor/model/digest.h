// Digests as lower-case hexadecimal text.
#pragma once

#include <cstddef>
#include <span>
#include <string>

namespace tier {

// SHA-256 (FIPS 180-4), 64 digits. Empty where the library offers no SHA-256: never equal to a digest.
std::string sha256_hex(std::span<const std::byte> bytes);
inline std::string sha256_hex(const std::string& bytes) {
  return sha256_hex(std::as_bytes(std::span(bytes)));
}

// XXH3 of 128 bits, 32 digits, high word first: what `xxhsum -H2` prints. Finds damage, not malice.
std::string xxh3_128_hex(std::span<const std::byte> bytes);

}  // namespace tier
