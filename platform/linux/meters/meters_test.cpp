#include "platform/linux/meters/meters.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "platform/fake/tree.h"

#if defined(__SANITIZE_ADDRESS__)
#include <sanitizer/lsan_interface.h>
#endif

namespace tier {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

TEST(StartMeters, DecidesEachRowAndSaysWhy) {
#if defined(__SANITIZE_ADDRESS__)
  const __lsan::ScopedDisabler papi_leaks;  // 208 KiB each time it begins and ends (7.0.0)
#endif
  const TemporaryTree tree({{"proc/vmstat", "pgmajfault 1\n"},
                            {"proc/pressure/io", "some total=1\n"},
                            {"sys/devices/system/cpu/online", "0\n"}});
  ManualClock clock;
  std::vector<MeterDecision> decisions;
  const auto meters = start_meters(clock, {.root = tree.root(), .pcm_address = "no address"}, decisions);
  std::vector<std::string> names, used;
  for (const MeterDecision& decision : decisions) {
    names.push_back(decision.name);
    if (decision.used) used.push_back(decision.name);
    EXPECT_FALSE(decision.reason.empty()) << decision.name;
  }
  EXPECT_THAT(
      names, ElementsAre("papi", "uncore", "pcm", "resctrl", "cpu", "file-demand", "psi", "vmstat", "block"));
  EXPECT_THAT(used, ::testing::IsSupersetOf({"psi", "vmstat"}));
  EXPECT_THAT(used, ::testing::Not(::testing::Contains("file-demand")));
  EXPECT_THAT(used, ::testing::Not(::testing::Contains("block")));
  EXPECT_THAT(decisions[1].reason, HasSubstr("no counter of a memory controller"));
  EXPECT_THAT(decisions[2].reason, HasSubstr("\"no address\" is no address"));
  EXPECT_THAT(decisions[3].reason, HasSubstr("fix: "));
  EXPECT_THAT(decisions[4].reason, HasSubstr("/proc/stat"));
  // Nothing is loaded into this machine's kernel for another root.
  EXPECT_THAT(decisions[5].reason, HasSubstr(tree.root() + "/sys/kernel/btf/vmlinux"));
  ASSERT_EQ(meters.size(), used.size());
  for (std::size_t i = 0; i < used.size(); ++i) EXPECT_EQ(meters[i]->name(), used[i]);
}

TEST(StartMeters, WithoutAnAddressPcmIsNotAsked) {
#if defined(__SANITIZE_ADDRESS__)
  const __lsan::ScopedDisabler papi_leaks;  // 208 KiB each time it begins and ends (7.0.0)
#endif
  ManualClock clock;
  std::vector<MeterDecision> decisions;
  EXPECT_TRUE(start_meters(clock, {.root = "/no/such/root", .pcm_address = ""}, decisions).empty());
  EXPECT_THAT(decisions[2].reason, HasSubstr("prefetch.pcm names no server"));
}

}  // namespace
}  // namespace tier
