#include "tools/tier-train/fit.h"

#include <fmt/format.h>

#include <chrono>
#include <fstream>
#include <iostream>

#include "tools/tier-sim/progress.h"

namespace tier::sim {
namespace {

using Clock = std::chrono::steady_clock;
double since(Clock::time_point begun) { return std::chrono::duration<double>(Clock::now() - begun).count(); }

// Other draws of the same families, and none of the regions that were trained on.
RecipeSettings validation_recipes(const RecipeSettings& settings) {
  RecipeSettings other = settings;
  other.seed = settings.seed + 1'000'000;
  other.per_generator = std::max<std::size_t>(1, settings.per_generator / 6);
  other.mixtures = std::max<std::size_t>(1, settings.mixtures / 6);
  other.per_recording = std::max<std::size_t>(1, settings.per_recording / 6);
  return other;
}

TaskSet make(const FitSettings& settings, const RecipeSettings& recipes, RegionPart part, const char* what) {
  Progress progress(what);
  TaskSettings tasks{recipes.ticks, settings.training.pass.regions, part};
  TaskSet set =
      make_tasks(draw_recipes(recipes), tasks, settings.jobs, [&](std::size_t done, std::size_t of) {
        if (!settings.quiet) progress.show(done, of);
      });
  if (!settings.quiet) progress.finish();
  return set;
}

class Run {
 public:
  Run(const FitSettings& settings, FitReport& report) : settings_(settings), report_(report) {}

  Result<void> prepare() {
    const auto begun = Clock::now();
    training_ = make(settings_, settings_.recipes, RegionPart::kTraining, "training tasks");
    validation_ =
        make(settings_, validation_recipes(settings_.recipes), RegionPart::kHeldBack, "held-back tasks");
    report_.tasks = training_.tasks.size();
    report_.refused = training_.refused.size() + validation_.refused.size();
    report_.seconds_of_data = since(begun);
    auto made = Trainer::make(Model::random(settings_.shape, settings_.training.seed), settings_.training,
                              training_.tasks);
    if (!made) return tl::make_unexpected(made.error());
    trainer_ = std::move(*made);
    if (!settings_.resume) return {};
    auto file = read_tensor_file(settings_.folder / "checkpoint.safetensors");
    if (!file) return tl::make_unexpected(file.error());
    return trainer_->restore(*file);
  }

  Result<void> learn() {
    const auto begun = Clock::now();
    Progress progress("steps");
    double sum = 0;
    std::size_t since_judged = 0;
    while (trainer_->steps_done() < settings_.training.steps) {
      const auto step = trainer_->step();
      if (!step) return tl::make_unexpected(step.error());
      sum += step->total, ++since_judged;
      const std::size_t done = trainer_->steps_done();
      if (!settings_.quiet) progress.show(done, settings_.training.steps);
      if (done % settings_.judge_every != 0 && done != settings_.training.steps) continue;
      if (auto judged = judge_now(sum / static_cast<double>(since_judged)); !judged) return judged;
      sum = 0, since_judged = 0;
      report_.stopped_early = without_gain_ >= settings_.patience;
      if (report_.stopped_early) break;
    }
    if (!settings_.quiet) progress.finish();
    report_.seconds_of_training = since(begun);
    return {};
  }

 private:
  Result<void> judge_now(double training) {
    const auto judged = judge(trainer_->model(), settings_.training, validation_.tasks, 2);
    if (!judged) return tl::make_unexpected(judged.error());
    const LossWeights& weights = settings_.training.pass.loss;
    report_.history.push_back({trainer_->steps_done(), training, judged->with_context.total(weights),
                               judged->without.total(weights), judged->with_context.divergence,
                               judged->by_family});
    const HistoryPoint& now = report_.history.back();
    ++without_gain_;
    if (report_.best_step == 0 || now.with_context < report_.best) {
      report_.best = now.with_context, report_.best_step = now.step;
      report_.model = trainer_->model();
      without_gain_ = 0;
    }
    if (settings_.folder.empty()) return {};
    return write_tensor_file(settings_.folder / "checkpoint.safetensors", trainer_->checkpoint());
  }

  const FitSettings& settings_;
  FitReport& report_;
  TaskSet training_, validation_;
  std::unique_ptr<Trainer> trainer_;
  std::size_t without_gain_ = 0;
};

}  // namespace

Result<FitReport> fit(const FitSettings& settings) {
  FitReport report{{}, 0, 0, 0, 0, 0, 0, false, Model(settings.shape)};
  if (auto checked = settings.shape.check(); !checked) return tl::make_unexpected(checked.error());
  Run run(settings, report);
  if (auto prepared = run.prepare(); !prepared) return tl::make_unexpected(prepared.error());
  if (auto learnt = run.learn(); !learnt) return tl::make_unexpected(learnt.error());
  return report;
}

std::map<std::string, std::string> notes_of(const FitSettings& settings, const FitReport& report) {
  const RecipeSettings& r = settings.recipes;
  std::string recordings, left_out;
  for (const std::string& path : r.recordings)
    recordings += (recordings.empty() ? "" : ",") + std::filesystem::path(path).stem().string();
  for (const std::string& name : r.left_out) left_out += (left_out.empty() ? "" : ",") + name;
  return {{"made.data", fmt::format("per generator {}, mixtures {}, per recording {}, ticks {}, seed {}",
                                    r.per_generator, r.mixtures, r.per_recording, r.ticks, r.seed)},
          {"made.recordings", recordings},
          {"made.left_out", left_out},
          {"made.training", fmt::format("steps {}, best {}, lanes {}, rate {}, seed {}",
                                        settings.training.steps, report.best_step, settings.training.lanes,
                                        settings.training.rate, settings.training.seed)},
          {"made.loss", fmt::format("{:.4f}", report.best)}};
}

std::string fit_table(const FitReport& report) {
  std::string out = fmt::format("{:>8}{:>12}{:>12}{:>18}{:>14}\n", "step", "training", "held back",
                                "without context", "divergence");
  for (const HistoryPoint& p : report.history)
    out += fmt::format("{:>8}{:>12.4f}{:>12.4f}{:>18.4f}{:>14.4f}{}\n", p.step, p.training, p.with_context,
                       p.without, p.divergence, p.step == report.best_step ? "  best" : "");
  return out + fmt::format("{} tasks ({} recipes gave none) in {:.0f} s, training {:.0f} s\n", report.tasks,
                           report.refused, report.seconds_of_data, report.seconds_of_training);
}

nlohmann::json to_json(const FitReport& report) {
  nlohmann::json history = nlohmann::json::array();
  for (const HistoryPoint& point : report.history)
    history.push_back({{"step", point.step},
                       {"training", point.training},
                       {"held_back", point.with_context},
                       {"held_back_without_context", point.without},
                       {"divergence", point.divergence},
                       {"by_family", point.by_family}});
  return {{"schema", "tierd.fit/1"},
          {"tasks", report.tasks},
          {"refused", report.refused},
          {"seconds_of_data", report.seconds_of_data},
          {"seconds_of_training", report.seconds_of_training},
          {"best_step", report.best_step},
          {"best", report.best},
          {"stopped_early", report.stopped_early},
          {"history", history}};
}

}  // namespace tier::sim
