// tier-train: how well forecasters forecast, and the training of the one that learns.
#include <CLI/CLI.hpp>
#include <fstream>
#include <iostream>
#include <thread>

#include "predictor/network/model_file.h"
#include "tools/tier-sim/progress.h"
#include "tools/tier-train/crossfit.h"
#include "tools/tier-train/fewshot_command.h"
#include "tools/tier-train/report.h"

namespace tier::sim {
namespace {

int refuse(const Error& error) {
  std::cerr << "tier-train: " << error.text() << "\n";
  return static_cast<int>(error.kind);
}

struct EvaluateArguments {
  EvaluationOptions options;
  double tick = 1;
  std::string model;
  bool json = false, cases = false;
};

void add_evaluate(CLI::App& app, EvaluateArguments& arguments) {
  auto* command = app.add_subcommand(
      "evaluate", "every expert, forecaster and the switch on workloads sampled as the daemon would");
  EvaluationOptions& o = arguments.options;
  command->add_option("workload", o.workloads,
                      "as for tier-sim, several; none: every generator, two mixtures, the recordings");
  command->add_option("--seeds", o.seeds, "repetitions with other data and other samples")
      ->check(CLI::Range(1, 1000))
      ->capture_default_str();
  command->add_option("--samples-per-second", o.data.samples_per_second, "over all threads")
      ->check(CLI::PositiveNumber)
      ->capture_default_str();
  command->add_option("--tick", arguments.tick, "seconds")
      ->check(CLI::Range(0.01, 60.0))
      ->capture_default_str();
  command->add_option("--fast-share", o.data.fast_share, "the fast tier's share of the memory")
      ->check(CLI::Range(0.0, 1.0))
      ->capture_default_str();
  o.jobs = std::max(1U, std::thread::hardware_concurrency());
  command->add_option("--jobs", o.jobs)->check(CLI::Range(1, 1024));
  SwitchSettings& s = o.forecasters;
  command->add_option("--decay", s.contest.decay, "of scores, per tick")->capture_default_str();
  command->add_option("--hysteresis", s.contest.hysteresis)->capture_default_str();
  command->add_option("--level-weight", s.contest.level_weight, "of squared errors in the score")
      ->capture_default_str();
  command->add_option("--drift", s.drift, "0: no resets")->capture_default_str();
  command->add_option("--kept-on-drift", s.kept_on_drift, "of the scores")->capture_default_str();
  command->add_option("--first", s.first, "leads until there are scores")->capture_default_str();
  command->add_flag("!--no-blend", s.blend, "without the blend of all experts");
  command->add_option("--model", arguments.model, "file of a trained network, to be judged too");
  command->add_flag("--cases", arguments.cases, "every workload by itself");
  command->add_flag("--json", arguments.json);
}

int evaluate_all(EvaluateArguments& arguments) {
  EvaluationOptions& options = arguments.options;
  options.data.tick = Nanoseconds{static_cast<std::int64_t>(arguments.tick * 1e9)};
  options.forecasters.fast_share = options.data.fast_share;
  if (options.workloads.empty()) options.workloads = standard_workloads(".");
  if (!arguments.model.empty()) {
    auto model = load_model(arguments.model);
    if (!model) return refuse(model.error());
    options.model = *model;
  }
  Progress progress("evaluations");
  options.progress = [&](std::size_t done, std::size_t of) { progress.show(done, of); };
  auto evaluations = run_evaluations(options);
  progress.finish();
  if (!evaluations) return refuse(evaluations.error());
  std::cout << (arguments.json ? to_json(*evaluations).dump(2) + "\n"
                               : evaluation_table(*evaluations, arguments.cases));
  return 0;
}

struct FitArguments {
  FitSettings settings;
  std::string folder;
  bool json = false, no_recordings = false, plain = false;
};

CLI::App* add_fit(CLI::App& app, const std::string& name, const std::string& help, FitArguments& arguments) {
  auto* command = app.add_subcommand(name, help);
  FitSettings& f = arguments.settings;
  command->add_option("--out", arguments.folder, "folder for the model, checkpoints and pictures")
      ->required();
  command->add_flag("--resume", f.resume, "go on from the folder's checkpoint");
  command->add_option("--recording", f.recipes.recordings, "trace files; none: build/corpus or tests/traces");
  command->add_flag("--no-recordings", arguments.no_recordings, "generators only");
  command->add_option("--leave-out", f.recipes.left_out,
                      "generators, recordings and machines that are not learnt from");
  command->add_option("--per-generator", f.recipes.per_generator)->capture_default_str();
  command->add_option("--mixtures", f.recipes.mixtures)->capture_default_str();
  command->add_option("--per-recording", f.recipes.per_recording)->capture_default_str();
  command->add_option("--ticks", f.recipes.ticks, "of each task")
      ->check(CLI::Range(64, 100'000))
      ->capture_default_str();
  command->add_option("--steps", f.training.steps)->check(CLI::PositiveNumber)->capture_default_str();
  command->add_option("--seed", f.training.seed)->capture_default_str();
  command->add_option("--rate", f.training.rate, "learning rate")
      ->check(CLI::PositiveNumber)
      ->capture_default_str();
  command->add_option("--channels", f.shape.network.channels)->capture_default_str();
  command->add_option("--blocks", f.shape.network.blocks, "0: no convolutions")->capture_default_str();
  command->add_option("--rank", f.shape.encoder.rank, "numbers of the context; 0: none")
      ->capture_default_str();
  command->add_flag("!--no-attention", f.shape.encoder.attention, "every token counts alike");
  command->add_flag("!--no-hypernetwork", f.shape.generated, "context moves the stem's biases only");
  command->add_option("--judge-every", f.judge_every, "steps")->capture_default_str();
  command->add_option("--patience", f.patience, "judgements without gain")->capture_default_str();
  command->add_flag("--plain", arguments.plain, "without oneDNN");
  f.jobs = std::max(1U, std::thread::hardware_concurrency());
  command->add_option("--jobs", f.jobs, "for the data; training uses its lanes")->check(CLI::Range(1, 1024));
  command->add_option("--lanes", f.training.lanes, "windows per step, a thread each")->capture_default_str();
  command->add_flag("--json", arguments.json);
  return command;
}

std::vector<std::string> recordings_of(const FitArguments& arguments) {
  if (arguments.no_recordings || !arguments.settings.recipes.recordings.empty())
    return arguments.settings.recipes.recordings;
  std::vector<std::string> paths;
  for (const std::string& workload : standard_workloads("."))
    if (family_of(workload) == "recorded") paths.push_back(workload.substr(workload.find(':') + 1));
  return paths;
}

FitSettings settings_of(const FitArguments& arguments) {
  FitSettings settings = arguments.settings;
  settings.folder = arguments.folder;
  settings.recipes.recordings = recordings_of(arguments);
  settings.recipes.seed = settings.training.seed;
  if (arguments.plain) settings.training.kernels = Kernels::kPlain;
  std::error_code failed;
  std::filesystem::create_directories(settings.folder, failed);  // what it cannot make, writing will say
  return settings;
}

int fit_model(const FitArguments& arguments) {
  const FitSettings settings = settings_of(arguments);
  const auto report = fit(settings);
  if (!report) return refuse(report.error());
  const auto file = settings.folder / "model.safetensors";
  if (auto written = write_tensor_file(file, model_to_tensors(report->model, notes_of(settings, *report)));
      !written)
    return refuse(written.error());
  std::ofstream(settings.folder / "history.json") << to_json(*report).dump(2) << "\n";
  if (arguments.json) {
    std::cout << to_json(*report).dump(2) << "\n";
  } else {
    std::cout << fit_table(*report) << file.string() << "\n";
  }
  return 0;
}

struct CrossfitArguments {
  FitArguments fit;
  CrossfitSettings settings;
  bool cases = false;
};

void add_crossfit(CLI::App& app, CrossfitArguments& arguments) {
  auto* command = add_fit(app, "crossfit",
                          "what models are worth on a machine and on workloads that they were not trained on",
                          arguments.fit);
  command->add_option("--seeds", arguments.settings.seeds, "of the evaluations")
      ->check(CLI::Range(1, 1000))
      ->capture_default_str();
  command->add_option("--workload", arguments.settings.workloads, "that are judged; none: the standard ones");
  command->add_flag("--cases", arguments.cases, "every workload by itself");
}

int crossfit_all(CrossfitArguments& arguments) {
  arguments.settings.fit = settings_of(arguments.fit);
  const auto evaluations = crossfit(arguments.settings);
  if (!evaluations) return refuse(evaluations.error());
  std::cout << (arguments.fit.json ? to_json(*evaluations).dump(2) + "\n"
                                   : evaluation_table(*evaluations, arguments.cases));
  return 0;
}

int program(int argc, char** argv) {
  CLI::App app("Forecasters of memory demand: training and evaluation");
  app.require_subcommand(1);
  EvaluateArguments evaluate;
  add_evaluate(app, evaluate);
  FitArguments fit_arguments;
  add_fit(app, "fit", "trains a model, from workloads to a file", fit_arguments);
  CrossfitArguments crossfit_arguments;
  add_crossfit(app, crossfit_arguments);
  const FewshotCommand fewshot = add_fewshot(app);
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? 0 : 2;
  }
  if (app.got_subcommand("crossfit")) return crossfit_all(crossfit_arguments);
  if (app.got_subcommand("fit")) return fit_model(fit_arguments);
  return fewshot.app->parsed() ? fewshot.run() : evaluate_all(evaluate);
}

}  // namespace
}  // namespace tier::sim

int main(int argc, char** argv) { return tier::sim::program(argc, argv); }
