#include "tierd/words/words.h"

#include <gtest/gtest.h>

#include <cmath>

namespace tier {
namespace {

TEST(Words, NoNumberNeedsAnExponent) {
  EXPECT_EQ(count_text(7.22e5), "722 k");
  EXPECT_EQ(count_text(0.5), "0.5");
  EXPECT_EQ(seconds_text(3.1e-5), "31 us");
  EXPECT_EQ(seconds_text(4e-10), "0.4 ns");
  EXPECT_EQ(count_text(999.4e12), "999 T");
  for (const double value : {1e-300, 1e300, 1.7e308, -1e300, 999.7e12, double(INFINITY), double(NAN)})
    for (const std::string& text : {count_text(value), seconds_text(value), share_text(value)}) {
      EXPECT_LT(text.size(), 24U) << text;
      EXPECT_EQ(text.find("e+"), std::string::npos) << text;
    }
}

TEST(Words, RoundingDoesNotReachTheNextUnit) {
  EXPECT_EQ(seconds_text(0.9997), "1 s");
  EXPECT_EQ(seconds_text(0.9994), "999 ms");
  EXPECT_EQ(seconds_text(999.7e-6), "1 ms");
  EXPECT_EQ(count_text(999'700), "1 M");
}

TEST(Words, CountsHaveTheRightWord) {
  EXPECT_EQ(plural(1, "process", "processes"), "1 process");
  EXPECT_EQ(plural(0, "process", "processes"), "0 processes");
}

}  // namespace
}  // namespace tier
