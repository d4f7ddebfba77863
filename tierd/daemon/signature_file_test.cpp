#include "tierd/daemon/signature_file.h"

#include <gtest/gtest.h>

#include <fstream>

namespace tier {
namespace {

class SignatureFile : public testing::Test {
 protected:
  SignatureFile() { std::filesystem::remove_all(folder_), std::filesystem::create_directories(folder_); }
  ~SignatureFile() override { std::filesystem::remove_all(folder_); }
  std::filesystem::path folder_ = testing::TempDir() + "/signature_file_test";
};

TEST_F(SignatureFile, GivesBackWhatWasSaved) {
  const SignatureStorage storage = signature_file(folder_ / "signatures");
  EXPECT_EQ(*storage.load(), "") << "nothing yet";
  const std::string bytes("a\0b\n", 4);
  ASSERT_TRUE(storage.save(bytes));
  EXPECT_EQ(*signature_file(folder_ / "signatures").load(), bytes);
  EXPECT_GT(storage.unix_now(), 1'600'000'000);
}

TEST_F(SignatureFile, RefusesWhatIsTooLargeOrNoFile) {
  std::ofstream(folder_ / "large") << std::string((1U << 20) + 1, 'x');
  EXPECT_FALSE(signature_file(folder_ / "large").load().has_value());
  EXPECT_FALSE(signature_file(folder_).load().has_value());
  EXPECT_FALSE(signature_file(folder_ / "nowhere" / "signatures").save("x").has_value());
}

}  // namespace
}  // namespace tier
