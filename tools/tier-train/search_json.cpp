#include "tools/tier-train/search_json.h"

#include <fmt/format.h>

namespace tier::sim {

std::string SearchJob::name() const { return fmt::format("{}-s{}", candidate.key(), steps); }

nlohmann::json to_json(const SearchJob& job) {
  return {{"candidate", to_json(job.candidate)}, {"steps", job.steps}};
}

Result<SearchJob> search_job_from(const std::string& text) {
  const auto json = nlohmann::json::parse(text, nullptr, false);
  try {
    const auto candidate = TIER_TRY(candidate_from(json.at("candidate")));
    return SearchJob{candidate, json.at("steps").get<std::size_t>()};
  } catch (const nlohmann::json::exception&) {
    return fail(ErrorKind::kFailed, "not a job of this search");
  }
}

nlohmann::json to_json(const SearchResult& of) {
  return {{"schema", "tierd.search-result/1"},
          {"candidate", to_json(of.candidate)},
          {"steps", of.steps},
          {"loss", of.loss ? nlohmann::json(*of.loss) : nlohmann::json()},
          {"error", of.error},
          {"microseconds", of.microseconds},
          {"seconds", of.seconds}};
}

Result<SearchResult> search_result_from(const nlohmann::json& json) {
  try {
    const auto candidate = TIER_TRY(candidate_from(json.at("candidate")));
    SearchResult out{candidate,
                     json.at("steps").get<std::size_t>(),
                     {},
                     json.at("error").get<std::string>(),
                     json.at("microseconds").get<double>(),
                     json.at("seconds").get<double>()};
    if (!json.at("loss").is_null()) out.loss = json.at("loss").get<double>();
    return out;
  } catch (const nlohmann::json::exception&) {
    return fail(ErrorKind::kFailed, "not a result of this search");
  }
}

}  // namespace tier::sim
