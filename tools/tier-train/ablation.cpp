#include "tools/tier-train/ablation.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <map>

#include "predictor/network/model_file.h"
#include "tools/tier-sim/progress.h"
#include "tools/tier-train/results_folder.h"

namespace tier::sim {
namespace {

const std::vector<VariantEntry> kVariants = {
    {"full", "as asked for", [](ModelShape&) {}},
    {"no-hypernetwork", "context moves the stem's biases only", [](ModelShape& s) { s.generated = false; }},
    {"no-context", "the base weights alone", [](ModelShape& s) { s.encoder.rank = 0; }},
    {"no-convolutions", "the head sees this tick alone", [](ModelShape& s) { s.network.blocks = 0; }},
    {"no-attention", "every token counts alike", [](ModelShape& s) { s.encoder.attention = false; }},
};

nlohmann::json to_json(const AblationRun& run) {
  return {{"schema", "tierd.ablation-run/1"},
          {"variant", run.variant},
          {"seed", run.seed},
          {"held_back", run.held_back},
          {"workloads", to_json(run.by_case)}};
}

std::optional<AblationRun> run_from(const std::optional<nlohmann::json>& json) {
  if (!json) return {};
  try {
    return AblationRun{json->at("variant").get<std::string>(), json->at("seed").get<std::uint64_t>(),
                       json->at("held_back").get<double>(), held_out_from(json->at("workloads"))};
  } catch (const nlohmann::json::exception&) {
    return {};
  }
}

std::vector<Contender> contenders_of(const std::shared_ptr<const NamedModel>& model) {
  std::vector<Contender> chosen;
  const auto all = all_contenders({}, model);
  const auto take = [&](const std::string& name) {
    for (const Contender& each : all)
      if (each.name == name) chosen.push_back(each);
  };
  if (!model) take(kSwitchRun);
  for (const char* name : kAblationContenders) take(name);
  return chosen;
}

class Ablation {
 public:
  Ablation(const AblationSettings& settings, ResultsFolder folder)
      : settings_(settings), folder_(std::move(folder)), recipes_(draw_recipes(held_out())) {}

  Result<std::vector<AblationRun>> run() {
    std::vector<AblationRun> runs;
    Progress progress("variants and seeds");
    const std::size_t all = variant_table().size() * settings_.seeds + 1;
    const auto keep = [&](Result<AblationRun> made) -> Result<void> {
      if (!made) return tl::make_unexpected(made.error());
      runs.push_back(*std::move(made));
      if (!settings_.fit.quiet) progress.show(runs.size(), all);
      return {};
    };
    for (const VariantEntry& variant : variant_table())
      for (unsigned i = 0; i < settings_.seeds; ++i)
        TIER_TRY(keep(train(variant, settings_.fit.training.seed + i)));
    if (auto kept = keep(look_up(kSwitchRun, 0, [&] { return judge_network(kSwitchRun, 0, nullptr, 0); }));
        !kept)
      return tl::make_unexpected(kept.error());
    if (!settings_.fit.quiet) progress.finish();
    return runs;
  }

 private:
  RecipeSettings held_out() const { return held_out_recipes(settings_.fit.recipes); }

  template <typename Make>
  Result<AblationRun> look_up(const std::string& variant, std::uint64_t seed, Make make) {
    const std::string name = fmt::format("{}-seed{}", variant, seed);
    if (auto there = run_from(folder_.read(name))) return *std::move(there);
    Result<AblationRun> made = make();
    if (!made) return made;
    TIER_TRY(folder_.write(name, to_json(*made)));
    return made;
  }

  Result<AblationRun> train(const VariantEntry& variant, std::uint64_t seed) {
    return look_up(variant.name, seed, [&]() -> Result<AblationRun> {
      if (!data_) data_ = make_fit_data(settings_.fit);
      FitSettings fit_settings = settings_.fit;
      variant.change(fit_settings.shape);
      fit_settings.training.seed = seed, fit_settings.folder.clear(), fit_settings.resume = false;
      fit_settings.quiet = true;
      auto report = TIER_TRY(fit(fit_settings, *data_));
      const auto model = std::make_shared<const NamedModel>(NamedModel{std::move(report.model), "", {}});
      return judge_network(variant.name, seed, model, report.best);
    });
  }

  Result<AblationRun> judge_network(const std::string& variant, std::uint64_t seed,
                                    const std::shared_ptr<const NamedModel>& model, double held_back) const {
    auto scores = TIER_TRY(score_held_out(recipes_, settings_.fit.recipes.ticks, contenders_of(model),
                                          settings_.fit.jobs, nullptr));
    return AblationRun{variant, seed, held_back, std::move(scores)};
  }

  const AblationSettings& settings_;
  ResultsFolder folder_;
  std::vector<TaskRecipe> recipes_;
  std::optional<FitData> data_;  // made when the first variant needs it
};

struct Mean {
  double value = 0, error = 0;
};
Mean mean_of(const std::vector<double>& values) {
  Mean mean;
  const auto n = static_cast<double>(values.size());
  if (values.empty()) return mean;
  for (const double v : values) mean.value += v / n;
  double squares = 0;
  for (const double v : values) squares += (v - mean.value) * (v - mean.value);
  mean.error = n > 1 ? std::sqrt(squares / (n - 1) / n) : 0;
  return mean;
}

double over_horizons(const Hits& hits) {
  double sum = 0;
  for (const double hit : hits) sum += hit / static_cast<double>(hits.size());
  return sum;
}

VariantSummary::Part summarise_part(const std::vector<const AblationRun*>& runs, std::size_t contender,
                                    const AblationRun* baseline) {
  VariantSummary::Part part;
  for (std::size_t h = 0; h < part.mean.size(); ++h) {
    std::vector<double> by_seed;
    for (const AblationRun* run : runs) {
      std::vector<double> hits;
      for (const HeldOutScore& score : run->by_case) hits.push_back(score.hits[contender][h]);
      by_seed.push_back(mean_of(hits).value);
    }
    const Mean mean = mean_of(by_seed);
    part.mean[h] = mean.value, part.error[h] = mean.error;
  }
  part.worst = 1;
  for (std::size_t c = 0; baseline != nullptr && c < baseline->by_case.size(); ++c) {
    std::vector<double> ahead;
    for (const AblationRun* run : runs)
      if (c < run->by_case.size())
        ahead.push_back(over_horizons(run->by_case[c].hits[contender]) -
                        over_horizons(baseline->by_case[c].hits[0]));
    if (const double mean = mean_of(ahead).value; mean < part.worst)
      part.worst = mean, part.worst_workload = baseline->by_case[c].workload;
  }
  return part;
}

// What the results depend on; threads do not change them.
nlohmann::json identity_of(const AblationSettings& settings) {
  nlohmann::json identity = identity_of(settings.fit);
  identity["command"] = "ablate";
  return identity;
}

}  // namespace

std::span<const VariantEntry> variant_table() { return kVariants; }

Result<std::vector<AblationRun>> ablate(const AblationSettings& settings) {
  auto folder = TIER_TRY(ResultsFolder::open(settings.folder, identity_of(settings)));
  return Ablation(settings, std::move(folder)).run();
}

std::vector<VariantSummary> summarise(const std::vector<AblationRun>& runs) {
  const AblationRun* baseline = nullptr;
  std::vector<std::string> names;
  for (const AblationRun& run : runs) {
    if (run.variant == kSwitchRun) baseline = &run;
    if (std::find(names.begin(), names.end(), run.variant) == names.end()) names.push_back(run.variant);
  }
  std::vector<VariantSummary> summaries;
  for (const std::string& name : names) {
    std::vector<const AblationRun*> of;
    std::vector<double> losses;
    for (const AblationRun& run : runs)
      if (run.variant == name) of.push_back(&run), losses.push_back(run.held_back);
    VariantSummary& summary = summaries.emplace_back(VariantSummary{name, {}, mean_of(losses).value});
    const std::size_t contenders = of[0]->by_case.empty() ? 0 : of[0]->by_case[0].hits.size();
    for (std::size_t c = 0; c < contenders; ++c) summary.parts.push_back(summarise_part(of, c, baseline));
  }
  return summaries;
}

nlohmann::json to_json(const std::vector<VariantSummary>& summaries) {
  nlohmann::json list = nlohmann::json::array();
  for (const VariantSummary& summary : summaries) {
    nlohmann::json parts = nlohmann::json::array();
    for (std::size_t c = 0; c < summary.parts.size(); ++c) {
      const auto& part = summary.parts[c];
      parts.push_back({{"forecaster", summary.name == kSwitchRun ? kSwitchRun : kAblationContenders[c]},
                       {"hit", part.mean},
                       {"hit_error", part.error},
                       {"worst_against_switch", part.worst},
                       {"worst_workload", part.worst_workload}});
    }
    list.push_back({{"variant", summary.name}, {"held_back", summary.held_back}, {"forecasters", parts}});
  }
  return {{"schema", "tierd.ablation/1"}, {"horizons", kHorizons}, {"variants", list}};
}

namespace {

// One variant's line under the heading of contender `c`; none where it has no such part.
std::string line_of(const VariantSummary& summary, std::size_t c) {
  const bool baseline = summary.name == kSwitchRun;
  const std::size_t at = baseline ? 0 : c;
  if (at >= summary.parts.size()) return "";
  const auto& part = summary.parts[at];
  std::string out = fmt::format("{:<18}{:>9}", summary.name,
                                baseline ? std::string("-") : fmt::format("{:.4f}", summary.held_back));
  for (std::size_t h = 0; h < part.mean.size(); ++h)
    out += fmt::format("{:>8.2f} ±{:>4.2f}", 100 * part.mean[h], 100 * part.error[h]);
  return out + (baseline ? "\n" : fmt::format("{:>8.1f}  {}\n", 100 * part.worst, part.worst_workload));
}

}  // namespace

std::string ablation_table(const std::vector<VariantSummary>& summaries) {
  std::string out;
  for (std::size_t c = 0; c < kAblationContenders.size(); ++c) {
    out += fmt::format(
        "{}{}: hit / oracle in %, K = 1/8, held-out workloads; worst: against the switch\n{:<18}{:>9}",
        c == 0 ? "" : "\n", kAblationContenders[c], "", "loss");
    for (const int ticks : kHorizons) out += fmt::format("{:>14}", fmt::format("{} ticks", ticks));
    out += fmt::format("{:>8}\n", "worst");
    for (const VariantSummary& summary : summaries) out += line_of(summary, c);
  }
  return out;
}

}  // namespace tier::sim
