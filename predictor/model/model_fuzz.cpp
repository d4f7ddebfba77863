// Feeds the readers of tensor files and signature stores with any bytes, as they are and with their hashes
// made anew, since no mutation would get past those. The corpus is what tensor_file_fixture.cpp makes, whole
// and damaged.
#include "predictor/model/signature_store.h"
#include "predictor/model/tensor_file_fixture.h"
#include "tests/fuzz/fuzz.h"

namespace {

void check(const std::string& bytes) {
  for (const std::string& broken : {tier::broken_promise(bytes), tier::broken_store_promise(bytes)})
    tier::fuzz::require(broken.empty(), broken);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string bytes = tier::fuzz::text_of(data, size);
  check(bytes);
  const tier::TensorFileParts parts = tier::take_apart(bytes);
  const auto header = tier::HeaderJson::parse(parts.header, nullptr, /*allow_exceptions=*/false);
  if (header.is_object()) check(tier::sealed(header, parts.payload));
  return 0;
}
