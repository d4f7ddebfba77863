// What a training set is made of: workloads with drawn parameters, each on a machine and sampled at some
// rate.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "core/result.h"
#include "predictor/training/task.h"
#include "tools/tier-train/dataset.h"

namespace tier::sim {

struct TaskRecipe {
  std::string workload;  // as for tier-sim
  std::string family;    // the generator's or the recording's name, "mixture"
  std::string machine;   // a preset
  double tick_seconds = 1, samples_per_second = 500, slow_parts = 8;  // fast : slow = 1 : slow_parts
  std::uint64_t seed = 1;
};

struct RecipeSettings {
  std::size_t per_generator = 12, mixtures = 36, per_recording = 12;
  std::vector<std::string> recordings;  // paths of trace files
  std::vector<std::string> left_out;    // families and machines that are not to be learnt from
  std::size_t ticks = 160;              // of each task
  std::uint64_t seed = 1;
};

// The same list for the same settings.
std::vector<TaskRecipe> draw_recipes(const RecipeSettings& settings);

// Every fourth region by its hash is held back: training sees the others, validation those alone.
enum class RegionPart { kTraining, kHeldBack, kAll };

struct TaskSettings {
  std::size_t ticks = 160, regions = 256;
  RegionPart part = RegionPart::kTraining;
};

// What the daemon would see of it for so many ticks. Errors as make_task().
Result<Dataset> make_recipe_dataset(const TaskRecipe& recipe, std::size_t ticks);
// kUsage where drawn parameters do not go together, or the workload ends too early.
Result<TrainingTask> make_task(const TaskRecipe& recipe, const TaskSettings& settings);

struct TaskSet {
  std::vector<TrainingTask> tasks;
  std::vector<std::string> refused;  // recipes that gave no task, and why
};
// In the recipes' order, whatever the number of jobs. `progress` is called from one thread at a time.
TaskSet make_tasks(const std::vector<TaskRecipe>& recipes, const TaskSettings& settings, unsigned jobs,
                   const std::function<void(std::size_t, std::size_t)>& progress);

}  // namespace tier::sim
