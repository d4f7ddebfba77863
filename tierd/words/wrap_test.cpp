#include "tierd/words/wrap.h"

#include <gtest/gtest.h>

namespace tier {
namespace {

using Lines = std::vector<std::string>;

TEST(Wrap, BreaksBetweenWords) {
  EXPECT_EQ(wrapped_lines("one two three", 8), (Lines{"one two", "three"}));
  EXPECT_EQ(wrapped_lines("one two three", 7), (Lines{"one two", "three"})) << "exactly as wide as a line";
  EXPECT_EQ(wrapped_lines("one two three", 0), (Lines{"one two three"}));
  EXPECT_EQ(wrapped_lines("", 5), (Lines{""}));
  EXPECT_EQ(wrapped_lines("a\nb", 5), (Lines{"a", "b"}));
  EXPECT_EQ(wrapped_lines("ends in a blank ", 15), (Lines{"ends in a blank"}));
}

TEST(Wrap, AWordThatIsTooWideIsBrokenBetweenCharacters) {
  EXPECT_EQ(wrapped_lines("abcdefgh", 3), (Lines{"abc", "def", "gh"}));
  EXPECT_EQ(wrapped_lines("ééééé", 2), (Lines{"éé", "éé", "é"}));
}

TEST(Wrap, AListWithoutBlanksIsBrokenBehindAComma) {
  EXPECT_EQ(wrapped_lines("{waited,in-fast,regions}", 19), (Lines{"{waited,in-fast,", "regions}"}));
  EXPECT_EQ(wrapped_lines(",abcdefgh", 4), (Lines{",", "abcd", "efgh"}));
}

TEST(Wrap, ANumberKeepsItsUnit) {
  EXPECT_EQ(wrapped_lines("cost 1.5 s, in all", 10), (Lines{"cost", "1.5 s, in", "all"}));
  EXPECT_EQ(wrapped_lines("bound with 95 % confidence", 14), (Lines{"bound with", "95 %", "confidence"}));
  EXPECT_EQ(wrapped_lines("1 k", 2), (Lines{"1", "k"})) << "where there is no other place";
}

TEST(Wrap, WhatGoesOnIsIndented) {
  EXPECT_EQ(wrapped("rival: DAMON moves pages too\nshort\n", 16, 2),
            "rival: DAMON\n  moves pages\n  too\nshort\n");
  EXPECT_EQ(wrapped("whole line\n", 0, 2), "whole line\n");
  EXPECT_EQ(indented("fix: run as root", 4, 14), "    fix: run\n    as root\n");
}

TEST(Wrap, ClipsAtEitherEnd) {
  EXPECT_EQ(clipped("redis-server", 12), "redis-server");
  EXPECT_EQ(clipped("redis-server", 6), "redis…");
  EXPECT_EQ(clipped("/system.slice/redis.service", 14, true), "…redis.service");
}

}  // namespace
}  // namespace tier
