#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "tools/tier-train/fewshot.h"

namespace tier::sim {
namespace {

struct Summary {
  double mean = 0, error = 0, worst = 0;  // standard error of the mean; worst: the highest
};

Summary summary_of(const std::vector<double>& values) {
  Summary out;
  if (values.empty()) return out;
  const auto n = static_cast<double>(values.size());
  for (const double value : values) out.mean += value / n;
  double square = 0;
  for (const double value : values) square += (value - out.mean) * (value - out.mean);
  if (values.size() > 1) out.error = std::sqrt(square / (n - 1) / n);
  out.worst = *std::max_element(values.begin(), values.end());
  return out;
}

double mean_of(const std::vector<double>& values, std::size_t begin, std::size_t end) {
  double sum = 0;
  for (std::size_t i = begin; i < end; ++i) sum += values[i];
  return end > begin ? sum / static_cast<double>(end - begin) : 0;
}

struct Row {
  Summary ticks, hit, behind;  // behind: the reference, in points
  double reached = 0;
};

// Hits count from the first adaptation that could be on.
Row row_of(const std::vector<FewshotCase>& cases, std::size_t contestant) {
  std::vector<double> ticks, hit, behind;
  double reached = 0;
  constexpr std::size_t kFrom = 48 / kBinTicks;
  for (const FewshotCase& each : cases) {
    const auto& own = each.hits[contestant];
    const auto& reference = each.hits[static_cast<std::size_t>(Contestant::kReference)];
    ticks.push_back(each.ticks_until[contestant]);
    reached += each.reached[contestant] ? 1 : 0;
    hit.push_back(mean_of(own, kFrom, own.size()));
    behind.push_back(100 * (mean_of(reference, kFrom, own.size()) - hit.back()));
  }
  return {summary_of(ticks), summary_of(hit), summary_of(behind),
          reached / static_cast<double>(cases.size())};
}

template <typename Member>
std::size_t sum_of(const std::vector<FewshotCase>& cases, Member member) {
  std::size_t sum = 0;
  for (const FewshotCase& each : cases) sum += each.*member;
  return sum;
}

nlohmann::json to_json(const Summary& summary) {
  return {{"mean", summary.mean}, {"standard_error", summary.error}, {"worst", summary.worst}};
}

}  // namespace

std::string fewshot_table(const FewshotReport& report, bool cases) {
  std::string out =
      fmt::format("{} cases\n{:<18}{:>22}{:>8}{:>9}{:>18}{:>24}{:>8}\n", report.cases.size(), "",
                  "ticks until as good", "worst", "reached", "hit from tick 48", "points behind", "worst");
  for (std::size_t c = 0; c < kContestants; ++c) {
    const Row row = row_of(report.cases, c);
    out += fmt::format(
        "{:<18}{:>15.1f} ± {:<5.1f}{:>7.0f}{:>8.0f} %{:>11.3f} ± {:<5.3f}{:>16.2f} ± {:<5.2f}{:>8.2f}\n",
        name_of(static_cast<Contestant>(c)), row.ticks.mean, row.ticks.error, row.ticks.worst,
        100 * row.reached, row.hit.mean, row.hit.error, row.behind.mean, row.behind.error, row.behind.worst);
  }
  const auto& all = report.cases;
  out += fmt::format(
      "adaptations {}: context taken {} (worse after it {}), weights taken {} (worse after it {})\n",
      sum_of(all, &FewshotCase::adaptations), sum_of(all, &FewshotCase::context_taken),
      sum_of(all, &FewshotCase::context_harmed), sum_of(all, &FewshotCase::weights_taken),
      sum_of(all, &FewshotCase::weights_harmed));
  if (cases)
    for (const FewshotCase& each : all) {
      out +=
          fmt::format("{:<14}{:<18}seed {:<12}", each.recipe.family, each.recipe.machine, each.recipe.seed);
      for (std::size_t c = 0; c < kContestants; ++c)
        out += fmt::format("{:>10.3f}", mean_of(each.hits[c], 0, each.hits[c].size()));
      out += "\n";
    }
  for (const std::string& refused : report.refused) out += "no case: " + refused + "\n";
  return out;
}

nlohmann::json to_json(const FewshotReport& report) {
  nlohmann::json contestants = nlohmann::json::array(), cases = nlohmann::json::array();
  for (std::size_t c = 0; c < kContestants; ++c) {
    const Row row = row_of(report.cases, c);
    contestants.push_back({{"name", name_of(static_cast<Contestant>(c))},
                           {"ticks_until", to_json(row.ticks)},
                           {"reached", row.reached},
                           {"hit", to_json(row.hit)},
                           {"points_behind", to_json(row.behind)}});
  }
  for (const FewshotCase& each : report.cases)
    cases.push_back({{"workload", each.recipe.workload},
                     {"family", each.recipe.family},
                     {"machine", each.recipe.machine},
                     {"seed", each.recipe.seed},
                     {"hits", each.hits},
                     {"ticks_until", each.ticks_until},
                     {"reached", each.reached},
                     {"adaptations", each.adaptations},
                     {"context_taken", each.context_taken},
                     {"context_harmed", each.context_harmed},
                     {"weights_taken", each.weights_taken},
                     {"weights_harmed", each.weights_harmed}});
  return {{"schema", "tierd.fewshot/1"},
          {"bin_ticks", kBinTicks},
          {"contestants", contestants},
          {"cases", cases},
          {"refused", report.refused}};
}

}  // namespace tier::sim
