#include "platform/api/text_file.h"

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdlib>
#include <fstream>

namespace tier {
namespace {

namespace fs = std::filesystem;

class TextFile : public ::testing::Test {
 protected:
  void SetUp() override {
    std::string name = (fs::temp_directory_path() / "text-file-XXXXXX").string();
    folder_ = ::mkdtemp(name.data());
  }
  void TearDown() override { fs::remove_all(folder_); }

  fs::path write(const std::string& name, const std::string& text) {
    std::ofstream(folder_ / name) << text;
    return folder_ / name;
  }
  Error refused(const fs::path& path, std::size_t most = 100) {
    const auto read = read_regular_file(path, most);
    EXPECT_FALSE(read) << path;
    return read ? Error{} : read.error();
  }
  void expect_usage(const fs::path& path, const std::string& words) {
    const Error error = refused(path);
    EXPECT_EQ(error.kind, ErrorKind::kUsage) << error.text();
    EXPECT_NE(error.message.find(words), std::string::npos) << error.text();
    EXPECT_FALSE(error.fix.empty());
  }

  fs::path folder_;
};

TEST_F(TextFile, ReadsTheWhole) {
  EXPECT_EQ(*read_regular_file(write("a", "text\n"), 5), "text\n");
  EXPECT_EQ(*read_regular_file(write("empty", ""), 5), "");
  const std::string large(200'000, 'x');
  EXPECT_EQ(*read_regular_file(write("large", large), large.size()), large);
  fs::create_symlink("a", folder_ / "link");
  EXPECT_EQ(*read_regular_file(folder_ / "link", 5), "text\n");
}

TEST_F(TextFile, EachKindThatIsNoFileHasItsWords) {
  expect_usage(folder_ / "none", "no such file");
  fs::create_symlink("nowhere", folder_ / "dangling");
  expect_usage(folder_ / "dangling", "a link to a file that does not exist");
  fs::create_symlink("loop", folder_ / "loop");
  expect_usage(folder_ / "loop", "a loop of symbolic links");
  expect_usage(write("a", "") / "b", "not a folder");
  expect_usage(folder_, "a folder, not a file");
  expect_usage("/dev/null", "a device, not a file");
  ASSERT_EQ(::mkfifo((folder_ / "pipe").c_str(), 0600), 0);
  expect_usage(folder_ / "pipe", "a named pipe, not a file");
  expect_usage(folder_ / std::string(300, 'n'), "too long");
  expect_usage(write("large", std::string(101, 'x')), "larger than 100 bytes");
}

TEST_F(TextFile, NamesAreEscaped) {
  const Error error = refused(folder_ / "new\nline\x1b[2J");
  EXPECT_NE(error.message.find("new\\nline\\x1b[2J"), std::string::npos) << error.message;
}

TEST_F(TextFile, AFileThatMayNotBeReadIsAPermission) {
  if (::geteuid() == 0) GTEST_SKIP() << "root reads everything";
  const fs::path file = write("secret", "x");
  ::chmod(file.c_str(), 0);
  EXPECT_EQ(refused(file).kind, ErrorKind::kPermission);
}

TEST_F(TextFile, ALinkThatLeadsNowhereExistsByName) {
  fs::create_symlink("nowhere", folder_ / "dangling");
  EXPECT_TRUE(name_exists(folder_ / "dangling"));
  EXPECT_FALSE(name_exists(folder_ / "none"));
}

TEST_F(TextFile, TellsWhoMayChangeAFile) {
  const fs::path file = write("a", "");
  ::chmod(file.c_str(), 0644);
  EXPECT_EQ(changeable_by_others(file), std::nullopt);
  EXPECT_EQ(changeable_by_others(folder_ / "none"), std::nullopt);
  ::chmod(file.c_str(), 0646);
  EXPECT_NE(changeable_by_others(file).value_or("").find("everybody may write"), std::string::npos);
  ::chmod(file.c_str(), 0644);
  ::chmod(folder_.c_str(), 0777);
  EXPECT_NE(changeable_by_others(file).value_or("").find("everybody may write"), std::string::npos)
      << "the folder: another file may be put there";
  ::chmod(folder_.c_str(), 01777);
  EXPECT_EQ(changeable_by_others(file), std::nullopt) << "as in /tmp";
}

TEST_F(TextFile, TellsOfForeignOwners) {
  if (::geteuid() != 0) GTEST_SKIP() << "only root gives files away";
  const fs::path file = write("a", "");
  ASSERT_EQ(::chown(file.c_str(), 12345, 0), 0);
  EXPECT_NE(changeable_by_others(file).value_or("").find("belongs to uid 12345"), std::string::npos);
  ASSERT_EQ(::chown(file.c_str(), 0, 12345), 0);
  ::chmod(file.c_str(), 0664);
  EXPECT_NE(changeable_by_others(file).value_or("").find("the group 12345"), std::string::npos);
  // A link of a foreign folder to a file of our own.
  const fs::path other = folder_ / "other";
  fs::create_directory(other);
  fs::create_symlink(write("b", ""), other / "link");
  ASSERT_EQ(::chown(other.c_str(), 12345, 0), 0);
  EXPECT_NE(changeable_by_others(other / "link").value_or("").find("uid 12345"), std::string::npos);
}

TEST_F(TextFile, FilesThatCameWithTierdLieBesideTheProgram) {
  EXPECT_EQ(shared_file("no such file", "/elsewhere/file"), "/elsewhere/file");
  const fs::path model = shared_file("model.safetensors", "/elsewhere/file");
  EXPECT_TRUE(fs::is_regular_file(model)) << model << ": the build folder has a copy";
}

}  // namespace
}  // namespace tier
