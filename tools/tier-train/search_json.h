// Jobs and results of the search as texts.
#pragma once

#include <nlohmann/json.hpp>
#include <string>

#include "tools/tier-train/search.h"

namespace tier::sim {

struct SearchJob {
  Candidate candidate;
  std::size_t steps = 0;
  std::string name() const;  // of its result's file
};
nlohmann::json to_json(const SearchJob& job);
Result<SearchJob> search_job_from(const std::string& text);

nlohmann::json to_json(const SearchResult& result);
// kFailed: no such result.
Result<SearchResult> search_result_from(const nlohmann::json& json);

}  // namespace tier::sim
