#include "tierd/daemon/named_files.h"

#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>

namespace tier {
namespace {

namespace fs = std::filesystem;

class NamedFiles : public ::testing::Test {
 protected:
  void SetUp() override {
    std::string name = (fs::temp_directory_path() / "named-files-XXXXXX").string();
    folder_ = ::mkdtemp(name.data());
  }
  void TearDown() override { fs::remove_all(folder_); }

  void expect_refused(const Config& config, const std::string& words) {
    const auto checked = check_named_files(config);
    ASSERT_FALSE(checked) << words;
    EXPECT_NE(checked.error().message.find(words), std::string::npos) << checked.error().text();
  }

  fs::path folder_;
};

TEST_F(NamedFiles, WhatIsNotNamedIsNotRead) { EXPECT_TRUE(check_named_files(Config{})); }

TEST_F(NamedFiles, WhatCameWithTierdIsGood) {
  Config config;
  config.policy.forecaster = "learned";
  config.prefetch.arm = {"hardware"};
  const auto checked = check_named_files(config);
  EXPECT_TRUE(checked) << checked.error().text();
}

TEST_F(NamedFiles, AModelThatTheDaemonWouldRefuseIsRefused) {
  Config config;
  config.policy.model = folder_;
  expect_refused(config, "policy.model: " + folder_.string() + ": a folder, not a file");
  config.policy.model = folder_ / "empty";
  expect_refused(config, "no such file");
  std::ofstream(folder_ / "empty").flush();
  expect_refused(config, "policy.model: ");
  config.policy.forecaster = "learned";
  expect_refused(config, "policy.model: ");
}

TEST_F(NamedFiles, ATableOfRegistersThatTheDaemonWouldRefuseIsRefused) {
  Config config;
  config.prefetch.registers = folder_ / "none.toml";
  expect_refused(config, "prefetch.registers: ");
  std::ofstream(folder_ / "none.toml") << "generation = 1\n";
  expect_refused(config, "prefetch.registers: ");
}

}  // namespace
}  // namespace tier
