#include "platform/api/durable_file.h"

#include <gmock/gmock.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <csignal>
#include <fstream>
#include <set>

namespace tier {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
namespace fs = std::filesystem;

class DurableFile : public testing::Test {
 protected:
  DurableFile() {
    std::string name = (fs::temp_directory_path() / "tierd-durable-XXXXXX").string();
    folder_ = ::mkdtemp(name.data());
  }
  ~DurableFile() override { fs::remove_all(folder_); }
  fs::path file() const { return folder_ / "model"; }
  fs::path previous() const { return folder_ / "model.previous"; }
  std::set<std::string> names() const {
    std::set<std::string> found;
    for (const auto& entry : fs::directory_iterator(folder_)) found.insert(entry.path().filename().string());
    return found;
  }
  static std::string slurp(const fs::path& path) {
    std::ifstream stream(path, std::ios::binary);
    return {std::istreambuf_iterator<char>(stream), {}};
  }

 private:
  fs::path folder_;
};

TEST_F(DurableFile, AFirstFileHasNoPrevious) {
  ASSERT_TRUE(replace_file(file(), std::string("one\0two", 7)));
  EXPECT_EQ(slurp(file()), std::string("one\0two", 7));
  EXPECT_THAT(names(), ElementsAre("model"));
  EXPECT_EQ(fs::status(file()).permissions(), fs::perms(0644));
}

TEST_F(DurableFile, TheOneBeforeIsKeptAndNoOlder) {
  for (const char* text : {"1", "22", "333"}) ASSERT_TRUE(replace_file(file(), text));
  EXPECT_EQ(slurp(file()), "333");
  EXPECT_EQ(slurp(previous()), "22");
  EXPECT_THAT(names(), ElementsAre("model", "model.previous"));
}

TEST_F(DurableFile, WhoHasTheOldFileOpenKeepsIt) {
  ASSERT_TRUE(replace_file(file(), "old"));
  std::ifstream reader(file());
  ASSERT_TRUE(replace_file(file(), "new"));
  std::string seen;
  reader >> seen;
  EXPECT_EQ(seen, "old");
}

TEST_F(DurableFile, PermissionsStay) {
  ASSERT_TRUE(replace_file(file(), "old"));
  fs::permissions(file(), fs::perms(0600));
  ASSERT_TRUE(replace_file(file(), "new"));
  EXPECT_EQ(fs::status(file()).permissions(), fs::perms(0600));
}

TEST_F(DurableFile, ALinkIsReplacedNotFollowed) {
  ASSERT_TRUE(replace_file(file(), "target"));
  const fs::path link = file().parent_path() / "link";
  fs::create_symlink("model", link);
  ASSERT_TRUE(replace_file(link, "new"));
  EXPECT_EQ(slurp(file()), "target");
  EXPECT_EQ(slurp(link), "new");
}

TEST_F(DurableFile, FailuresNameTheFileAndLeaveNothing) {
  const auto absent = replace_file(file() / "deeper", "x");
  ASSERT_FALSE(absent);
  EXPECT_THAT(absent.error().text(), HasSubstr((file() / "deeper").string() + ": No such file"));
  fs::create_directory(file());
  const auto folder = replace_file(file(), "x");
  ASSERT_FALSE(folder);
  EXPECT_THAT(folder.error().text(), HasSubstr(file().string() + ": it is not a regular file (fix: "));
  EXPECT_THAT(names(), ElementsAre("model"));
}

TEST_F(DurableFile, APreviousThatCannotBeReplacedStopsIt) {
  ASSERT_TRUE(replace_file(file(), "old"));
  fs::create_directory(previous());
  const auto done = replace_file(file(), "new");
  ASSERT_FALSE(done);
  EXPECT_THAT(done.error().text(), HasSubstr(previous().string()));
  EXPECT_EQ(slurp(file()), "old");
  EXPECT_THAT(names(), ElementsAre("model", "model.previous"));
}

// A full disk, by the limit on the size of files.
TEST_F(DurableFile, AWriteCutShortLeavesTheOldFile) {
  ASSERT_TRUE(replace_file(file(), "old"));
  rlimit before{};
  ASSERT_EQ(::getrlimit(RLIMIT_FSIZE, &before), 0);
  const auto handler = std::signal(SIGXFSZ, SIG_IGN);
  rlimit small = before;
  small.rlim_cur = 1000;
  ASSERT_EQ(::setrlimit(RLIMIT_FSIZE, &small), 0);
  const auto done = replace_file(file(), std::string(5000, 'x'));
  ASSERT_EQ(::setrlimit(RLIMIT_FSIZE, &before), 0);
  std::signal(SIGXFSZ, handler);
  ASSERT_FALSE(done);
  EXPECT_THAT(done.error().text(), HasSubstr("File too large (fix: "));
  EXPECT_EQ(slurp(file()), "old");
  EXPECT_THAT(names(), ElementsAre("model"));
}

}  // namespace
}  // namespace tier
