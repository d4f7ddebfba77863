// Training of a model from recipes to a file, with what can be seen on the way.
#pragma once

#include <filesystem>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "predictor/training/trainer.h"
#include "tools/tier-train/recipes.h"

namespace tier::sim {

struct FitSettings {
  ModelShape shape;
  RecipeSettings recipes;
  TrainingSettings training;
  std::size_t judge_every = 250, patience = 6;  // judgements without a better one until it stops
  unsigned jobs = 1;
  std::filesystem::path folder;  // model.safetensors, checkpoint.safetensors; empty: nothing is written
  bool resume = false;           // go on where the folder's checkpoint is
  bool quiet = false;
  bool judge_left_out = false;  // the held-back loss is also that of what is left out of training
};

struct HistoryPoint {
  std::size_t step = 0;
  double training = 0;                                   // mean total loss since the last
  double with_context = 0, without = 0, divergence = 0;  // held back; the last with context
  std::map<std::string, double> by_family;
};

struct FitReport {
  std::vector<HistoryPoint> history;
  std::size_t best_step = 0;
  double best = 0;  // held-back loss, with context
  std::size_t tasks = 0, refused = 0;
  double seconds_of_data = 0, seconds_of_training = 0;
  bool stopped_early = false;
  Model model;  // the best
};

// Other draws than those that are learnt from, of the families that are left out as well; of the recordings
// those alone that are left out, or all where none is.
RecipeSettings held_out_recipes(const RecipeSettings& settings);

struct FitData {
  TaskSet training, held_back;
  double seconds = 0;  // to make it
};
// Follows from the recipes, the pass's regions and `jobs` alone.
FitData make_fit_data(const FitSettings& settings);

// The checkpoint is written at every judgement, the model whenever it is better than before. A run that was
// interrupted and resumed ends as one that was not. kUsage: settings that cannot be; kFailed: no checkpoint
// to go on from, or one of another shape.
Result<FitReport> fit(const FitSettings& settings, const FitData& data);

// What a checkpoint's model is now, rather than the best there was, and the notes that go with it.
Result<std::pair<Model, std::map<std::string, std::string>>> latest_of(const TensorFile& checkpoint);

// loss.svg and families.svg in the folder. Errors: as draw_picture().
Result<void> plot_fit(const FitReport& report, const std::filesystem::path& folder);

nlohmann::json to_json(const FitReport& report);
std::string fit_table(const FitReport& report);  // for a terminal

// Everything that the result of a fit depends on: recipes, shape, training.
nlohmann::json identity_of(const FitSettings& settings);

// What is written into the model's file: the settings that made it.
std::map<std::string, std::string> notes_of(const FitSettings& settings, const FitReport& report);

}  // namespace tier::sim
