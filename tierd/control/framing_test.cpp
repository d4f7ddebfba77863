#include "tierd/control/framing.h"

#include <gtest/gtest.h>

namespace tier {
namespace {

using namespace std::string_literals;

TEST(MessageSplitter, YieldsWholeMessagesOnly) {
  MessageSplitter splitter(100);
  ASSERT_TRUE(splitter.feed("{\"a\":"));
  EXPECT_FALSE(splitter.next());
  ASSERT_TRUE(splitter.feed("1}\0{\"b\":2}\0{"s));
  EXPECT_EQ(splitter.next(), "{\"a\":1}");
  EXPECT_TRUE(splitter.complete());
  EXPECT_EQ(splitter.next(), "{\"b\":2}");
  EXPECT_FALSE(splitter.next());
  EXPECT_FALSE(splitter.empty());
}

TEST(MessageSplitter, RefusesAMessageBeyondTheLimit) {
  MessageSplitter splitter(8);
  ASSERT_TRUE(splitter.feed("12345678"));
  EXPECT_FALSE(splitter.feed("9"));
}

TEST(MessageSplitter, ManySmallMessagesAreNotOneLargeOne) {
  MessageSplitter splitter(8);
  ASSERT_TRUE(splitter.feed("1234\0001234\0001234\0001234"s));
  int count = 0;
  while (splitter.next()) ++count;
  EXPECT_EQ(count, 3);
  EXPECT_TRUE(splitter.feed("5\0"s));
  EXPECT_EQ(splitter.next(), "12345");
  EXPECT_TRUE(splitter.empty());
}

}  // namespace
}  // namespace tier
