#include "core/cgroup_path.h"

#include <gtest/gtest.h>

namespace tier {
namespace {

TEST(CgroupPath, IsAbsoluteBelowTheRootHoweverItIsWritten) {
  EXPECT_EQ(cgroup_path("name"), "/name");
  EXPECT_EQ(cgroup_path("system.slice/redis.service"), "/system.slice/redis.service");
  EXPECT_EQ(cgroup_path("//system.slice//redis.service/"), "/system.slice/redis.service");
  EXPECT_EQ(cgroup_path("/"), "/");
  EXPECT_EQ(cgroup_path("a..b/.hidden"), "/a..b/.hidden");
}

TEST(CgroupPath, RefusesWhatNoCgroupIsCalled) {
  for (const std::string& text :
       {std::string(), std::string(".."), std::string("a/../b"), std::string("./a"), std::string("a\nb"),
        std::string("a\0b", 3), std::string(300, 'x'), std::string(5000, '/')}) {
    const auto path = cgroup_path(text);
    ASSERT_FALSE(path) << text;
    EXPECT_EQ(path.error().kind, ErrorKind::kUsage);
    EXPECT_FALSE(path.error().fix.empty());
    EXPECT_EQ(path.error().text().find('\n'), std::string::npos);
  }
}

TEST(CgroupPath, KnowsDescendantsFromNamesakes) {
  EXPECT_TRUE(within_cgroup("/a/b", "/a"));
  EXPECT_TRUE(within_cgroup("/a", "/a"));
  EXPECT_TRUE(within_cgroup("/a", "/"));
  EXPECT_FALSE(within_cgroup("/ab", "/a"));
  EXPECT_FALSE(within_cgroup("/", "/a"));
}

}  // namespace
}  // namespace tier
