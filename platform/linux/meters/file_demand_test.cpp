#include "platform/linux/meters/file_demand.h"

#include <gtest/gtest.h>

#include "platform/fake/tree.h"

namespace tier {
namespace {

constexpr std::uint32_t number(std::uint32_t major, std::uint32_t minor) { return major << 20 | minor; }

TEST(ReadaheadDevice, IsTheDiskOfAPartition) {
  const TemporaryTree tree(
      {{"sys", TreeDirectory{{"devices/sdb", TreeDirectory{{"dev", "8:16\n"},
                                                           {"queue/read_ahead_kb", "128\n"},
                                                           {"sdb3", TreeDirectory{{"dev", "8:19\n"},
                                                                                  {"partition", "3\n"}}}}},
                             {"dev/block/8:16", TreeLink{"../../devices/sdb"}},
                             {"dev/block/8:19", TreeLink{"../../devices/sdb/sdb3"}}}}});
  EXPECT_EQ(readahead_device(number(8, 16), tree.root()), number(8, 16));
  EXPECT_EQ(readahead_device(number(8, 19), tree.root()), number(8, 16));
}

TEST(ReadaheadDevice, IsNoneWithoutASetting) {
  const TemporaryTree tree(
      {{"sys", TreeDirectory{{"devices/odd", TreeDirectory{{"dev", "9:x\n"},
                                                           {"queue/read_ahead_kb", "128\n"},
                                                           {"odd1/partition", "1\n"}}},
                             {"devices/bare/dev", "7:0\n"},
                             {"dev/block/9:1", TreeLink{"../../devices/odd/odd1"}},
                             {"dev/block/7:0", TreeLink{"../../devices/bare"}}}}});
  EXPECT_FALSE(readahead_device(number(9, 1), tree.root()));  // its disk's number makes no sense
  EXPECT_FALSE(readahead_device(number(7, 0), tree.root()));  // nothing to set
  EXPECT_FALSE(readahead_device(number(8, 0), tree.root()));  // no such device
}

TEST(FileDemandMeter, SaysThatTypeInformationIsMissing) {
  class NoClock final : public Clock {
    Nanoseconds now() const override { return {}; }
  };
  const NoClock clock;
  const auto meter = FileDemandMeter::start(clock, "/nowhere/vmlinux");
  ASSERT_FALSE(meter);
  EXPECT_EQ(meter.error().kind, ErrorKind::kUnsupported);
  EXPECT_NE(meter.error().text().find("/nowhere/vmlinux"), std::string::npos);
}

}  // namespace
}  // namespace tier
