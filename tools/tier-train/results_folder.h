// A folder of results, a JSON file each, that a long command fills and takes up again after it was cut off.
#pragma once

#include <filesystem>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>

#include "core/result.h"

namespace tier::sim {

class ResultsFolder {
 public:
  // Makes the folder if it is not there. `settings`: what the results depend on besides their names, kept in
  // settings.json. kUsage: the folder holds results of other settings.
  static Result<ResultsFolder> open(const std::filesystem::path& folder, const nlohmann::json& settings);

  bool fresh() const { return fresh_; }  // there was nothing before
  const std::filesystem::path& path() const { return folder_; }

  // A result written before; none where it is missing or is no JSON object: then it is worked out anew.
  std::optional<nlohmann::json> read(const std::string& name) const;
  // On disk when it returns, whole or not at all. kFailed.
  Result<void> write(const std::string& name, const nlohmann::json& result) const;

 private:
  std::filesystem::path folder_;
  bool fresh_ = true;
};

}  // namespace tier::sim
