#include "platform/linux/sampling/reader_view.h"

#include <gtest/gtest.h>

#include "platform/fake/tree.h"

namespace tier {
namespace {

TEST(ReaderView, NumberOfANamespace) {
  EXPECT_EQ(namespace_number("pid:[4026531836]"), TIER_INITIAL_PID_NAMESPACE);
  EXPECT_EQ(namespace_number("pid:[4026532345]"), 4026532345U);
  for (const char* junk : {"", "pid:", "pid:[", "pid:[]", "pid:[x]", "pid:[1x]", "]1[", "pid:[99999999999]"})
    EXPECT_EQ(namespace_number(junk), 0U) << junk;
}

TEST(ReaderView, ContainerWithAClockOfItsOwn) {
  const TemporaryTree tree(
      {{"proc/self/ns/pid", TreeLink{"pid:[4026532345]"}},
       {"proc/self/ns/time", TreeLink{"time:[4026532346]"}},
       {"proc/self/ns/time_for_children", TreeLink{"time:[4026532346]"}},
       {"proc/self/timens_offsets", "monotonic      -7         5\nboottime    1000         0\n"}});
  const ReaderView view = read_reader_view(tree.root());
  EXPECT_EQ(view.pid_namespace, 4026532345U);
  EXPECT_EQ(view.monotonic_offset_ns, -6'999'999'995);
  EXPECT_EQ(view.boottime_offset_ns, 1'000'000'000'000);
}

TEST(ReaderView, OffsetsOfChildrenAreNotOurs) {
  const TemporaryTree tree({{"proc/self/ns/time", TreeLink{"time:[4026531834]"}},
                            {"proc/self/ns/time_for_children", TreeLink{"time:[4026532346]"}},
                            {"proc/self/timens_offsets", "boottime    1000         0\n"}});
  EXPECT_EQ(read_reader_view(tree.root()), ReaderView{});
}

TEST(ReaderView, WhatMakesNoSenseIsPassedOver) {
  ReaderView view;
  parse_time_offsets("boottime\nmonotonic x 0\nboottime 9223372036854775807 0\nother 1 1\n", view);
  EXPECT_EQ(view, ReaderView{});
  const TemporaryTree empty(TreeDirectory{{"proc/version", "x"}});
  EXPECT_EQ(read_reader_view(empty.root()), ReaderView{});
}

}  // namespace
}  // namespace tier
