#include "predictor/model/signature_store.h"

#include <gmock/gmock.h>

#include <cmath>

#include "predictor/model/tensor_file_fixture.h"

namespace tier {
namespace {

using testing::HasSubstr;
using testing::StartsWith;

constexpr char kName[] = "/models/signatures";
constexpr std::int64_t kNow = 1700000000;

SignatureEntry entry(std::uint64_t signature, std::int64_t last_used = kNow) {
  return {signature, {0.5F, static_cast<float>(signature % 1000), -1e-20F}, last_used, 0.125F};
}

std::vector<std::uint64_t> order(const SignatureStore& store) {
  std::vector<std::uint64_t> signatures;
  for (const SignatureEntry& kept : store.entries()) signatures.push_back(kept.signature);
  return signatures;
}

TEST(SignatureStore, WhatIsPutIsFound) {
  SignatureStore store("m");
  EXPECT_EQ(store.find(7, kNow), nullptr);
  ASSERT_TRUE(store.put(entry(7)));
  ASSERT_NE(store.find(7, kNow + 5), nullptr);
  EXPECT_EQ(*store.find(7, kNow + 5), entry(7, kNow + 5));
  EXPECT_EQ(store.find(8, kNow), nullptr);
}

TEST(SignatureStore, PuttingAgainReplaces) {
  SignatureStore store("m");
  for (const std::uint64_t signature : {1U, 2U}) ASSERT_TRUE(store.put(entry(signature)));
  SignatureEntry better = entry(1);
  better.gain = 9;
  ASSERT_TRUE(store.put(better));
  EXPECT_EQ(order(store), (std::vector<std::uint64_t>{2, 1}));
  EXPECT_EQ(store.find(1, kNow)->gain, 9);
}

TEST(SignatureStore, TheOneNotUsedForLongestGoes) {
  SignatureStore store("m");
  for (std::uint64_t i = 0; i < kMostSignatures; ++i) ASSERT_TRUE(store.put(entry(i)));
  // Used, though the clock was set back an hour since.
  ASSERT_NE(store.find(0, kNow - 3600), nullptr);
  ASSERT_TRUE(store.put(entry(1000)));
  EXPECT_EQ(store.entries().size(), kMostSignatures);
  EXPECT_NE(store.find(0, kNow), nullptr);
  EXPECT_EQ(store.find(1, kNow), nullptr);
  EXPECT_NE(store.find(1000, kNow), nullptr);
}

TEST(SignatureStore, WhatIsSavedIsLoadedWithItsOrder) {
  SignatureStore store("m");
  for (const std::uint64_t signature : {std::uint64_t{3}, UINT64_MAX, std::uint64_t{0}})
    ASSERT_TRUE(store.put(entry(signature)));
  ASSERT_NE(store.find(3, kNow + 1), nullptr);
  SignatureStore again("m");
  const auto found = again.load(bytes_of(store.save()), kName);
  ASSERT_TRUE(found) << found.error().text();
  EXPECT_EQ(found->entries, 3U);
  EXPECT_FALSE(found->other_model);
  EXPECT_EQ(again.entries(), store.entries());
  EXPECT_EQ(order(again), (std::vector<std::uint64_t>{UINT64_MAX, 0, 3}));
  EXPECT_EQ(again.save(), store.save());
}

TEST(SignatureStore, AFullStoreOfTheLongestVectorsIsLoaded) {
  SignatureStore store("m"), again("m");
  for (std::uint64_t i = 0; i < kMostSignatures; ++i)
    ASSERT_TRUE(store.put({UINT64_MAX - i, std::vector<float>(kMostSignatureRank, 1), kNow, 0}));
  ASSERT_TRUE(again.load(bytes_of(store.save()), kName));
  EXPECT_EQ(again.entries(), store.entries());
}

TEST(SignatureStore, AnEmptyStoreIsLoaded) {
  SignatureStore store("m");
  ASSERT_TRUE(store.put(entry(1)));
  const auto found = store.load(bytes_of(SignatureStore("m").save()), kName);
  ASSERT_TRUE(found) << found.error().text();
  EXPECT_EQ(found->entries, 0U);
  EXPECT_TRUE(store.entries().empty());
}

TEST(SignatureStore, AnotherModelsEntriesAreNotTaken) {
  SignatureStore store("old"), other("new");
  ASSERT_TRUE(store.put(entry(1)));
  ASSERT_TRUE(other.put(entry(2)));
  const auto found = other.load(bytes_of(store.save()), kName);
  ASSERT_TRUE(found) << found.error().text();
  EXPECT_TRUE(found->other_model);
  EXPECT_EQ(found->entries, 0U);
  EXPECT_TRUE(other.entries().empty());
}

TEST(SignatureStore, EntriesOutOfRangeAreNotPut) {
  SignatureStore store("m");
  ASSERT_TRUE(store.put(entry(1)));
  std::vector<std::pair<const char*, SignatureEntry>> cases(8, {"", entry(2)});
  cases[0].first = "1 to 64", cases[0].second.vector.clear();
  cases[1].first = "1 to 64", cases[1].second.vector.resize(65);
  cases[2].first = "vector is not finite", cases[2].second.vector[1] = NAN;
  cases[3].first = "vector is not finite", cases[3].second.vector[1] = -1.1e4F;
  cases[4].first = "gain is not finite", cases[4].second.gain = INFINITY;
  cases[5].first = "gain is not finite", cases[5].second.gain = 2e4F;
  cases[6].first = "before 1970", cases[6].second.last_used = -1;
  cases[7].first = "has 2 numbers, those kept have 3", cases[7].second.vector.pop_back();
  for (const auto& [because, wrong] : cases) {
    const auto done = store.put(wrong);
    ASSERT_FALSE(done) << because;
    EXPECT_EQ(done.error().kind, ErrorKind::kUsage);
    EXPECT_THAT(done.error().text(), HasSubstr(because));
  }
  EXPECT_EQ(order(store), std::vector<std::uint64_t>{1});
}

TEST(SignatureStore, WhatIsNoStoreIsRefusedAndChangesNothing) {
  SignatureStore made("m"), store("m");
  for (const std::uint64_t signature : {1U, 2U}) ASSERT_TRUE(made.put(entry(signature)));
  ASSERT_TRUE(store.put(entry(7)));
  const TensorFile good = parse_tensor_file(bytes_of(made.save()), kName).value();
  const auto with = [&](const char* key, const std::string& value) {
    TensorFile file = good;
    file.metadata[key] = value;
    return write_tensor_file(file);
  };
  const auto with_tensors = [&](std::vector<Tensor> tensors) {
    return write_tensor_file({good.metadata, std::move(tensors)});
  };
  std::string many = "0";
  TensorFile none = good;
  none.metadata["signatures"] = none.metadata["last_used"] = "";
  for (int i = 1; i < 257; ++i) many += ' ' + std::to_string(i);
  const Tensor &vectors = good.tensors[0], &gains = good.tensors[1];
  const std::pair<const char*, std::string> cases[] = {
      {"ends before the length", "short"},
      {"not one of workload signatures", write_tensor_file(sample_tensor_file())},
      {"hexadecimal", with("signatures", "1 x")},
      {"hexadecimal", with("signatures", "1  2")},
      {"hexadecimal", with("signatures", "1 2 ")},
      {"hexadecimal", with("signatures", "1 -2")},
      {"hexadecimal", with("signatures", "1 10000000000000000")},
      {"hexadecimal", with("signatures", many)},
      {"times are not", with("last_used", "1")},
      {"times are not", with("last_used", "1 -2")},
      {"times are not", with("last_used", "1 9223372036854775808")},
      {"a signature twice", with("signatures", "a A")},
      {"tensors are not vectors and gains", with_tensors({gains, vectors})},
      {"tensors are not vectors and gains", with_tensors({vectors})},
      {"vectors are not one", with_tensors({{"vectors", {3, 2}, vectors.values}, gains})},
      {"vectors are not one", with_tensors({{"vectors", {2, 65}, std::vector<float>(130)}, gains})},
      {"gains are not one", with_tensors({vectors, {"gains", {2, 1}, gains.values}})},
      {"tensors without signatures", write_tensor_file(none)}};
  for (const auto& [because, bytes] : cases) {
    const auto found = store.load(bytes_of(bytes), kName);
    ASSERT_FALSE(found) << because;
    EXPECT_THAT(found.error().message, StartsWith(std::string(kName) + ": "));
    EXPECT_THAT(found.error().message, HasSubstr(because));
    EXPECT_THAT(found.error().fix, HasSubstr("remove the file"));
    EXPECT_EQ(order(store), std::vector<std::uint64_t>{7});
  }
}

}  // namespace
}  // namespace tier
