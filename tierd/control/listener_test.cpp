#include "tierd/control/listener.h"

#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>

#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>

#include "tierd/control/client.h"

namespace tier {
namespace {

namespace fs = std::filesystem;

class ListenerTest : public testing::Test {
 protected:
  void SetUp() override {
    std::string pattern = (fs::temp_directory_path() / "tierd-listener-XXXXXX").string();
    ASSERT_NE(::mkdtemp(pattern.data()), nullptr);
    folder_ = pattern;
  }
  void TearDown() override { fs::remove_all(folder_); }
  std::string path() const { return (folder_ / "run" / "control").string(); }

  fs::path folder_;
};

TEST_F(ListenerTest, CreatesFolderAndSocketForEverybodyAndRemovesTheSocket) {
  {
    const auto listener = Listener::open(path());
    ASSERT_TRUE(listener) << listener.error().text();
    struct stat status {};
    ASSERT_EQ(::stat(path().c_str(), &status), 0);
    EXPECT_TRUE(S_ISSOCK(status.st_mode));
    EXPECT_EQ(status.st_mode & 0777, 0666u);
    EXPECT_TRUE(ControlClient::connect(path()));
  }
  EXPECT_FALSE(fs::exists(path()));
}

// The unit's UMask= is 0077.
TEST_F(ListenerTest, TheFolderItMakesMayBePassedByEverybody) {
  const mode_t before = ::umask(0077);
  const auto listener = Listener::open(path());
  ::umask(before);
  ASSERT_TRUE(listener);
  EXPECT_EQ(fs::status(fs::path(path()).parent_path()).permissions(), fs::perms(0755));
}

TEST_F(ListenerTest, ALinkAtItsPathIsReplaced) {
  fs::create_directories(fs::path(path()).parent_path());
  fs::create_symlink(folder_ / "gone", path());
  ASSERT_TRUE(Listener::open(path()));
  fs::create_directory(path());
  EXPECT_FALSE(Listener::open(path()).has_value()) << "anything else is not ours to remove";
}

TEST_F(ListenerTest, ASecondDaemonIsToldOfTheFirst) {
  const auto first = Listener::open(path());
  ASSERT_TRUE(first);
  const auto second = Listener::open(path());
  ASSERT_FALSE(second);
  EXPECT_EQ(second.error().kind, ErrorKind::kFailed);
  EXPECT_EQ(second.error().message, "another tierd is running (pid " + std::to_string(::getpid()) +
                                        ") and holds " + path() + ".lock");
  EXPECT_NE(second.error().fix.find("systemctl stop tierd"), std::string::npos);
  EXPECT_TRUE(ControlClient::connect(path())) << "the first must still be reachable";
}

TEST_F(ListenerTest, TheSocketOfAKilledDaemonIsReplaced) {
  const pid_t child = ::fork();
  ASSERT_GE(child, 0);
  if (child == 0) {
    auto listener = Listener::open(path());
    ::_exit(listener ? 0 : 1);  // no destructor, as after SIGKILL
  }
  int status = 0;
  ASSERT_EQ(::waitpid(child, &status, 0), child);
  ASSERT_EQ(status, 0);
  ASSERT_TRUE(fs::exists(path()));
  const auto stale = ControlClient::connect(path());
  ASSERT_FALSE(stale);
  EXPECT_EQ(stale.error().kind, ErrorKind::kNotRunning);
  const auto next = Listener::open(path());
  ASSERT_TRUE(next) << next.error().text();
  EXPECT_TRUE(ControlClient::connect(path()));
}

TEST_F(ListenerTest, AForeignFileIsNotRemoved) {
  fs::create_directories(folder_ / "run");
  std::ofstream(path()) << "precious";
  const auto listener = Listener::open(path());
  ASSERT_FALSE(listener);
  EXPECT_NE(listener.error().message.find("is not a socket"), std::string::npos);
  EXPECT_TRUE(fs::exists(path()));
}

TEST_F(ListenerTest, AFolderThatMayNotBeWrittenIsAPermissionError) {
  if (::geteuid() == 0) {
    // Root ignores file modes; a path below a file fails for everybody, with another kind.
    std::ofstream(folder_ / "run") << "a file";
    const auto listener = Listener::open(path());
    ASSERT_FALSE(listener);
    EXPECT_EQ(listener.error().kind, ErrorKind::kFailed);
    return;
  }
  fs::permissions(folder_, fs::perms(0555));
  const auto listener = Listener::open(path());
  fs::permissions(folder_, fs::perms(0755));
  ASSERT_FALSE(listener);
  EXPECT_EQ(listener.error().kind, ErrorKind::kPermission);
}

}  // namespace
}  // namespace tier
