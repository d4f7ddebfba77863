#include "core/toml_guard.h"

#include <gtest/gtest.h>

namespace tier {
namespace {

std::string repeated(const std::string& text, std::size_t times) {
  std::string out;
  for (std::size_t i = 0; i < times; ++i) out += text;
  return out;
}

std::string problem_of(const std::string& text, const TomlLimits& limits = {}) {
  const auto excess = toml_excess(text, limits);
  return excess ? std::to_string(excess->line) + ": " + excess->problem : "";
}

TEST(TomlGuard, LetsOrdinaryTextThrough) {
  EXPECT_EQ(problem_of(""), "");
  EXPECT_EQ(problem_of("# comment\nmode = \"act\"\n[tiers.latencies]\n0 = 80\nlist = [1, 2.5, [3]]\n"), "");
  EXPECT_EQ(problem_of("[[generation]]\nregister = [{ address = 0x1a4, disable = { l2 = 0 } }]\n"), "");
}

TEST(TomlGuard, EachBoundHoldsExactly) {
  EXPECT_EQ(problem_of("a.b.c = 1", {.key_parts = 3}), "");
  EXPECT_EQ(problem_of("x = 1\na.b.c.d = 1", {.key_parts = 3}), "2: more than 3 parts in one dotted key");
  EXPECT_EQ(problem_of("[a . b.c.d]", {.key_parts = 3}), "1: more than 3 parts in one dotted key");
  EXPECT_EQ(problem_of("x = [[1]]", {.depth = 2}), "");
  EXPECT_EQ(problem_of("x = [[{a=1}]]", {.depth = 2}), "1: more than 2 brackets within each other");
  EXPECT_EQ(problem_of("a=1\nb=[1,2]", {.items = 3}), "");
  EXPECT_EQ(problem_of("[s]\na=1\nb=[1,2]", {.items = 3}), "3: more than 3 settings and list elements");
  EXPECT_EQ(problem_of("a = 1", {.bytes = 5}), "");
  EXPECT_EQ(problem_of("a = 12", {.bytes = 5}), "0: larger than 5 bytes");
}

TEST(TomlGuard, SectionsAloneCount) {
  EXPECT_NE(problem_of(repeated("[a]\n", 11), {.items = 10}), "");
  EXPECT_NE(problem_of(repeated("  [[a]]\n", 11), {.items = 10}), "");
}

TEST(TomlGuard, TextsAndCommentsHideTheirSigns) {
  const TomlLimits tight{.depth = 1, .key_parts = 2, .items = 2};
  EXPECT_EQ(problem_of("# a.b.c.d [[[ ,,,,\nx = 1", tight), "");
  EXPECT_EQ(problem_of("x = \"a.b.c.d [[[ \\\" ,,,,\"", tight), "");
  EXPECT_EQ(problem_of("x = 'a.b.c.d [[[ \\'\ny = 1", tight), "");
  EXPECT_EQ(problem_of("x = \"\"\"\na.b.c.d\n[[[ \\\"\"\" ,,, \"\" # \n\"\"\"\ny = 1", tight), "");
  EXPECT_EQ(problem_of("x = '''\na.b.c.d\n[[[,,,\n'''\n", tight), "");
  EXPECT_EQ(problem_of("'a.b'.\"c.d\" = 1", tight), "") << "two parts, each quoted";
  EXPECT_NE(problem_of("'a.b'.\"c.d\".e = 1", tight), "");
}

TEST(TomlGuard, QuotesBeforeTheClosingOnesHideNothing) {
  for (const char* text :
       {"{x = \"\"\"a\"\"\"\", a.b.c = 1}", "{x = \"\"\"a\"\"\"\"\", a.b.c = 1}", "{x = '''a'''', a.b.c = 1}",
        "{x = \"\", a.b.c = 1}", "{x = \"\"\"\"\"\", a.b.c = 1}"})
    EXPECT_NE(problem_of(text, {.key_parts = 2}), "") << text;
}

TEST(TomlGuard, CountsLinesThroughTexts) {
  EXPECT_EQ(problem_of("x = \"\"\"\n\n\n\"\"\"\na.b.c = 1", {.key_parts = 2}),
            "5: more than 2 parts in one dotted key");
}

TEST(TomlGuard, WhatIsNeverClosedEnds) {
  for (const char* text : {"\"", "'", "\"\"\"", "'''", "x = \"\\", "[", "{", "#", "\"\"\"\\", "''''", "."})
    EXPECT_EQ(problem_of(text), "") << text;
  EXPECT_NE(problem_of("x = \"open\na.b.c = 1", {.key_parts = 2}), "") << "a text of one line ends with it";
}

}  // namespace
}  // namespace tier
