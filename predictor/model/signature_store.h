// What few-shot adaptation has learnt of workloads, kept across restarts: for each workload signature the
// vector that the hypernetwork's base weights are moved by. It belongs to one model: under another the same
// numbers mean something else.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "core/result.h"

namespace tier {

inline constexpr std::size_t kMostSignatures = 256;
inline constexpr std::size_t kMostSignatureRank = 64;  // R; our models have 8

struct SignatureEntry {
  std::uint64_t signature = 0;  // of the workload
  std::vector<float> vector;    // R numbers, finite, at most 1e4 in magnitude
  std::int64_t last_used = 0;   // unix seconds, at least 0; told to people, the store does not go by it
  float gain = 0;               // what the vector gained over none when it was accepted, in the score's unit
  bool operator==(const SignatureEntry&) const = default;
};

// What load() found.
struct SignatureLoad {
  std::size_t entries = 0;
  bool other_model = false;  // the file belongs to another model: the store is empty
};

// At most kMostSignatures entries; the one not used for longest goes. Which that is follows from the order of
// use, not from last_used, so that a clock that is set back evicts nothing new.
class SignatureStore {
 public:
  // `model_hash`: payload_sha256 of the model.
  explicit SignatureStore(std::string model_hash) : model_hash_(std::move(model_hash)) {}

  // Puts the entries of a file that save() made in place of those here. Trusts it no more than any tensor
  // file; where it is refused the store stays as it was.
  Result<SignatureLoad> load(std::span<const std::byte> bytes, const std::string& name_for_errors);
  // A tensor file (tensor_file.h): the same bytes for the same entries in the same order of use.
  std::string save() const;

  // The entry of that signature, now the one used last, at `now` (unix seconds); none: null. Valid until the
  // next call that changes the store.
  const SignatureEntry* find(std::uint64_t signature, std::int64_t now);
  // Adds the entry, or puts it in the place of the one with its signature; it is the one used last. kUsage
  // when a number is out of its range or the vector is not as long as those here.
  Result<void> put(SignatureEntry entry);

  const std::vector<SignatureEntry>& entries() const { return entries_; }  // the one used last comes last

 private:
  std::string model_hash_;
  std::vector<SignatureEntry> entries_;
};

}  // namespace tier
