#include "tools/tier-train/fit.h"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>

#include "predictor/network/model_file.h"
#include "tools/tier-sim/progress.h"

namespace tier::sim {
namespace {

using Clock = std::chrono::steady_clock;
double since(Clock::time_point begun) { return std::chrono::duration<double>(Clock::now() - begun).count(); }

// Other draws of the same families, and none of the regions that were trained on.
RecipeSettings validation_recipes(const RecipeSettings& settings) {
  RecipeSettings other = settings;
  other.seed = settings.seed + 1'000'000;
  for (std::size_t* count : {&other.per_generator, &other.mixtures, &other.per_recording})
    *count = (*count + 5) / 6;
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

nlohmann::json to_json(const HistoryPoint& point) {
  return {{"step", point.step},
          {"training", point.training},
          {"held_back", point.with_context},
          {"held_back_without_context", point.without},
          {"divergence", point.divergence},
          {"by_family", point.by_family}};
}

HistoryPoint point_from(const nlohmann::json& json) {
  return {json.at("step").get<std::size_t>(),  json.at("training").get<double>(),
          json.at("held_back").get<double>(),  json.at("held_back_without_context").get<double>(),
          json.at("divergence").get<double>(), json.at("by_family").get<std::map<std::string, double>>()};
}

// A checkpoint is the trainer's, with what the fit itself must know to go on: all of it in one file, so that
// no crash can leave parts of different steps.
constexpr const char* kHistory = "fit.history";
constexpr const char* kBest = "best";
constexpr std::size_t kMostJudgements = 500;  // of a kilobyte each in the checkpoint's header

Result<void> check(const FitSettings& settings) {
  TIER_TRY(settings.shape.check());
  if (settings.judge_every == 0 || settings.training.steps / settings.judge_every > kMostJudgements)
    return fail(
        ErrorKind::kUsage,
        fmt::format("{} steps cannot be judged every {}", settings.training.steps, settings.judge_every),
        fmt::format("at most {} judgements", kMostJudgements));
  return {};
}

class Run {
 public:
  Run(const FitSettings& settings, const FitData& data, FitReport& report)
      : settings_(settings), data_(data), report_(report) {}

  Result<void> prepare() {
    report_.tasks = data_.training.tasks.size();
    report_.refused = data_.training.refused.size() + data_.held_back.refused.size();
    report_.seconds_of_data = data_.seconds;
    Model start = Model::random(settings_.shape, settings_.training.seed);
    start.ignore_features(settings_.training.pass.seen_features);
    trainer_ = TIER_TRY(Trainer::make(std::move(start), settings_.training, data_.training.tasks));
    return settings_.resume ? resume() : Result<void>{};
  }

  Result<void> learn() {
    const auto begun = Clock::now();
    Progress progress("steps");
    double sum = 0;
    std::size_t since_judged = 0;
    while (trainer_->steps_done() < settings_.training.steps && !report_.stopped_early) {
      const auto step = TIER_TRY(trainer_->step());
      sum += step.total, ++since_judged;
      const std::size_t done = trainer_->steps_done();
      if (!settings_.quiet) progress.show(done, settings_.training.steps);
      if (done % settings_.judge_every != 0 && done != settings_.training.steps) continue;
      TIER_TRY(judge_now(sum / static_cast<double>(since_judged)));
      sum = 0, since_judged = 0;
    }
    if (!settings_.quiet) progress.finish();
    report_.seconds_of_training = since(begun);
    return {};
  }

 private:
  Result<void> resume() {
    const auto path = settings_.folder / "checkpoint.safetensors";
    auto file = TIER_TRY(read_tensor_file(path));
    const auto history = file.metadata.find(kHistory);
    if (history == file.metadata.end() || file.tensors.empty() || file.tensors.back().name != kBest ||
        file.tensors.back().values.size() != report_.model.values().size())
      return fail(ErrorKind::kFailed, path.string() + ": not a fit's checkpoint of this shape",
                  "start without it, or with the shape it was made with");
    const std::vector<float> best = std::move(file.tensors.back().values);
    file.tensors.pop_back();
    TIER_TRY(trainer_->restore(file));
    try {
      for (const auto& point : nlohmann::json::parse(history->second)) add(point_from(point));
    } catch (const nlohmann::json::exception& error) {
      return fail(ErrorKind::kFailed, path.string() + ": its history cannot be read: " + error.what(),
                  "start without it");
    }
    std::copy(best.begin(), best.end(), report_.model.values().begin());
    return {};
  }

  // Whether it is the best so far.
  bool add(HistoryPoint point) {
    const bool better = report_.history.empty() || point.with_context < report_.best;
    if (better) report_.best = point.with_context, report_.best_step = point.step;
    without_gain_ = better ? 0 : without_gain_ + 1;
    report_.stopped_early = without_gain_ >= settings_.patience;
    report_.history.push_back(std::move(point));
    return better;
  }

  Result<void> judge_now(double training) {
    TrainingSettings evenly = settings_.training;  // horizons that training weighs otherwise
    evenly.pass.loss.horizons = LossWeights{}.horizons;
    const auto judged = TIER_TRY(judge(trainer_->model(), evenly, data_.held_back.tasks, 2));
    const LossWeights& weights = evenly.pass.loss;
    const bool better =
        add({trainer_->steps_done(), training, judged.with_context.total(weights),
             judged.without.total(weights), judged.with_context.divergence, judged.by_family});
    if (better) report_.model = trainer_->model();
    return settings_.folder.empty() ? Result<void>{} : save(better);
  }

  Result<void> save(bool better) const {
    const auto notes = notes_of(settings_, report_);
    TensorFile file = trainer_->checkpoint();
    nlohmann::json history = nlohmann::json::array();
    for (const HistoryPoint& point : report_.history) history.push_back(to_json(point));
    file.metadata[kHistory] = history.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
    file.metadata.insert(notes.begin(), notes.end());
    const auto values = report_.model.values();
    file.tensors.push_back({kBest, {values.size()}, {values.begin(), values.end()}});
    // The model first: a checkpoint says that its best is there.
    if (better)
      if (auto written = write_tensor_file(settings_.folder / "model.safetensors",
                                           model_to_tensors(report_.model, notes));
          !written)
        return written;
    return write_tensor_file(settings_.folder / "checkpoint.safetensors", file);
  }

  const FitSettings& settings_;
  const FitData& data_;
  FitReport& report_;
  std::unique_ptr<Trainer> trainer_;
  std::size_t without_gain_ = 0;
};

}  // namespace

RecipeSettings held_out_recipes(const RecipeSettings& settings) {
  RecipeSettings other = validation_recipes(settings);
  other.left_out.clear();
  const auto left_out = [&](const std::string& path) {
    const auto& list = settings.left_out;
    return std::find(list.begin(), list.end(), std::filesystem::path(path).stem().string()) != list.end();
  };
  if (std::any_of(other.recordings.begin(), other.recordings.end(), left_out))
    std::erase_if(other.recordings, [&](const std::string& path) { return !left_out(path); });
  return other;
}

FitData make_fit_data(const FitSettings& settings) {
  const auto begun = Clock::now();
  FitData data;
  data.training = make(settings, settings.recipes, RegionPart::kTraining, "training tasks");
  const auto recipes =
      settings.judge_left_out ? held_out_recipes(settings.recipes) : validation_recipes(settings.recipes);
  data.held_back = make(settings, recipes, RegionPart::kHeldBack, "held-back tasks");
  data.seconds = since(begun);
  return data;
}

Result<FitReport> fit(const FitSettings& settings, const FitData& data) {
  FitReport report{{}, 0, 0, 0, 0, 0, 0, false, Model(settings.shape)};
  TIER_TRY(check(settings));
  Run run(settings, data, report);
  TIER_TRY(run.prepare());
  TIER_TRY(run.learn());
  return report;
}

Result<std::pair<Model, std::map<std::string, std::string>>> latest_of(const TensorFile& checkpoint) {
  const auto shape = TIER_TRY(shape_from_notes(checkpoint.metadata, "the checkpoint"));
  Model model(shape);
  const auto values = std::find_if(checkpoint.tensors.begin(), checkpoint.tensors.end(),
                                   [](const Tensor& tensor) { return tensor.name == "values"; });
  if (values == checkpoint.tensors.end() || values->values.size() != model.values().size())
    return fail(ErrorKind::kFailed, "the checkpoint does not hold the values of its shape",
                "take the best model instead");
  std::copy(values->values.begin(), values->values.end(), model.values().begin());
  std::map<std::string, std::string> notes;
  for (const auto& [name, text] : checkpoint.metadata)
    if (name.starts_with("made.")) notes[name] = text;
  const auto step = checkpoint.metadata.find("step");
  if (step != checkpoint.metadata.end()) notes["made.step"] = step->second;
  return std::pair(std::move(model), std::move(notes));
}

nlohmann::json identity_of(const FitSettings& settings) {
  const RecipeSettings& r = settings.recipes;
  const TrainingSettings& t = settings.training;
  return {{"recipes",
           {{"per_generator", r.per_generator},
            {"mixtures", r.mixtures},
            {"per_recording", r.per_recording},
            {"recordings", r.recordings},
            {"left_out", r.left_out},
            {"ticks", r.ticks},
            {"seed", r.seed}}},
          {"training",
           {{"seed", t.seed},
            {"steps", t.steps},
            {"lanes", t.lanes},
            {"rate", t.rate},
            {"seen_features", t.pass.seen_features},
            {"horizons", t.pass.loss.horizons},
            {"kernels", t.kernels == Kernels::kPlain ? "plain" : "onednn"},
            {"judge_every", settings.judge_every},
            {"patience", settings.patience}}},
          {"shape", shape_notes(settings.shape)}};
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
  for (const HistoryPoint& point : report.history) history.push_back(to_json(point));
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
