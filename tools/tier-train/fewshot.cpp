#include "tools/tier-train/fewshot.h"

#include <algorithm>
#include <cmath>
#include <optional>

#include "core/score.h"
#include "predictor/training/support.h"
#include "sim/machine/description.h"
#include "tools/tier-sim/parallel.h"
#include "tools/tier-train/fewshot_tuning.h"

namespace tier::sim {
namespace {

constexpr std::size_t kHorizon = 1;  // 4 ticks
constexpr std::size_t kBefore = 32;  // ticks before a bin that the network sees

bool contains(const std::vector<std::string>& list, const std::string& name) {
  return std::find(list.begin(), list.end(), name) != list.end();
}

// One case as it goes on, bin by bin.
class Course {
 public:
  Course(const FewshotSettings& settings, const TrainingTask& task, FewshotCase& out)
      : settings_(settings), task_(task), out_(out) {}

  Result<void> run() {
    for (const auto& model : {settings_.model, settings_.reference}) {
      auto pass = TIER_TRY(Pass::make(model->model.shape().network, {kBefore + kBinTicks, task_.regions, {}},
                                      settings_.adaptation.kernels));
      passes_.push_back(std::move(pass));
    }
    const auto ahead = static_cast<std::size_t>(kHorizons[kHorizon]);
    for (std::size_t t = 0; t + kBinTicks + ahead <= task_.ticks; t += kBinTicks) {
      const std::vector<float> z = context_of(*settings_.model, t),
                               other = context_of(*settings_.reference, t);
      if (t % settings_.every == 0 && t >= least_ticks()) TIER_TRY(adapt(t, z));
      TIER_TRY(score(t, z, other));
    }
    find_times();
    return {};
  }

 private:
  std::size_t least_ticks() const {
    return settings_.adaptation.unscored + settings_.adaptation.held_back + 16;
  }

  std::vector<float> context_of(const NamedModel& model, std::size_t ticks) const {
    if (model.model.shape().encoder.rank == 0) return {};
    return condition(model.model, tokens_after(task_, ticks)).encoding.z;
  }

  std::vector<float> moved(const std::vector<float>& z) const {
    std::vector<float> out = z;
    for (std::size_t r = 0; r < offset_.size(); ++r) out[r] += offset_[r];
    return out;
  }

  std::vector<float> weights_of(const NamedModel& model, const std::vector<float>& z) const {
    std::vector<float> weights(model.model.network_size());
    model.model.generate(z, weights);
    return weights;
  }

  Result<void> adapt(std::size_t t, const std::vector<float>& z) {
    const TrainingTask support = observed_part(task_, t > kSupportTicks ? t - kSupportTicks : 0, t);
    ++out_.adaptations;
    context_changed_ = weights_changed_ = false;
    if (!z.empty()) {
      auto made =
          TIER_TRY(Adaptation::make(settings_.model, support, {z, moved(z), {}}, settings_.adaptation));
      while (made->step()) {
      }
      const AdaptationReport& report = made->report();
      offset_.resize(z.size());
      for (std::size_t r = 0; r < z.size(); ++r) offset_[r] = report.z[r] - z[r];
      context_changed_ = report.verdict == AdaptationVerdict::kAdapted;
      out_.context_taken += context_changed_ ? 1 : 0;
    }
    auto tuned = TIER_TRY(tune_weights(weights_of(*settings_.model, z), change_,
                                       settings_.model->model.shape().network, support,
                                       {settings_.adaptation, settings_.weights_rate}));
    weights_changed_ = tuned;
    out_.weights_taken += tuned ? 1 : 0;
    return {};
  }

  Result<void> score(std::size_t t, const std::vector<float>& z, const std::vector<float>& other) {
    std::vector<float> tuned = weights_of(*settings_.model, z);
    for (std::size_t i = 0; i < change_.size(); ++i) tuned[i] += change_[i];
    const std::array<std::vector<float>, kContestants> weights = {
        std::vector<float>{}, weights_of(*settings_.model, z), weights_of(*settings_.model, moved(z)), tuned,
        weights_of(*settings_.reference, other)};
    const std::size_t begin = t > kBefore ? t - kBefore : 0;
    for (std::size_t c = 0; c < kContestants; ++c) {
      Pass& pass = *passes_[c == static_cast<std::size_t>(Contestant::kReference) ? 1 : 0];
      if (!weights[c].empty()) TIER_TRY(pass.forward(weights[c], {&task_, begin}));
      double sum = 0;
      for (std::size_t k = t; k < t + kBinTicks; ++k)
        sum +=
            hit(k, weights[c].empty() ? std::span<const float>{}
                                      : pass.mean().subspan((k - begin) * task_.regions * kHorizons.size()));
      out_.hits[c].push_back(sum / kBinTicks);
    }
    const auto latest = [&](Contestant c) { return out_.hits[static_cast<std::size_t>(c)].back(); };
    out_.context_harmed +=
        context_changed_ && latest(Contestant::kContext) < latest(Contestant::kPlain) ? 1U : 0U;
    out_.weights_harmed +=
        weights_changed_ && latest(Contestant::kWeights) < latest(Contestant::kPlain) ? 1U : 0U;
    context_changed_ = weights_changed_ = false;
    return {};
  }

  // `mean` of one tick by region and horizon; empty: what the switch says.
  double hit(std::size_t tick, std::span<const float> mean) {
    forecast_.resize(task_.regions), came_.resize(task_.regions);
    for (std::size_t r = 0; r < task_.regions; ++r) {
      const std::size_t at = tick * task_.regions + r;
      came_[r] = std::max(0.0F, task_.came[at * kHorizons.size() + kHorizon]);
      forecast_[r] = mean.empty() ? task_.baselines[at * kBaselineFloats + (kHorizon + 1) * kBaselines - 1]
                                  : mean[r * kHorizons.size() + kHorizon];
      if (task_.listed[at] == 0) forecast_[r] = 0;
    }
    const std::size_t most = std::max<std::size_t>(1, task_.regions / 8);
    const double best = captured_demand(came_, came_, most, scratch_);
    return best > 0 ? captured_demand(forecast_, came_, most, scratch_) / best : 1;
  }

  void find_times() {
    const auto& reference = out_.hits[static_cast<std::size_t>(Contestant::kReference)];
    for (std::size_t c = 0; c < kContestants; ++c) {
      out_.ticks_until[c] = static_cast<double>(reference.size() * kBinTicks);
      for (std::size_t b = 0; b + 1 < reference.size() && !out_.reached[c]; ++b)
        if (out_.hits[c][b] + out_.hits[c][b + 1] >= reference[b] + reference[b + 1] - 2 * settings_.within)
          out_.reached[c] = true, out_.ticks_until[c] = static_cast<double>(b * kBinTicks);
    }
  }

  const FewshotSettings& settings_;
  const TrainingTask& task_;
  FewshotCase& out_;
  std::vector<std::unique_ptr<Pass>> passes_;  // of the model, of the reference
  std::vector<float> offset_, change_;         // of z, of all weights
  bool context_changed_ = false, weights_changed_ = false;
  std::vector<float> forecast_, came_, scratch_;
};

std::vector<TaskRecipe> recipes_of(const FewshotSettings& settings, std::uint64_t seed) {
  RecipeSettings recipes;
  recipes.per_generator = recipes.per_recording = 1, recipes.mixtures = 0;
  recipes.recordings = settings.recordings, recipes.ticks = settings.ticks, recipes.seed = seed;
  for (const MachineDescription& machine : machine_presets())
    if (!settings.machines.empty() && !contains(settings.machines, machine.name))
      recipes.left_out.push_back(machine.name);
  std::vector<TaskRecipe> list = draw_recipes(recipes);
  std::erase_if(list, [&](const TaskRecipe& recipe) { return !contains(settings.workloads, recipe.family); });
  return list;
}

Result<FewshotCase> measure_case(const FewshotSettings& settings, const TaskRecipe& recipe) {
  auto task = TIER_TRY(make_task(recipe, {settings.ticks, settings.regions, RegionPart::kAll}));
  FewshotCase out;
  out.recipe = recipe;
  TIER_TRY(Course(settings, task, out).run());
  if (out.adaptations == 0)
    return fail(ErrorKind::kUsage, "it ends before the first adaptation", "give more --ticks");
  return out;
}

}  // namespace

const char* name_of(Contestant contestant) {
  static constexpr std::array<const char*, kContestants> names = {"switch", "network", "context adapted",
                                                                  "weights adapted", "trained on it"};
  return names[static_cast<std::size_t>(contestant)];
}

Result<FewshotReport> measure_fewshot(const FewshotSettings& settings) {
  std::vector<TaskRecipe> recipes;
  for (std::uint64_t s = 0; s < settings.seeds; ++s)
    for (TaskRecipe& recipe : recipes_of(settings, settings.first_seed + s))
      recipes.push_back(std::move(recipe));
  std::stable_sort(recipes.begin(), recipes.end(),
                   [](const TaskRecipe& a, const TaskRecipe& b) { return a.family < b.family; });
  std::vector<std::optional<Result<FewshotCase>>> made(recipes.size());
  in_parallel(
      recipes.size(), settings.jobs,
      [&](std::size_t i) { made[i].emplace(measure_case(settings, recipes[i])); }, settings.progress);
  FewshotReport report;
  for (std::size_t i = 0; i < recipes.size(); ++i) {
    if (*made[i]) {
      report.cases.push_back(std::move(**made[i]));
    } else {
      report.refused.push_back(recipes[i].workload + ": " + made[i]->error().message);
    }
  }
  if (report.cases.empty())
    return fail(ErrorKind::kUsage,
                "no workload gave a case" + (report.refused.empty() ? "" : ": " + report.refused.front()),
                "name generators or recordings that the model has not seen");
  return report;
}

}  // namespace tier::sim
