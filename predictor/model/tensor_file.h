// Tensors on disk: the model of the learned forecaster, and what it has learnt of workloads.
//
// The layout is safetensors (github.com/huggingface/safetensors, "Format"), so that its Python library can
// look into a file: the length of the header, 8 bytes little-endian; the header, JSON, filled up with spaces
// to 8 bytes: for each tensor dtype, shape and byte offsets, and `__metadata__`, texts by name; then the
// values, fp32 little-endian, row by row. We are stricter than the format where that costs us nothing: see
// parse_tensor_file.
//
// Our metadata, added in writing, checked and taken off in reading, reserved:
//   format_version  "1"
//   xxh3_128.NAME   XXH3-128 of the bytes of tensor NAME; says which tensor is damaged
//   payload_sha256  SHA-256 of all values; names the model
//   header_sha256   SHA-256 of the header as compact JSON with sorted keys, without this entry
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <map>
#include <span>
#include <string>
#include <vector>

#include "core/result.h"

namespace tier {

struct Tensor {
  std::string name;                  // 1 to 128 letters, digits and "_.-/", unique in its file
  std::vector<std::uint64_t> shape;  // at most 8 dimensions, each at least 1; none: a single number
  std::vector<float> values;         // as many as the shape says, last dimension fastest
  bool operator==(const Tensor&) const = default;
};

struct TensorFile {
  std::map<std::string, std::string> metadata;  // UTF-8; no reserved name
  std::vector<Tensor> tensors;                  // in the order of their values in the file
  bool operator==(const TensorFile&) const = default;
};

// Limits far above our models (5 520 weights and their generator: 202 KB), far below what could hurt.
inline constexpr std::uint64_t kMostTensorFileBytes = 64U << 20;
inline constexpr std::uint64_t kMostTensorHeaderBytes = 1U << 20;
inline constexpr std::size_t kMostTensors = 1024;
inline constexpr std::size_t kMostTensorDimensions = 8;
inline constexpr std::size_t kMostTensorName = 128;
inline constexpr float kMostTensorMagnitude = 1e4F;  // a trained weight or normalisation is of order one

// The bytes of the file: the same for the same input, on any machine. Does not judge: what breaks a rule
// above gives bytes that parse_tensor_file refuses.
std::string write_tensor_file(const TensorFile& file);

// Takes nothing on trust: sizes, JSON of bounded depth without repeated keys, fp32 only, values side by side
// in the header's order from the payload's first byte to its last, hashes, finite values of bounded
// magnitude. Allocates for values only what the bytes at hand hold. Fails with kUnsupported for another
// format version, else kFailed; the text names the file, what is wrong and what to do.
Result<TensorFile> parse_tensor_file(std::span<const std::byte> bytes, const std::string& name_for_errors);

// SHA-256 of all values, as in the file: names a model.
std::string payload_sha256(const TensorFile& file);

Result<TensorFile> read_tensor_file(const std::filesystem::path& path);

// Replaces the file in one step, the one there before is kept as NAME.previous (platform/api/durable_file.h).
// Refuses, leaving both as they were, what parse_tensor_file would not give back as it is.
Result<void> write_tensor_file(const std::filesystem::path& path, const TensorFile& file);

}  // namespace tier
