#include "tools/tier-train/exporting.h"

#include "predictor/network/model_file.h"
#include "tools/tier-train/fit.h"

namespace tier::sim {
namespace {

Result<TensorFile> tensors_of(const std::filesystem::path& folder, FitModel which) {
  if (which == FitModel::kBest) return read_tensor_file(folder / "model.safetensors");
  const auto path = folder / "checkpoint.safetensors";
  const auto file = TIER_TRY(read_tensor_file(path));
  const auto latest = latest_of(file);
  if (!latest)
    return fail(latest.error().kind, path.string() + ": " + latest.error().message, latest.error().fix);
  return model_to_tensors(latest->first, latest->second);
}

}  // namespace

Result<Exported> export_model(const std::filesystem::path& folder, FitModel which,
                              const std::filesystem::path& to) {
  const auto file = TIER_TRY(tensors_of(folder, which));
  const auto checked = TIER_TRY(model_from_tensors(file, folder.string()));
  TIER_TRY(write_tensor_file(to, file));
  const auto back = TIER_TRY(load_model(to));
  if (back->hash != checked.hash)
    return fail(ErrorKind::kDiffers, to.string() + ": another model than was written", "write it again");
  std::error_code unknown;
  const auto bytes = std::filesystem::file_size(to, unknown);
  return Exported{back->hash, unknown ? 0 : bytes};
}

}  // namespace tier::sim
