#include "predictor/model/signature_store.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <optional>

#include "predictor/model/tensor_file.h"

namespace tier {
namespace {

// Signatures and times are texts, since an fp32 tensor cannot hold them.
constexpr char kContent[] = "content";
constexpr char kContentName[] = "workload signatures";
constexpr char kModel[] = "model_sha256";
constexpr char kSignatures[] = "signatures";  // hexadecimal, a blank between two; in the order of use
constexpr char kLastUsed[] = "last_used";     // unix seconds, likewise
constexpr char kVectors[] = "vectors";        // entries × R
constexpr char kGains[] = "gains";            // entries

template <typename T>
std::string joined(const std::vector<SignatureEntry>& entries, T SignatureEntry::*member, int base) {
  std::string text;
  for (const SignatureEntry& entry : entries) {
    char digits[24];
    const auto end = std::to_chars(std::begin(digits), std::end(digits), entry.*member, base).ptr;
    if (!text.empty()) text += ' ';
    text.append(digits, end);
  }
  return text;
}

// The numbers of such a text; nothing where it is not one, or has more than a store holds.
template <typename T>
std::optional<std::vector<T>> numbers(const std::string& text, int base) {
  std::vector<T> found;
  const char* at = text.data();
  const char* const end = at + text.size();
  while (at != end) {
    if (!found.empty() && *at++ != ' ') return std::nullopt;
    T number{};
    const auto [rest, error] = std::from_chars(at, end, number, base);
    if (error != std::errc{} || number < T{} || found.size() == kMostSignatures) return std::nullopt;
    found.push_back(number);
    at = rest;
  }
  return found;
}

// Null where an entry may stand in a store.
const char* flaw(const SignatureEntry& entry) {
  const auto sound = [](float value) {
    return std::isfinite(value) && std::abs(value) <= kMostTensorMagnitude;
  };
  if (entry.vector.empty() || entry.vector.size() > kMostSignatureRank)
    return "its vector has not 1 to 64 numbers";
  if (!std::all_of(entry.vector.begin(), entry.vector.end(), sound))
    return "its vector is not finite or beyond 1e4 in magnitude";
  if (!sound(entry.gain)) return "its gain is not finite or beyond 1e4 in magnitude";
  if (entry.last_used < 0) return "its time lies before 1970";
  return nullptr;
}

tl::unexpected<Error> refused(const std::string& name, const std::string& what) {
  return fail(ErrorKind::kFailed, name + ": " + what, "remove the file: what it held is learnt anew");
}

std::string text_of(const TensorFile& file, const char* key) {
  const auto found = file.metadata.find(key);
  return found == file.metadata.end() ? std::string() : found->second;
}

using Shape = std::vector<std::uint64_t>;

// Null where the tensors are those of so many entries.
const char* flaw(const std::vector<Tensor>& tensors, std::uint64_t entries) {
  if (entries == 0) return tensors.empty() ? nullptr : "it has tensors without signatures";
  if (tensors.size() != 2 || tensors[0].name != kVectors || tensors[1].name != kGains)
    return "its tensors are not vectors and gains";
  const Shape& vectors = tensors[0].shape;
  if (vectors.size() != 2 || vectors[0] != entries || vectors[1] > kMostSignatureRank)
    return "its vectors are not one of at most 64 numbers for each signature";
  if (tensors[1].shape != Shape{entries}) return "its gains are not one for each signature";
  return nullptr;
}

Result<std::vector<SignatureEntry>> read_entries(const TensorFile& file, const std::string& name) {
  const auto signatures = numbers<std::uint64_t>(text_of(file, kSignatures), 16);
  const auto last_used = numbers<std::int64_t>(text_of(file, kLastUsed), 10);
  if (!signatures) return refused(name, "its signatures are not at most 256 hexadecimal numbers");
  if (!last_used || last_used->size() != signatures->size())
    return refused(name, "its times are not one number of seconds for each signature");
  auto sorted = *signatures;
  std::sort(sorted.begin(), sorted.end());
  if (std::adjacent_find(sorted.begin(), sorted.end()) != sorted.end())
    return refused(name, "it has a signature twice");
  if (const char* wrong = flaw(file.tensors, signatures->size())) return refused(name, wrong);
  std::vector<SignatureEntry> entries;
  for (std::size_t i = 0; i < signatures->size(); ++i) {
    const auto rank = static_cast<std::ptrdiff_t>(file.tensors[0].shape[1]);
    const auto row = file.tensors[0].values.begin() + static_cast<std::ptrdiff_t>(i) * rank;
    entries.push_back({(*signatures)[i], {row, row + rank}, (*last_used)[i], file.tensors[1].values[i]});
  }
  return entries;
}

}  // namespace

Result<SignatureLoad> SignatureStore::load(std::span<const std::byte> bytes, const std::string& name) {
  const auto file = parse_tensor_file(bytes, name);
  if (!file)
    return fail(file.error().kind, file.error().message, "remove the file: what it held is learnt anew");
  if (text_of(*file, kContent) != kContentName)
    return refused(name, "it is a tensor file, but not one of workload signatures");
  auto entries = TIER_TRY(read_entries(*file, name));
  const bool other_model = text_of(*file, kModel) != model_hash_;
  if (other_model) entries.clear();
  entries_ = std::move(entries);
  return SignatureLoad{entries_.size(), other_model};
}

std::string SignatureStore::save() const {
  TensorFile file;
  file.metadata = {{kContent, kContentName},
                   {kModel, model_hash_},
                   {kSignatures, joined(entries_, &SignatureEntry::signature, 16)},
                   {kLastUsed, joined(entries_, &SignatureEntry::last_used, 10)}};
  if (!entries_.empty()) {
    Tensor vectors{kVectors, {entries_.size(), entries_.front().vector.size()}, {}};
    Tensor gains{kGains, {entries_.size()}, {}};
    for (const SignatureEntry& entry : entries_) {
      vectors.values.insert(vectors.values.end(), entry.vector.begin(), entry.vector.end());
      gains.values.push_back(entry.gain);
    }
    file.tensors = {std::move(vectors), std::move(gains)};
  }
  return write_tensor_file(file);
}

const SignatureEntry* SignatureStore::find(std::uint64_t signature, std::int64_t now) {
  const auto found = std::find_if(entries_.begin(), entries_.end(),
                                  [&](const SignatureEntry& entry) { return entry.signature == signature; });
  if (found == entries_.end()) return nullptr;
  found->last_used = std::max<std::int64_t>(now, 0);
  std::rotate(found, found + 1, entries_.end());
  return &entries_.back();
}

Result<void> SignatureStore::put(SignatureEntry entry) {
  const auto refuse = [](const std::string& what) {
    return fail(ErrorKind::kUsage, "a workload signature was not kept: " + what,
                "give a vector as the model in use makes it");
  };
  if (const char* wrong = flaw(entry)) return refuse(wrong);
  if (!entries_.empty() && entries_.front().vector.size() != entry.vector.size())
    return refuse("its vector has " + std::to_string(entry.vector.size()) + " numbers, those kept have " +
                  std::to_string(entries_.front().vector.size()));
  std::erase_if(entries_, [&](const SignatureEntry& old) { return old.signature == entry.signature; });
  if (entries_.size() == kMostSignatures) entries_.erase(entries_.begin());
  entries_.push_back(std::move(entry));
  return {};
}

}  // namespace tier
