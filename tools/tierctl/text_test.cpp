#include "tools/tierctl/text.h"

#include <gtest/gtest.h>

#include "tools/tierctl/table.h"

namespace tier {
namespace {

TEST(Text, NamesCannotSteerTheTerminal) {
  EXPECT_EQ(printable("redis-server"), "redis-server");
  EXPECT_EQ(printable("\x1b[2Jevil\nname\x7f"), "\\x1b[2Jevil\\nname\\x7f");
  EXPECT_EQ(printable("caf\xc3\xa9"), "caf\xc3\xa9");
  EXPECT_EQ(printable("\xc2\x9b"), "\\xc2\\x9b");  // the one-byte CSI of C1, as UTF-8
  EXPECT_EQ(printable("\xff\xc3"), "\\xff\\xc3");
  EXPECT_EQ(printable_lines("a\x1b\nb"), "a\\x1b\nb");
}

TEST(Text, TakesAddressesAsTheyArePrinted) {
  EXPECT_EQ(*parse_address("0x56042c000000"), 0x56042c000000U);
  EXPECT_EQ(*parse_address("56042c000000"), 0x56042c000000U) << "of /proc/PID/maps";
  EXPECT_EQ(*parse_address("560420000000"), 0x560420000000U) << "the same without a letter";
  EXPECT_EQ(*parse_address("400000"), 0x400000U);
  EXPECT_EQ(*parse_address("139637976727552"), 0x7f0000000000U) << "JSON's";
  for (const char* wrong : {"", "0x", "g", "-1", "+1", " 1", "1 ", "0x1z", "123456789012345678901234567890"})
    EXPECT_FALSE(parse_address(wrong).has_value()) << wrong;
}

TEST(Text, HumanisesBytes) {
  EXPECT_EQ(bytes_text(0), "0 B");
  EXPECT_EQ(bytes_text(1023), "1023 B");
  EXPECT_EQ(bytes_text(1536), "1.5 KiB");
  EXPECT_EQ(bytes_text(42ULL << 30), "42 GiB");
}

TEST(Text, HumanisesTimes) {
  EXPECT_EQ(seconds_text(0), "0 s");
  EXPECT_EQ(seconds_text(2.4e-6), "2.4 us");
  EXPECT_EQ(seconds_text(0.412), "412 ms");
  EXPECT_EQ(seconds_text(-0.128), "-128 ms");
  EXPECT_EQ(seconds_text(52.25), "52.2 s");
  EXPECT_EQ(seconds_text(150), "2 min 30 s");
  EXPECT_EQ(seconds_text(7325), "2 h 2 min");
  EXPECT_EQ(seconds_text(200000), "2 d 7 h");
}

TEST(Text, ShowsWhatIsNotKnownAsADash) {
  EXPECT_EQ(latency_text(std::nullopt), "-");
  EXPECT_EQ(share_text(std::nullopt), "-");
  EXPECT_EQ(share_text(0.0104), "1.04 %");
  EXPECT_EQ(share_text(0.91), "91 %");
  EXPECT_EQ(share_text(0.0), "0 %");
  EXPECT_EQ(count_text(4.6e6), "4.6 M");
  EXPECT_EQ(change_text(std::nullopt), "-");
}

TEST(Text, ChangesHaveASign) {
  EXPECT_EQ(change_text(0.032), "+3.2 %");
  EXPECT_EQ(change_text(-0.25), "-25 %");
  EXPECT_EQ(change_text(0.0), "0 %");
}

TEST(Table, AlignsAndTrims) {
  Table table({{"NAME", kLeft}, {"N", kRight}, {"WHY", kLeft}});
  table.add({"caf\xc3\xa9", "1", ""});
  table.add({"x", "12345", "because"});
  EXPECT_EQ(table.text(true),
            "NAME      N  WHY\n"
            "caf\xc3\xa9      1  -\n"
            "x     12345  because\n");
  EXPECT_EQ(table.text(false),
            "caf\xc3\xa9      1  -\n"
            "x     12345  because\n");
}

}  // namespace
}  // namespace tier
