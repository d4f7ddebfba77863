#include "tools/tier-train/results_folder.h"

#include <fstream>
#include <iterator>

#include "platform/api/durable_file.h"

namespace tier::sim {

Result<ResultsFolder> ResultsFolder::open(const std::filesystem::path& folder,
                                          const nlohmann::json& settings) {
  std::error_code failed;
  std::filesystem::create_directories(folder, failed);
  if (failed)
    return fail(ErrorKind::kFailed, "cannot make the folder " + folder.string() + ": " + failed.message(),
                "choose another");
  ResultsFolder opened;
  opened.folder_ = folder;
  const auto there = opened.read("settings");
  opened.fresh_ = !there && !std::filesystem::exists(folder / "settings.json");
  if (!opened.fresh_ && there != settings)
    return fail(ErrorKind::kUsage, folder.string() + " holds results of other settings",
                "choose another folder, or the settings in its settings.json");
  if (opened.fresh_) TIER_TRY(opened.write("settings", settings));
  return opened;
}

std::optional<nlohmann::json> ResultsFolder::read(const std::string& name) const {
  std::ifstream in(folder_ / (name + ".json"));
  const std::string text{std::istreambuf_iterator<char>(in), {}};
  auto json = nlohmann::json::parse(text, nullptr, false);
  if (!json.is_object()) return {};
  return json;
}

Result<void> ResultsFolder::write(const std::string& name, const nlohmann::json& result) const {
  return replace_file(folder_ / (name + ".json"),
                      result.dump(1, ' ', false, nlohmann::json::error_handler_t::replace) + "\n");
}

}  // namespace tier::sim
