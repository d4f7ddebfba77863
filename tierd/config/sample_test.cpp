// The commented sample and the member initialisers of Config must say the same.
#include <gtest/gtest.h>

#include <algorithm>

#include "tierd/config/keys.h"
#include "tierd/config/loader.h"

namespace tier {
namespace {

TEST(SampleConfig, NamesEveryKeyAndEqualsTheDefaults) {
  const auto sample = load_config_file(TIERD_SAMPLE_CONFIG);
  ASSERT_TRUE(sample) << sample.error().text();
  const Config defaults;
  for (const ConfigKey& key : config_keys()) {
    EXPECT_EQ(key.show(sample->config), key.show(defaults)) << key.name;
    if (key.name.ends_with(".*")) continue;
    EXPECT_TRUE(sample->origins.contains(key.name)) << key.name << " is not in the sample";
  }
}

TEST(ConfigKeys, AreUnique) {
  std::vector<std::string> seen;
  for (const ConfigKey& key : config_keys()) {
    EXPECT_EQ(std::count(seen.begin(), seen.end(), key.name), 0) << key.name;
    seen.push_back(key.name);
  }
}

}  // namespace
}  // namespace tier
