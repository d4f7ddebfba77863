#include "tierd/config/document.h"

#include <gtest/gtest.h>

namespace tier {
namespace {

TEST(Document, FlattensTablesAndKeepsLines) {
  const auto document =
      parse_config_text("mode = \"act\"\n[targets]\npids = [1, 2]\nexclude = []\n", "a.toml");
  ASSERT_TRUE(document) << document.error().text();
  ASSERT_EQ(document->settings.size(), 3u);
  for (const Setting& setting : document->settings) {
    if (setting.key == "targets.pids") {
      EXPECT_EQ(setting.origin.text(), "a.toml:3");
      EXPECT_EQ(std::get<std::vector<std::int64_t>>(setting.value), (std::vector<std::int64_t>{1, 2}));
    }
  }
  ASSERT_EQ(document->sections.size(), 1u);
  EXPECT_EQ(document->sections[0].key, "targets");
}

TEST(Document, RefusesWhatIsNotToml) {
  for (const char* text :
       {"mode = act", "mode = \"act\" junk", "mode \"act\"", "[targets", "a = 1\na = 2", "\x01"}) {
    const auto document = parse_config_text(text, "bad.toml");
    ASSERT_FALSE(document) << text;
    EXPECT_EQ(document.error().kind, ErrorKind::kUsage);
    EXPECT_NE(document.error().message.find("bad.toml:"), std::string::npos) << document.error().message;
    EXPECT_NE(document.error().message.find("not valid TOML"), std::string::npos) << document.error().message;
  }
}

TEST(Document, NamesTheLineOfASyntaxError) {
  const auto document = parse_config_text("mode = \"act\"\n\ninterval == \"1s\"\n", "bad.toml");
  ASSERT_FALSE(document);
  EXPECT_TRUE(document.error().message.starts_with("bad.toml:3: ")) << document.error().message;
}

TEST(Document, RefusesKindsThatNoKeyTakes) {
  for (const char* text :
       {"interval = 2026-01-01", "pids = [1, \"a\"]", "[[targets]]\npids = [1]", "a = [[1], [2]]"}) {
    const auto document = parse_config_text(text, "bad.toml");
    ASSERT_FALSE(document) << text;
    EXPECT_NE(document.error().message.find("bad.toml:1"), std::string::npos) << document.error().message;
  }
}

}  // namespace
}  // namespace tier
