#include "tierd/control/config_view.h"

#include <gtest/gtest.h>

#include <algorithm>

namespace tier {
namespace {

TEST(ConfigView, SaysWhereEachValueComesFrom) {
  const auto document = parse_config_text("mode = \"act\"\n[tiers.latencies]\n0 = \"90ns\"\n", "my.toml");
  ASSERT_TRUE(document);
  const ConfigView view = to_view(*check_config({*document}));
  const auto find = [&](const std::string& key) {
    const auto found = std::find_if(view.values.begin(), view.values.end(),
                                    [&](const ConfigValueView& value) { return value.key == key; });
    return found == view.values.end() ? "missing" : found->value + " from " + found->origin;
  };
  EXPECT_EQ(find("mode"), "\"act\" from my.toml:1");
  EXPECT_EQ(find("tiers.latencies"), "{ 0 = \"90ns\" } from my.toml:3");
  EXPECT_EQ(find("tiers.latency"), "\"auto\" from default");
  EXPECT_NE(view.toml.find("mode = \"act\"  # my.toml:1"), std::string::npos);
}

}  // namespace
}  // namespace tier
