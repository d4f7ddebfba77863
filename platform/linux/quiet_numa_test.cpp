#include <gtest/gtest.h>
#include <numa.h>

namespace tier {
namespace {

// Text that libnuma refuses is the one way to have it warn on every machine.
TEST(QuietNuma, ItsWarningsDoNotReachStderr) {
  testing::internal::CaptureStderr();
  bitmask* const mask = numa_parse_nodestring("no nodes");
  EXPECT_EQ(testing::internal::GetCapturedStderr(), "");
  EXPECT_EQ(mask, nullptr);
  if (mask != nullptr) numa_bitmask_free(mask);
}

}  // namespace
}  // namespace tier
