#include "tierd/daemon/runtime_directory.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>

#include "tierd/config/config.h"
#include "tierd/control/client.h"
#include "tierd/control/listener.h"

namespace tier {
namespace {

using ::testing::HasSubstr;
namespace fs = std::filesystem;

class RuntimeDirectoryTest : public testing::Test {
 protected:
  RuntimeDirectoryTest() {
    std::string pattern = (fs::temp_directory_path() / "tierd-run-XXXXXX").string();
    if (::mkdtemp(pattern.data()) == nullptr) std::abort();
    folder_ = pattern;
  }
  ~RuntimeDirectoryTest() override { fs::remove_all(folder_); }
  fs::path run() const { return folder_; }
  fs::path known() const { return folder_ / "io.tierd.Control"; }
  std::string elsewhere() const { return (folder_ / "elsewhere" / "socket").string(); }

  fs::path folder_;
};

TEST(RuntimeDirectory, IsTheFirstThatSystemdNames) {
  EXPECT_EQ(runtime_directory(nullptr), fs::path());
  EXPECT_EQ(runtime_directory(""), fs::path());
  EXPECT_EQ(runtime_directory("/run/tierd"), "/run/tierd");
  EXPECT_EQ(runtime_directory("/run/tierd:/run/more"), "/run/tierd");
}

TEST(JournalPlace, IsKnownByThePathOfTheRestoreProgram) {
  const auto place = journal_place("/srv/journal", "/run/tierd");
  ASSERT_TRUE(place);
  EXPECT_EQ(place->journal, "/srv/journal");
  EXPECT_EQ(place->known, PrefetchConfig{}.journal);
  EXPECT_EQ(journal_place("/srv/journal", {})->known, fs::path());
}

TEST(JournalPlace, TheServicesOwnTmpIsRefused) {
  for (const char* path : {"/tmp/journal", "/var/tmp/a/journal", "/run/../tmp/journal"}) {
    const auto refused = journal_place(path, "/run/tierd");
    ASSERT_FALSE(refused) << path;
    EXPECT_EQ(refused.error().kind, ErrorKind::kUsage);
    EXPECT_THAT(refused.error().fix, HasSubstr("/var/lib/tierd"));
    EXPECT_TRUE(journal_place(path, {})) << "started by hand, where /tmp is everybody's";
  }
  EXPECT_TRUE(journal_place("/tmporary/journal", "/run/tierd"));
}

TEST_F(RuntimeDirectoryTest, ASocketElsewhereIsReachedByTheDefaultPath) {
  const auto listener = Listener::open(elsewhere());
  ASSERT_TRUE(listener);
  ASSERT_TRUE(link_socket(elsewhere(), run()));
  ASSERT_TRUE(link_socket(elsewhere(), run())) << "as with each start";
  EXPECT_TRUE(ControlClient::connect(known().string()));
}

TEST_F(RuntimeDirectoryTest, TheDefaultSocketNeedsNoLinkAndReplacesOne) {
  fs::create_symlink(elsewhere(), known());  // of a daemon that listened there
  const auto listener = Listener::open(known().string());
  ASSERT_TRUE(listener) << listener.error().text();
  ASSERT_TRUE(link_socket(known(), run()));
  EXPECT_TRUE(fs::is_socket(fs::symlink_status(known())));
  EXPECT_TRUE(ControlClient::connect(known().string()));
}

TEST_F(RuntimeDirectoryTest, AnotherDaemonsSocketIsNotReplaced) {
  const auto other = Listener::open(known().string());
  ASSERT_TRUE(other);
  const auto linked = link_socket(elsewhere(), run());
  ASSERT_FALSE(linked);
  EXPECT_THAT(linked.error().message, HasSubstr("another tierd is running"));
  EXPECT_TRUE(fs::is_socket(fs::symlink_status(known())));
}

TEST_F(RuntimeDirectoryTest, TheSocketOfAKilledDaemonIsReplaced) {
  {
    auto killed = Listener::open(known().string());
    ASSERT_TRUE(killed);
    fs::create_hard_link(known(), folder_ / "kept");
  }
  fs::rename(folder_ / "kept", known());  // what a kill leaves: a socket that nobody listens on
  const auto listener = Listener::open(elsewhere());
  ASSERT_TRUE(listener);
  const auto linked = link_socket(elsewhere(), run());
  ASSERT_TRUE(linked) << linked.error().text();
  EXPECT_TRUE(ControlClient::connect(known().string()));
}

TEST_F(RuntimeDirectoryTest, WithoutARuntimeDirectoryNothingIsLinked) {
  ASSERT_TRUE(link_socket(elsewhere(), {}));
  EXPECT_TRUE(fs::is_empty(folder_));
}

}  // namespace
}  // namespace tier
