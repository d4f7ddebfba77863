#include "predictor/model/tensor_file_fixture.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstring>
#include <set>

#include "predictor/model/digest.h"
#include "predictor/model/signature_store.h"

namespace tier {
namespace {

constexpr char kName[] = "/models/a.tensors";

bool same_bits(const Tensor& a, const Tensor& b) {
  return a == b && std::equal(a.values.begin(), a.values.end(), b.values.begin(), [](float x, float y) {
           return std::bit_cast<std::uint32_t>(x) == std::bit_cast<std::uint32_t>(y);
         });
}

std::string fault_of_refusal(const Error& error) {
  if (error.message.rfind(kName, 0) != 0) return "the refusal does not begin with the file's name";
  if (error.fix.empty()) return "the refusal has no fix";
  const std::string text = error.text();
  if (text.size() > 1000) return "the refusal is endless";
  const bool printable = std::all_of(text.begin(), text.end(), [](char c) { return c >= 32 && c < 127; });
  return printable ? "" : "the refusal is not fit for a terminal";
}

std::string fault_of_tensor(const Tensor& tensor) {
  if (tensor.name.empty() || tensor.name.size() > kMostTensorName) return "a name is out of bounds";
  if (tensor.shape.size() > kMostTensorDimensions) return "a tensor has too many dimensions";
  std::uint64_t count = 1;
  for (const std::uint64_t dimension : tensor.shape)
    if (__builtin_mul_overflow(count, dimension, &count)) return "a shape overflows";
  if (count == 0 || count != tensor.values.size()) return "a shape does not fit its values";
  for (const float value : tensor.values)
    if (!std::isfinite(value) || std::abs(value) > kMostTensorMagnitude) return "a value is out of bounds";
  return "";
}

std::string fault_of_file(const TensorFile& file) {
  if (file.tensors.size() > kMostTensors) return "there are too many tensors";
  std::set<std::string> names;
  for (const Tensor& tensor : file.tensors) {
    if (!names.insert(tensor.name).second) return "a name is there twice";
    if (auto fault = fault_of_tensor(tensor); !fault.empty()) return fault;
  }
  const std::string bytes = write_tensor_file(file);
  const auto again = parse_tensor_file(bytes_of(bytes), kName);
  if (!again) return "written again it is refused: " + again.error().text();
  if (*again != file ||
      !std::equal(file.tensors.begin(), file.tensors.end(), again->tensors.begin(), same_bits))
    return "written again it is another";
  return write_tensor_file(*again) == bytes ? "" : "the bytes are not the same each time";
}

}  // namespace

TensorFile sample_tensor_file() {
  return {{{"architecture", "tcn-c8"}, {"note", "gr\u00FC\u00DFe \"\\\n"}},
          {{"stem/weights", {2, 3}, {1, -2.5F, 3e-41F, -0.0F, 1e4F, 0.1F}},
           {"head/bias", {4}, {-1e4F, 0, 7, 1e-30F}},
           {"scale", {}, {0.5F}}}};
}

TensorFileParts take_apart(const std::string& bytes) {
  std::uint64_t length = 0;
  std::memcpy(&length, bytes.data(), std::min<std::size_t>(bytes.size(), sizeof length));
  const std::string rest = bytes.size() > sizeof length ? bytes.substr(sizeof length) : std::string();
  length = std::min<std::uint64_t>(length, rest.size());
  return {rest.substr(0, length), rest.substr(length)};
}

std::string assemble(const std::string& header, const std::string& payload) {
  std::string bytes(sizeof(std::uint64_t), '\0');
  const std::uint64_t length = header.size();
  std::memcpy(bytes.data(), &length, sizeof length);
  return bytes + header + payload;
}

std::string sealed(HeaderJson header, const std::string& payload) {
  const auto text = [](const auto& document) {
    return document.dump(-1, ' ', false, HeaderJson::error_handler_t::replace);
  };
  if (!header.is_object() || !header.contains("__metadata__") || !header["__metadata__"].is_object())
    return assemble(text(header), payload);
  HeaderJson& metadata = header["__metadata__"];
  for (const auto& [name, entry] : header.items()) {
    if (!entry.is_object() || !entry.contains("data_offsets")) continue;
    const HeaderJson& at = entry["data_offsets"];
    if (!at.is_array() || at.size() != 2 || !at[0].is_number_unsigned() || !at[1].is_number_unsigned())
      continue;
    const auto begin = at[0].get<std::uint64_t>(), end = at[1].get<std::uint64_t>();
    if (begin <= end && end <= payload.size())
      metadata["xxh3_128." + name] = xxh3_128_hex(bytes_of(payload).subspan(begin, end - begin));
  }
  metadata["payload_sha256"] = sha256_hex(payload);
  metadata.erase("header_sha256");
  metadata["header_sha256"] = sha256_hex(text(nlohmann::json::parse(text(header))));
  return assemble(text(header), payload);
}

std::string broken_promise(const std::string& bytes, std::string* refusal) {
  const auto file = parse_tensor_file(bytes_of(bytes), kName);
  if (refusal != nullptr) *refusal = file ? "" : file.error().text();
  return file ? fault_of_file(*file) : fault_of_refusal(file.error());
}

std::string broken_store_promise(const std::string& bytes, std::string* refusal) {
  SignatureStore store("a model");
  const auto found = store.load(bytes_of(bytes), kName);
  if (refusal != nullptr) *refusal = found ? "" : found.error().text();
  if (!found)
    return store.entries().empty() ? fault_of_refusal(found.error()) : "a refused file left entries";
  if (found->entries != store.entries().size() || found->entries > kMostSignatures)
    return "the store has too many entries";
  if (found->other_model && found->entries != 0) return "entries of another model were kept";
  std::set<std::uint64_t> signatures;
  SignatureStore by_hand("a model"), again("a model");
  for (const SignatureEntry& entry : store.entries()) {
    if (!signatures.insert(entry.signature).second) return "a signature is there twice";
    if (const auto done = by_hand.put(entry); !done) return "an entry breaks a rule: " + done.error().text();
  }
  if (!again.load(bytes_of(store.save()), kName).has_value() || again.entries() != store.entries())
    return "saved and loaded the store is another";
  return by_hand.save() == store.save() ? "" : "the bytes are not the same each time";
}

}  // namespace tier
