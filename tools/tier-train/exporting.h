// A fit's result as the file that is installed.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>

#include "core/result.h"

namespace tier::sim {

enum class FitModel { kBest, kLatest };

struct Exported {
  std::string hash;
  std::uint64_t bytes = 0;
};

// Takes the best model of a fit's folder, or what the checkpoint has now, and puts it in the place of `to`.
// It is checked before, so that nothing wrong takes the place of a good file, and read back after. Errors:
// those of reading and writing; kDiffers: what was read back is another model.
Result<Exported> export_model(const std::filesystem::path& folder, FitModel which,
                              const std::filesystem::path& to);

}  // namespace tier::sim
