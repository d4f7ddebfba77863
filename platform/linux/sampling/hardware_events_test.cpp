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
  EXPECT_FALSE(encode_alias(tree.root() + "/pmu", "bogus=1").has_value());
  EXPECT_FALSE(encode_alias(tree.root() + "/pmu", "event=1").has_value());
}

TEST(HardwareEvents, WhatIsNoNumberIsRefused) {
  const TemporaryTree tree(TreeDirectory{{"pmu", TreeDirectory{{"type", "4\n"},
                                                               {"format/event", "config:0-7\n"},
                                                               {"format/empty", "config:\n"},
                                                               {"format/open", "config:0-\n"},
                                                               {"format/words", "config:all\n"},
                                                               {"format/red", "\x1b[31m\n"}}}});
  const std::string pmu = tree.root() + "/pmu";
  EXPECT_EQ(encode_alias(pmu, "event=10")->config, 10U);
  EXPECT_EQ(encode_alias(pmu, "event")->config, 1U);
  // "?" stands in aliases for what the user has to choose (Documentation/ABI, event_source-devices-events).
  for (const char* alias : {"event=?", "event=", "event=0x", "event=1x", "event=-1", "../type=4", "=1",
                            "\x1b=1", "empty=1", "open=1", "words=1"})
    EXPECT_FALSE(encode_alias(pmu, alias).has_value()) << alias;
  EXPECT_EQ(encode_alias(pmu, "red=1").error().message, "a PMU's format file holds \"\\x1b[31m\"");
}

}  // namespace
}  // namespace tier
