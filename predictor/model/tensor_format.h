// Names in the header of a tensor file. Private to its reader and writer.
#pragma once

#include <string_view>

namespace tier::tensor_format {

inline constexpr char kMetadata[] = "__metadata__";
inline constexpr char kVersionKey[] = "format_version";
inline constexpr char kVersion[] = "1";
inline constexpr char kPayloadHash[] = "payload_sha256";
inline constexpr char kHeaderHash[] = "header_sha256";
inline constexpr std::string_view kTensorHash = "xxh3_128.";  // and the tensor's name
inline constexpr std::size_t kLengthBytes = 8;                // before the header
inline constexpr std::size_t kAlignment = 8;                  // of the values

inline bool reserved(std::string_view key) {
  return key == kVersionKey || key == kPayloadHash || key == kHeaderHash || key.starts_with(kTensorHash);
}

}  // namespace tier::tensor_format
