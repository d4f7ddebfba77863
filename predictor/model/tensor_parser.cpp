#include <algorithm>
#include <array>
#include <bit>
#include <cmath>
#include <cstring>
#include <nlohmann/json.hpp>
#include <set>

#include "predictor/model/digest.h"
#include "predictor/model/tensor_file.h"
#include "predictor/model/tensor_format.h"

namespace tier {
namespace {

using nlohmann::json;
namespace format = tensor_format;
using Bytes = std::span<const std::byte>;

constexpr char kMakeAnew[] =
    "write the file anew with tierd's own tools, or put the previous one in its place";
constexpr char kCopyAnew[] = "copy the file anew from where it came, or put the previous one in its place";
constexpr char kOtherVersion[] = "use a file made for this version of tierd, or a tierd as new as the file";

// Thrown and caught in this file alone: there are some thirty ways for a file to be wrong.
struct Refusal {
  std::string what;
  const char* fix = kMakeAnew;
  ErrorKind kind = ErrorKind::kFailed;
};

// A stranger's text, fit for a terminal and a log: cut, escaped, in quotes.
std::string in_quotes(const std::string& text) {
  constexpr std::size_t kMost = 64;
  const std::string shown = text.size() > kMost ? text.substr(0, kMost) + "..." : text;
  return json(shown).dump(-1, ' ', /*ensure_ascii=*/true, json::error_handler_t::replace);
}

// Notes while the header is parsed what the document cannot tell afterwards: depth, repeated keys, order.
class HeaderWatch {
 public:
  bool operator()(int depth, json::parse_event_t event, const json& parsed) {
    using Event = json::parse_event_t;
    const bool opens = event == Event::object_start || event == Event::array_start;
    if (opens && depth >= kDeepest) problem_ = "its header is nested too deeply";
    if (!problem_.empty()) return false;  // keep nothing more
    if (event == Event::object_start) seen_[static_cast<std::size_t>(depth)].clear();
    if (event == Event::key) note_key(static_cast<std::size_t>(depth) - 1, parsed.get<std::string>());
    return problem_.empty();
  }
  const std::string& problem() const { return problem_; }
  const std::vector<std::string>& order() const { return order_; }

 private:
  static constexpr int kDeepest = 3;  // the header, a tensor, its shape

  void note_key(std::size_t level, const std::string& key) {
    if (!seen_.at(level).insert(key).second) problem_ = "its header has the key " + in_quotes(key) + " twice";
    if (level > 0 || key == format::kMetadata) return;
    if (order_.size() == kMostTensors)
      problem_ = "it has more than " + std::to_string(kMostTensors) + " tensors";
    else
      order_.push_back(key);
  }

  std::array<std::set<std::string>, kDeepest> seen_;
  std::vector<std::string> order_;
  std::string problem_;
};

struct Header {
  json document;
  std::vector<std::string> order;  // the tensors' names
  Bytes payload;
};

Header read_header(Bytes bytes) {
  if (bytes.size() > kMostTensorFileBytes)
    throw Refusal{"it is larger than " + std::to_string(kMostTensorFileBytes) + " bytes"};
  if (bytes.size() < format::kLengthBytes)
    throw Refusal{"it ends before the length of its header", kCopyAnew};
  std::uint64_t length = 0;
  std::memcpy(&length, bytes.data(), sizeof length);
  if (length > kMostTensorHeaderBytes)
    throw Refusal{"its header claims " + std::to_string(length) + " bytes, at most " +
                  std::to_string(kMostTensorHeaderBytes) + " are read"};
  if (length > bytes.size() - format::kLengthBytes) throw Refusal{"it ends within its header", kCopyAnew};
  const Bytes text = bytes.subspan(format::kLengthBytes, length);
  // As the format says; a byte order mark or blanks before it would please the JSON library.
  if (text.empty() || text.front() != std::byte{'{'}) throw Refusal{"its header is not a JSON object"};
  // The JSON library takes a zero byte for the end and would not look at what follows.
  if (std::find(text.begin(), text.end(), std::byte{0}) != text.end())
    throw Refusal{"its header holds a zero byte", kCopyAnew};
  HeaderWatch watch;
  const auto* begin = reinterpret_cast<const char*>(text.data());
  Header header{json::parse(begin, begin + text.size(), std::ref(watch), /*allow_exceptions=*/false), {}, {}};
  if (!watch.problem().empty()) throw Refusal{watch.problem()};
  if (!header.document.is_object()) throw Refusal{"its header is not a JSON object"};
  header.order = watch.order();
  header.payload = bytes.subspan(format::kLengthBytes + length);
  return header;
}

// The texts of `__metadata__`, of a version that we know.
std::map<std::string, std::string> read_metadata(const json& document) {
  const auto found = document.find(format::kMetadata);
  if (found == document.end() || !found->is_object())
    throw Refusal{"it has no metadata: tierd did not make it"};
  std::map<std::string, std::string> metadata;
  for (const auto& [key, value] : found->items()) {
    if (!value.is_string()) throw Refusal{"its metadata " + in_quotes(key) + " is not a text"};
    metadata[key] = value.get<std::string>();
  }
  const auto version = metadata.find(format::kVersionKey);
  if (version == metadata.end()) throw Refusal{"it has no format version: tierd did not make it"};
  if (version->second != format::kVersion)
    throw Refusal{"it has format version " + in_quotes(version->second) + ", this program reads version " +
                      format::kVersion,
                  kOtherVersion, ErrorKind::kUnsupported};
  return metadata;
}

void check_name(const std::string& name) {
  const auto usual = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' ||
           c == '.' || c == '-' || c == '/';
  };
  if (name.empty() || name.size() > kMostTensorName || !std::all_of(name.begin(), name.end(), usual))
    throw Refusal{"its tensor " + in_quotes(name) + " is not named in 1 to " +
                  std::to_string(kMostTensorName) + " letters, digits and \"_.-/\""};
}

// Where a tensor's values lie in the payload.
struct Slot {
  std::string name;
  std::vector<std::uint64_t> shape;
  std::uint64_t begin = 0, end = 0;  // bytes
};

[[noreturn]] void refuse(const std::string& name, const std::string& what, const char* fix = kMakeAnew) {
  throw Refusal{"its tensor " + in_quotes(name) + " " + what, fix};
}

std::vector<std::uint64_t> whole_numbers(const std::string& name, const json& list, const char* of) {
  if (!list.is_array()) refuse(name, std::string("has no list as its ") + of);
  std::vector<std::uint64_t> numbers;
  for (const json& number : list) {
    if (!number.is_number_unsigned())
      refuse(name, std::string("has a ") + of + " that is not of whole numbers");
    numbers.push_back(number.get<std::uint64_t>());
  }
  return numbers;
}

// The product of the dimensions; refuses before it could pass `most`.
std::uint64_t element_count(const std::string& name, const std::vector<std::uint64_t>& shape,
                            std::uint64_t most) {
  if (shape.size() > kMostTensorDimensions)
    refuse(name, "has more than " + std::to_string(kMostTensorDimensions) + " dimensions");
  std::uint64_t count = 1;
  for (const std::uint64_t dimension : shape) {
    if (dimension == 0) refuse(name, "has a dimension of 0");
    if (dimension > most / count) refuse(name, "has a shape of more values than the file holds");
    count *= dimension;
  }
  return count;
}

// `at`: where the values of the tensor before end, so that all lie side by side.
Slot read_slot(const std::string& name, const json& entry, std::uint64_t at, std::uint64_t payload) {
  check_name(name);
  if (!entry.is_object() || entry.size() != 3 || !entry.contains("dtype") || !entry.contains("shape") ||
      !entry.contains("data_offsets"))
    refuse(name, "is not described by dtype, shape and data_offsets alone");
  if (entry["dtype"] != "F32") refuse(name, "is not of dtype F32");
  Slot slot{name, whole_numbers(name, entry["shape"], "shape"), 0, 0};
  const auto offsets = whole_numbers(name, entry["data_offsets"], "data_offsets");
  if (offsets.size() != 2) refuse(name, "has not two data_offsets");
  slot.begin = offsets[0];
  slot.end = offsets[1];
  if (slot.end < slot.begin) refuse(name, "ends before it begins");
  if (slot.begin < at) refuse(name, "overlaps or precedes the tensor listed before it");
  if (slot.begin > at) refuse(name, "leaves a gap before its values");
  if (slot.end > payload) refuse(name, "reaches beyond the end of the file", kCopyAnew);
  const std::uint64_t count = element_count(name, slot.shape, payload / sizeof(float));
  if (slot.end - slot.begin != count * sizeof(float))
    refuse(name, "has a shape of " + std::to_string(count) + " values and offsets of " +
                     std::to_string(slot.end - slot.begin) + " bytes");
  return slot;
}

std::vector<Slot> read_slots(const Header& header) {
  std::vector<Slot> slots;
  std::uint64_t at = 0;
  for (const std::string& name : header.order) {
    slots.push_back(read_slot(name, header.document[name], at, header.payload.size()));
    at = slots.back().end;
  }
  if (at != header.payload.size())
    throw Refusal{std::to_string(header.payload.size() - at) + " bytes follow its last tensor"};
  return slots;
}

// Whether the metadata hold this digest; refuses where they hold none.
bool holds(const std::map<std::string, std::string>& metadata, const std::string& key,
           const std::string& digest) {
  const auto found = metadata.find(key);
  if (found == metadata.end()) throw Refusal{"its metadata lack " + in_quotes(key)};
  return !digest.empty() && found->second == digest;
}

void check_hashes(const Header& header, const std::map<std::string, std::string>& metadata,
                  const std::vector<Slot>& slots) {
  for (const Slot& slot : slots) {
    const Bytes values = header.payload.subspan(slot.begin, slot.end - slot.begin);
    if (!holds(metadata, std::string(format::kTensorHash) + slot.name, xxh3_128_hex(values)))
      refuse(slot.name, "is damaged: it does not match its XXH3-128", kCopyAnew);
  }
  const auto strays = std::count_if(metadata.begin(), metadata.end(), [](const auto& entry) {
    return entry.first.starts_with(format::kTensorHash);
  });
  if (static_cast<std::size_t>(strays) != slots.size())
    throw Refusal{"its metadata hold hashes of tensors that are not there"};
  if (!holds(metadata, format::kPayloadHash, sha256_hex(header.payload)))
    throw Refusal{"it is damaged: its values do not match their SHA-256", kCopyAnew};
  json unsealed = header.document;
  unsealed[format::kMetadata].erase(format::kHeaderHash);
  if (!holds(metadata, format::kHeaderHash, sha256_hex(unsealed.dump())))
    throw Refusal{"it is damaged: its header does not match its SHA-256", kCopyAnew};
}

Tensor read_values(Slot slot, Bytes payload) {
  const Bytes bytes = payload.subspan(slot.begin, slot.end - slot.begin);
  Tensor tensor{std::move(slot.name), std::move(slot.shape),
                std::vector<float>(bytes.size() / sizeof(float))};
  std::memcpy(tensor.values.data(), bytes.data(), bytes.size());
  for (const float value : tensor.values) {
    if (!std::isfinite(value)) refuse(tensor.name, "holds a value that is not finite");
    if (std::abs(value) > kMostTensorMagnitude)
      refuse(tensor.name, "holds a value beyond " + std::to_string(static_cast<int>(kMostTensorMagnitude)) +
                              " in magnitude");
  }
  return tensor;
}

TensorFile parse(Bytes bytes) {
  const Header header = read_header(bytes);
  TensorFile file;
  file.metadata = read_metadata(header.document);
  std::vector<Slot> slots = read_slots(header);
  check_hashes(header, file.metadata, slots);
  for (Slot& slot : slots) file.tensors.push_back(read_values(std::move(slot), header.payload));
  std::erase_if(file.metadata, [](const auto& entry) { return format::reserved(entry.first); });
  return file;
}

}  // namespace

Result<TensorFile> parse_tensor_file(std::span<const std::byte> bytes, const std::string& name_for_errors) {
  try {
    return parse(bytes);
  } catch (const Refusal& refusal) {
    return fail(refusal.kind, name_for_errors + ": " + refusal.what, refusal.fix);
  }
}

}  // namespace tier
