// Settings of a fit that takes a moment, for tests.
#pragma once

#include <gtest/gtest.h>

#include <filesystem>

#include "sim/workloads/generators.h"
#include "tools/tier-train/fit.h"

namespace tier::sim {

// Two generators, a few windows of 32 regions.
inline FitSettings tiny_fit() {
  FitSettings settings;
  settings.shape = {{kFeatures, 8, 1}, {2, true}, true};
  for (const GeneratorEntry& generator : generator_table())
    if (generator.name != std::string("zipf") && generator.name != std::string("phases"))
      settings.recipes.left_out.emplace_back(generator.name);
  settings.recipes.per_generator = 2, settings.recipes.mixtures = 0, settings.recipes.ticks = 64;
  settings.training.steps = 12, settings.training.warm_up = 2;
  settings.training.pass.ticks = 32, settings.training.pass.regions = 32;
  settings.training.kernels = Kernels::kPlain;
  settings.judge_every = 4;
  settings.quiet = true;
  return settings;
}

// A folder of its own that goes with the test.
class TemporaryFolder {
 public:
  TemporaryFolder() {
    std::string name = (std::filesystem::temp_directory_path() / "tier-train-XXXXXX").string();
    EXPECT_NE(mkdtemp(name.data()), nullptr);
    path_ = name;
  }
  TemporaryFolder(const TemporaryFolder&) = delete;
  TemporaryFolder& operator=(const TemporaryFolder&) = delete;
  ~TemporaryFolder() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  const std::filesystem::path& path() const { return path_; }

 private:
  std::filesystem::path path_;
};

}  // namespace tier::sim
