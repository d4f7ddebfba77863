#include "platform/linux/meters/meters.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>

#include "platform/fake/tree.h"
#include "tests/sanitizers.h"

namespace tier {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

std::map<std::string, Result<std::unique_ptr<Meter>>> start_all(const std::vector<MeterEntry>& table) {
#if defined(TIER_ADDRESS_SANITIZER)
  const __lsan::ScopedDisabler papi_leaks;  // 208 KiB each time it begins and ends (7.0.0)
#endif
  std::map<std::string, Result<std::unique_ptr<Meter>>> made;
  for (const MeterEntry& entry : table) made.emplace(entry.name, entry.make());
  return made;
}

TEST(MeterTable, EveryRowStartsOrSaysWhyNot) {
  const TemporaryTree tree({{"proc/vmstat", "pgmajfault 1\n"},
                            {"proc/pressure/io", "some total=1\n"},
                            {"sys/devices/system/cpu/online", "0\n"}});
  ManualClock clock;
  const auto table = meter_table(clock, {.root = tree.root(), .pcm_address = "no address"});
  const auto made = start_all(table);
  ASSERT_EQ(made.size(), table.size()) << "names differ";
  const auto error = [&](const char* name) { return made.at(name) ? "" : made.at(name).error().text(); };
  EXPECT_TRUE(made.at("psi") && made.at("vmstat"));
  EXPECT_EQ((*made.at("psi"))->name(), std::string("psi"));
  EXPECT_THAT(error("block"), HasSubstr("block"));
  EXPECT_THAT(error("uncore"), HasSubstr("no counter of a memory controller"));
  EXPECT_THAT(error("pcm"), HasSubstr("\"no address\" is no address"));
  EXPECT_THAT(error("resctrl"), HasSubstr("fix: "));
  EXPECT_THAT(error("cpu"), HasSubstr("/proc/stat"));
  // Nothing is loaded into this machine's kernel for another root.
  EXPECT_THAT(error("file-demand"), HasSubstr(tree.root() + "/sys/kernel/btf/vmlinux"));
}

// What takes counters of every CPU, runs at every read of a file, or grows with the machine waits for the
// actuator that needs it.
TEST(MeterTable, AtRestRunsOnlyWhatIsCheap) {
  ManualClock clock;
  std::vector<std::string> names, at_rest, readahead;
  for (const MeterEntry& entry : meter_table(clock, {})) {
    names.push_back(entry.name);
    if (entry.actuator.empty()) at_rest.push_back(entry.name);
    if (entry.actuator == "readahead") readahead.push_back(entry.name);
    EXPECT_FALSE(entry.gives.empty() || entry.cost.empty()) << entry.name;
  }
  EXPECT_THAT(
      names, ElementsAre("papi", "uncore", "pcm", "resctrl", "cpu", "file-demand", "psi", "vmstat", "block"));
  EXPECT_THAT(at_rest, ElementsAre("uncore", "pcm", "resctrl", "psi", "vmstat"));
  EXPECT_THAT(readahead, ElementsAre("file-demand", "block"));
}

TEST(MeterTable, WithoutAnAddressPcmIsNotAsked) {
  ManualClock clock;
  const auto made = start_all(meter_table(clock, {.root = "/no/such/root", .pcm_address = ""}));
  for (const auto& [name, meter] : made) EXPECT_FALSE(meter) << name;
  EXPECT_THAT(made.at("pcm").error().text(), HasSubstr("prefetch.pcm names no server"));
}

}  // namespace
}  // namespace tier
