#include "predictor/model/tensor_file.h"

#include <bit>
#include <nlohmann/json.hpp>

#include "platform/api/durable_file.h"
#include "platform/api/text_file.h"
#include "predictor/model/digest.h"
#include "predictor/model/tensor_format.h"

namespace tier {
namespace {

using nlohmann::json;
namespace format = tensor_format;

static_assert(std::endian::native == std::endian::little, "values are copied as they lie in memory");

std::string text(const json& document) {
  return document.dump(-1, ' ', false, json::error_handler_t::replace);
}

void append(std::string& payload, const Tensor& tensor) {
  payload.append(reinterpret_cast<const char*>(tensor.values.data()), tensor.values.size() * sizeof(float));
}

// `metadata` and the entries in the tensors' order, which a JSON library would sort by name.
std::string header_text(const TensorFile& file, const json& metadata, const std::vector<json>& entries) {
  std::string header = "{" + text(format::kMetadata) + ":" + text(metadata);
  for (std::size_t i = 0; i < entries.size(); ++i)
    header += "," + text(file.tensors[i].name) + ":" + text(entries[i]);
  header += "}";
  header.resize((header.size() + format::kAlignment - 1) / format::kAlignment * format::kAlignment, ' ');
  return header;
}

}  // namespace

std::string write_tensor_file(const TensorFile& file) {
  std::string payload;
  json metadata = json::object(), document;
  for (const auto& [key, value] : file.metadata) metadata[key] = value;
  std::vector<json> entries;
  for (const Tensor& tensor : file.tensors) {
    const std::size_t begin = payload.size();
    append(payload, tensor);
    entries.push_back({{"dtype", "F32"}, {"shape", tensor.shape}, {"data_offsets", {begin, payload.size()}}});
    document[tensor.name] = entries.back();
    metadata[std::string(format::kTensorHash) + tensor.name] =
        xxh3_128_hex(std::as_bytes(std::span(tensor.values)));
  }
  metadata[format::kVersionKey] = format::kVersion;
  metadata[format::kPayloadHash] = sha256_hex(payload);
  metadata.erase(format::kHeaderHash);
  document[format::kMetadata] = metadata;
  metadata[format::kHeaderHash] = sha256_hex(text(document));
  const std::string header = header_text(file, metadata, entries);
  std::string bytes;
  bytes.reserve(format::kLengthBytes + header.size() + payload.size());
  for (std::size_t i = 0; i < format::kLengthBytes; ++i)
    bytes += static_cast<char>((header.size() >> (8 * i)) & 0xFFU);
  return bytes += header + payload;
}

std::string payload_sha256(const TensorFile& file) {
  std::string payload;
  for (const Tensor& tensor : file.tensors) append(payload, tensor);
  return sha256_hex(payload);
}

Result<TensorFile> read_tensor_file(const std::filesystem::path& path) {
  const std::string name = path.string();
  const auto bytes = read_regular_file(path, kMostTensorFileBytes);
  if (!bytes)
    return fail(bytes.error().kind, bytes.error().message,
                "name a tensor file that exists and may be read, or put " + name + ".previous in its place");
  return parse_tensor_file(std::as_bytes(std::span(*bytes)), name);
}

Result<void> write_tensor_file(const std::filesystem::path& path, const TensorFile& file) {
  const std::string bytes = write_tensor_file(file);
  // Nothing that could not be read back may take the place of what can be.
  const auto again = parse_tensor_file(std::as_bytes(std::span(bytes)), path.string());
  if (!again)
    return fail(ErrorKind::kUsage, "not written: " + again.error().message,
                "mend what is to be written; the file there stays as it was");
  if (*again != file)
    return fail(ErrorKind::kUsage,
                "not written: " + path.string() + ": its metadata holds a reserved name or is not UTF-8",
                "use names that tensor_file.h does not reserve, and UTF-8");
  return replace_file(path, bytes);
}

}  // namespace tier
