// For libFuzzer (CONTRIBUTING.md, "Fuzzing"): any bytes as a tensor file and as a signature store, as they
// are and with their hashes made anew, since no mutation would get past those. Starts from whole files.
#include <cstdio>
#include <cstdlib>
#include <cstring>

#include "predictor/model/signature_store.h"
#include "predictor/model/tensor_file_fixture.h"

namespace {

void check(const std::string& bytes) {
  for (const std::string& broken : {tier::broken_promise(bytes), tier::broken_store_promise(bytes)}) {
    if (broken.empty()) continue;
    std::fprintf(stderr, "%s\n", broken.c_str());
    std::abort();
  }
}

}  // namespace

extern "C" std::size_t LLVMFuzzerMutate(std::uint8_t* data, std::size_t size, std::size_t most);

extern "C" std::size_t LLVMFuzzerCustomMutator(std::uint8_t* data, std::size_t size, std::size_t most,
                                               unsigned seed) {
  if (size < 9) {  // the first input of all, or one without a header
    tier::SignatureStore store("a model");
    (void)store.put({7, {1, 2}, 1700000000, 0.25F});
    const std::string whole =
        seed % 2 == 0 ? tier::write_tensor_file(tier::sample_tensor_file()) : store.save();
    if (whole.size() > most) return LLVMFuzzerMutate(data, size, most);
    std::memcpy(data, whole.data(), whole.size());
    size = whole.size();
  }
  return LLVMFuzzerMutate(data, size, most);
}

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string bytes(reinterpret_cast<const char*>(data), size);
  check(bytes);
  const tier::TensorFileParts parts = tier::take_apart(bytes);
  const auto header = tier::HeaderJson::parse(parts.header, nullptr, /*allow_exceptions=*/false);
  if (header.is_object()) check(tier::sealed(header, parts.payload));
  return 0;
}
