#include "core/printable.h"

#include <gtest/gtest.h>

namespace tier {
namespace {

TEST(Printable, KeepsTextOfAllLengths) {
  const std::string text = "redis-server / \xc3\xa9 \xe2\x82\xac \xf0\x9f\x90\xa7 \\ \"";
  EXPECT_EQ(escaped(text), text);
  EXPECT_EQ(escaped(""), "");
}

TEST(Printable, EscapesEveryControlCharacter) {
  EXPECT_EQ(escaped("a\nb\tc\rd"), "a\\nb\\tc\\x0dd");
  EXPECT_EQ(escaped("\x1b[2J"), "\\x1b[2J");
  EXPECT_EQ(escaped(std::string_view("\0\x7f", 2)), "\\x00\\x7f");
  EXPECT_EQ(escaped("\xc2\x9b"), "\\xc2\\x9b") << "CSI as one character, U+009B";
  for (int c = 0; c < 256; ++c) {
    const std::string out = escaped(std::string(1, static_cast<char>(c)));
    for (const char each : out) EXPECT_TRUE(each >= 0x20 && each < 0x7f) << c;
  }
}

TEST(Printable, WhatIsNotUtf8IsEscapedByteByByte) {
  EXPECT_EQ(escaped("\xff"), "\\xff");
  EXPECT_EQ(escaped("a\xe2\x82"), "a\\xe2\\x82") << "cut short";
  EXPECT_EQ(escaped("\xc0\x8a"), "\\xc0\\x8a") << "an overlong newline";
  EXPECT_EQ(escaped("\xe0\x80\x8a"), "\\xe0\\x80\\x8a") << "an overlong newline of three bytes";
  EXPECT_EQ(escaped("\xed\xa0\x80"), "\\xed\\xa0\\x80") << "a surrogate";
  EXPECT_EQ(escaped("\xf4\x90\x80\x80"), "\\xf4\\x90\\x80\\x80") << "above U+10FFFF";
}

TEST(Printable, CharactersThatReorderTheirNeighboursAreEscaped) {
  EXPECT_EQ(escaped("a\u202eb"), "a\\xe2\\x80\\xaeb") << "right-to-left override";
  for (const char* hidden : {"\u061c", "\u200b", "\u200f", "\u2028", "\u2029", "\u202a", "\u2066", "\u2069",
                             "\ufeff", "\ufff9", "\U000e0041"})
    EXPECT_EQ(printable_length(hidden), 0U) << hidden;
  for (const char* shown : {"\u00e9", "\u05d0", "\u2026", "\u20ac", "\u4e2d", "\U0001f600"})
    EXPECT_EQ(printable_length(shown), std::string_view(shown).size()) << shown;
}

TEST(Printable, LongTextIsCut) {
  EXPECT_EQ(escaped_short("short"), "short");
  EXPECT_EQ(escaped_short(std::string(81, 'a')), std::string(80, 'a') + "…");
  EXPECT_EQ(escaped_short("abc\u00e9", 4), "abc\\xc3…") << "cut within a character";
}

TEST(Printable, JsonKeepsItsMeaningAndLosesItsControls) {
  EXPECT_EQ(json_escaped("{\n  \"a\": \"\u00e9\u2026\"\n}"), "{\n  \"a\": \"\u00e9\u2026\"\n}");
  EXPECT_EQ(json_escaped("\"\x7f\xc2\x9b\u202e\""), "\"\\u007f\\u009b\\u202e\"");
  EXPECT_EQ(json_escaped("\"\U000e0041\""), "\"\\udb40\\udc41\"") << "a surrogate pair";
  EXPECT_EQ(toml_escaped("\"\U000e0041\u202e\""), "\"\\U000e0041\\u202e\"");
}

}  // namespace
}  // namespace tier
