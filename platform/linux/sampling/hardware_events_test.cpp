#include "platform/linux/sampling/hardware_events.h"

#include <gtest/gtest.h>

#include "platform/fake/tree.h"

namespace tier {
namespace {

const TreeDirectory kIntel = {
    {"sys/bus/event_source/devices/cpu", TreeDirectory{{"type", "4\n"},
                                                       {"format/event", "config:0-7\n"},
                                                       {"format/umask", "config:8-15\n"},
                                                       {"format/ldlat", "config1:0-15\n"},
                                                       {"events/mem-loads", "event=0xcd,umask=0x1,ldlat=3\n"},
                                                       {"events/mem-stores", "event=0xd0,umask=0x82\n"}}}};

TEST(HardwareEvents, IntelAliasesGoWhereTheFormatSays) {
  const TemporaryTree tree(kIntel);
  const auto event = find_hardware_event(tree.root());
  ASSERT_TRUE(event) << event.error().text();
  ASSERT_EQ(event->encodings.size(), 2U);
  EXPECT_EQ(event->encodings[0].type, 4U);
  EXPECT_EQ(event->encodings[0].config, 0x1cdU);
  EXPECT_EQ(event->encodings[0].config1, 3U);
  EXPECT_EQ(event->encodings[0].precise, 3U);
  EXPECT_EQ(event->encodings[0].access, AccessType::kLoad);
  EXPECT_EQ(event->encodings[1].config, 0x82d0U);
}

TEST(HardwareEvents, AmdHasOneEventForAllOps) {
  const TemporaryTree tree(
      TreeDirectory{{"sys/bus/event_source/devices/ibs_op",
                     TreeDirectory{{"type", "11\n"}, {"format/cnt_ctl", "config:19\n"}}}});
  const auto event = find_hardware_event(tree.root());
  ASSERT_TRUE(event) << event.error().text();
  ASSERT_EQ(event->encodings.size(), 1U);
  EXPECT_EQ(event->encodings[0].config, 1U << 19U);
  EXPECT_EQ(event->encodings[0].type, 11U);
}

TEST(HardwareEvents, SplitFieldsAreSpread) {
  const TemporaryTree tree(
      TreeDirectory{{"pmu", TreeDirectory{{"type", "4\n"}, {"format/event", "config:0-7,32-35\n"}}}});
  const auto encoding = encode_alias(tree.root() + "/pmu", "event=0xfcd");
  ASSERT_TRUE(encoding);
  EXPECT_EQ(encoding->config, std::uint64_t{0xf} << 32U | 0xcdU);
}

TEST(HardwareEvents, AbsenceNamesWhatWasLookedFor) {
  const TemporaryTree tree(TreeDirectory{{"sys/bus/event_source/devices/software/type", "1\n"}});
  const auto event = find_hardware_event(tree.root());
  ASSERT_FALSE(event);
  EXPECT_EQ(event.error().kind, ErrorKind::kUnsupported);
  EXPECT_NE(event.error().message.find("ibs_op"), std::string::npos);
}

TEST(HardwareEvents, UnknownTermsAreRefused) {
  const TemporaryTree tree(
      TreeDirectory{{"pmu", TreeDirectory{{"type", "4\n"}, {"format/event", "config:0-99\n"}}}});
  EXPECT_FALSE(encode_alias(tree.root() + "/pmu", "bogus=1"));
  EXPECT_FALSE(encode_alias(tree.root() + "/pmu", "event=1"));
}

}  // namespace
}  // namespace tier
