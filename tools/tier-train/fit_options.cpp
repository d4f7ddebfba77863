#include "tools/tier-train/fit_options.h"

#include <algorithm>
#include <thread>

#include "tierd/cli/number_range.h"
#include "tools/tier-train/candidate.h"
#include "tools/tier-train/report.h"

namespace tier::sim {

void add_training_options(CLI::App* command, FitArguments& arguments) {
  FitSettings& f = arguments.settings;
  command->add_option("--recording", f.recipes.recordings, "trace files; none: build/corpus or tests/traces");
  command->add_flag("--no-recordings", arguments.no_recordings, "generators only");
  command->add_option("--leave-out", f.recipes.left_out,
                      "generators, recordings and machines that are not learnt from");
  command->add_option("--per-generator", f.recipes.per_generator, "tasks of each generator")
      ->capture_default_str();
  command->add_option("--mixtures", f.recipes.mixtures, "tasks of several generators at once")
      ->capture_default_str();
  command->add_option("--per-recording", f.recipes.per_recording, "tasks of each recording")
      ->capture_default_str();
  command->add_option("--ticks", f.recipes.ticks, "length of each task in ticks")
      ->check(CLI::Range(64, 100'000))
      ->capture_default_str();
  command->add_option("--steps", f.training.steps, "steps of the training")
      ->check(number_from(1, 1e9))
      ->capture_default_str();
  command->add_option("--seed", f.training.seed, "seed of tasks and weights")->capture_default_str();
  command->add_option("--rate", f.training.rate, "learning rate")
      ->check(number_from(1e-9, 10))
      ->capture_default_str();
  command->add_option("--judge-every", f.judge_every, "steps between two judgements")->capture_default_str();
  command->add_option("--patience", f.patience, "judgements without gain")->capture_default_str();
  command->add_flag("--plain", arguments.plain, "without oneDNN");
  f.jobs = std::max(1U, std::thread::hardware_concurrency());
  command->add_option("--jobs", f.jobs, "for the data; training uses its lanes")->check(CLI::Range(1, 1024));
  command->add_option("--lanes", f.training.lanes, "windows per step, a thread each")->capture_default_str();
}

void add_shape_options(CLI::App* command, FitArguments& arguments) {
  FitSettings& f = arguments.settings;
  command->add_option("--channels", f.shape.network.channels, "channels of the convolutions")
      ->capture_default_str();
  command->add_option("--blocks", f.shape.network.blocks, "blocks of convolutions; 0: none")
      ->capture_default_str();
  command->add_option("--rank", f.shape.encoder.rank, "numbers of the context; 0: none")
      ->capture_default_str();
  command->add_flag("!--no-attention", f.shape.encoder.attention, "every token counts alike");
  command->add_flag("!--no-hypernetwork", f.shape.generated, "context moves the stem's biases only");
  command->add_option("--without", arguments.without, "feature groups that the network does not see");
  command->add_option("--horizons", arguments.horizons, "what each counts in the loss: even, near, far")
      ->capture_default_str();
}

Result<void> conclude(FitArguments& arguments) {
  FitSettings& settings = arguments.settings;
  settings.recipes.seed = settings.training.seed;
  if (arguments.plain) settings.training.kernels = Kernels::kPlain;
  for (const std::string& name : arguments.without) {
    const auto groups = feature_groups();
    const auto group =
        std::find_if(groups.begin(), groups.end(), [&](const FeatureGroup& of) { return name == of.name; });
    if (group == groups.end())
      return fail(ErrorKind::kUsage, "there is no feature group " + name,
                  "choose among demand, averages, neighbours, season, group, switch, idle, writes");
    settings.training.pass.seen_features &= ~group->features;
  }
  const auto table = horizons_table();
  const auto entry = std::find_if(table.begin(), table.end(),
                                  [&](const HorizonsEntry& of) { return arguments.horizons == of.name; });
  if (entry == table.end())
    return fail(ErrorKind::kUsage, "horizons cannot be weighed " + arguments.horizons,
                "choose among even, near, far");
  settings.training.pass.loss.horizons = entry->weights;
  if (arguments.no_recordings) settings.recipes.recordings.clear();
  if (arguments.no_recordings || !settings.recipes.recordings.empty()) return {};
  for (const std::string& workload : standard_workloads("."))
    if (family_of(workload) == "recorded")
      settings.recipes.recordings.push_back(workload.substr(workload.find(':') + 1));
  return {};
}

std::vector<std::string> left_out_by_default(const std::vector<std::string>& recordings) {
  std::vector<std::string> names, left_out;
  for (const std::string& path : recordings) names.push_back(std::filesystem::path(path).stem().string());
  std::sort(names.begin(), names.end());
  for (std::size_t i = 3; i < names.size(); i += 4) left_out.push_back(names[i]);
  return left_out;
}

Result<void> make_folder(const std::filesystem::path& folder) {
  std::error_code failed;
  std::filesystem::create_directories(folder, failed);
  if (failed || !std::filesystem::is_directory(folder))
    return fail(
        ErrorKind::kFailed,
        "cannot make the folder " + folder.string() + (failed ? ": " + failed.message() : std::string()),
        "choose another");
  return {};
}

}  // namespace tier::sim
