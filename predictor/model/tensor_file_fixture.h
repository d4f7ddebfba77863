// Tensor files for tests and the fuzzer: whole, taken apart, put together wrongly, and what must hold of any.
#pragma once

#include <nlohmann/json.hpp>
#include <span>
#include <string>

#include "predictor/model/tensor_file.h"

namespace tier {

using HeaderJson = nlohmann::ordered_json;  // the tensors' order counts

// Three tensors, of two dimensions, one and none, in no alphabetical order.
TensorFile sample_tensor_file();

inline std::span<const std::byte> bytes_of(const std::string& text) { return std::as_bytes(std::span(text)); }

struct TensorFileParts {
  std::string header, payload;
};
// Clips a header's length that reaches beyond the end.
TensorFileParts take_apart(const std::string& bytes);
// Length, header, payload as they are.
std::string assemble(const std::string& header, const std::string& payload);
// The same with every hash made anew, as far as header and payload allow, so that only what lies deeper can
// be wrong.
std::string sealed(HeaderJson header, const std::string& payload);

// What must hold for any bytes: they are refused with a text that names the file and a fix and is fit for a
// terminal; or they are a file within all limits, which survives writing and reading bit for bit. Empty
// where it holds. `refusal`, where given, becomes the text of the refusal or empty.
std::string broken_promise(const std::string& bytes, std::string* refusal = nullptr);
// The same of SignatureStore::load.
std::string broken_store_promise(const std::string& bytes, std::string* refusal = nullptr);

}  // namespace tier
