#include "tierd/config/short_words.h"

#include <gtest/gtest.h>

namespace tier {
namespace {

TEST(ShortWords, LeavesWhatPeopleWrite) {
  for (const char* text : {"", " ", "a  b\n", "\"/etc/tierd/tierd.toml.d/20-act.toml\": no such file",
                           "0123456789012345678901234567890123456789012345678901234567890123"})
    EXPECT_EQ(with_short_words(text), text);
}

TEST(ShortWords, ShortensANumberOf300Digits) {
  const std::string text = with_short_words("\"" + std::string(300, '9') + "\": is too large");
  EXPECT_EQ(text, "\"" + std::string(52, '9') + "…" + std::string(6, '9') + "\": is too large");
}

TEST(ShortWords, PathsMayBeLonger) {
  const std::string path = "/" + std::string(200, 'x');
  EXPECT_EQ(with_short_words(path), path);
  EXPECT_LE(with_short_words("/" + std::string(5000, 'x')).size(), 256U);
}

TEST(ShortWords, CutsBetweenCharacters) {
  std::string word;
  for (int i = 0; i < 100; ++i) word += "é";
  for (const std::string& shift : {std::string(), std::string("a")}) {
    std::string text = with_short_words(shift + word);
    EXPECT_LT(text.size(), 70U);
    for (std::size_t at; (at = text.find("é")) != std::string::npos;) text.erase(at, 2);
    EXPECT_EQ(text, shift + "…") << "nothing but whole characters";
  }
}

}  // namespace
}  // namespace tier
