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
  std::filesystem::path folder;  // model.safetensors, checkpoint.safetensors, history.json, pictures
  bool resume = false;           // go on where the folder's checkpoint is
  bool quiet = false;
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

Result<FitReport> fit(const FitSettings& settings);
nlohmann::json to_json(const FitReport& report);
std::string fit_table(const FitReport& report);  // for a terminal

// What is written into the model's file: the settings that made it.
std::map<std::string, std::string> notes_of(const FitSettings& settings, const FitReport& report);

}  // namespace tier::sim
