#include "tools/tierctl/table.h"

#include <gtest/gtest.h>

namespace tier {
namespace {

TEST(FittedTable, TextsWrapThenColumnsGoThenTextsGoBelow) {
  Table table({{"NAME", kLeft}, {"N", kRight, kWhole, 1}, {"WHY", kLeft, kWrap, 0, "fix: "}});
  table.add({"one", "1", "a reason that is longer than a narrow terminal"});
  table.add({"two", "22", ""});
  EXPECT_EQ(table.text(true, 44),
            "NAME   N  WHY\n"
            "one    1  a reason that is longer than a\n"
            "          narrow terminal\n"
            "two   22  -\n");
  EXPECT_EQ(table.text(true, 30),
            "NAME   N\n"
            "one    1\n"
            "    fix: a reason that is\n"
            "    longer than a narrow\n"
            "    terminal\n"
            "two   22\n");
  EXPECT_EQ(table.text(false, 5).substr(0, 4), "one\n");
  EXPECT_EQ(table.text(false, 5).find("left out"), std::string::npos);
  EXPECT_NE(table.text(true, 7).find("left"), std::string::npos) << "what there is no room for is named";
}

}  // namespace
}  // namespace tier
