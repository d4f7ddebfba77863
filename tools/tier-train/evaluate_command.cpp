// tier-train evaluate
#include <CLI/CLI.hpp>
#include <iostream>
#include <memory>
#include <thread>

#include "predictor/network/model_file.h"
#include "tierd/cli/number_range.h"
#include "tools/tier-sim/progress.h"
#include "tools/tier-train/commands.h"
#include "tools/tier-train/report.h"

namespace tier::sim {
namespace {

struct EvaluateArguments {
  EvaluationOptions options;
  double tick = 1;
  std::string model;
  bool json = false, cases = false;
};

void add_options(CLI::App* command, EvaluateArguments& arguments) {
  EvaluationOptions& o = arguments.options;
  command->add_option("workload", o.workloads,
                      "as for tier-sim, several; none: every generator, two mixtures, the recordings");
  command->add_option("--seeds", o.seeds, "repetitions with other data and other samples")
      ->check(CLI::Range(1, 1000))
      ->capture_default_str();
  command->add_option("--samples-per-second", o.data.samples_per_second, "samples a second, over all threads")
      ->check(number_from(1e-3, 1e12))
      ->capture_default_str();
  command->add_option("--tick", arguments.tick, "length of a tick in seconds")
      ->check(CLI::Range(0.01, 60.0))
      ->capture_default_str();
  command->add_option("--fast-share", o.data.fast_share, "the fast tier's share of the memory")
      ->check(CLI::Range(0.0, 1.0))
      ->capture_default_str();
  o.jobs = std::max(1U, std::thread::hardware_concurrency());
  command->add_option("--jobs", o.jobs, "evaluations at once")->check(CLI::Range(1, 1024));
  SwitchSettings& s = o.forecasters;
  command->add_option("--decay", s.contest.decay, "factor on the scores at each tick")->capture_default_str();
  command
      ->add_option("--hysteresis", s.contest.hysteresis,
                   "share by which another expert must be better to take the lead")
      ->capture_default_str();
  command->add_option("--level-weight", s.contest.level_weight, "weight of squared errors in the score")
      ->capture_default_str();
  command
      ->add_option(
          "--drift", s.drift,
          "scores are reset where the share captured of late is below so much of the long-term one; 0: never")
      ->capture_default_str();
  command->add_option("--kept-on-drift", s.kept_on_drift, "share of the scores that a reset keeps")
      ->capture_default_str();
  command->add_option("--first", s.first, "the expert that leads until there are scores")
      ->capture_default_str();
  command->add_flag("!--no-blend", s.blend, "without the blend of all experts");
  command->add_option("--model", arguments.model, "file of a trained network, to be judged too");
  command->add_flag("--cases", arguments.cases, "every workload by itself");
  command->add_flag("--json", arguments.json, "the result as JSON");
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
  std::cout << (arguments.json
                    ? to_json(*evaluations).dump(2, ' ', false, nlohmann::json::error_handler_t::replace) +
                          "\n"
                    : evaluation_table(*evaluations, arguments.cases));
  return 0;
}

}  // namespace

Command add_evaluate(CLI::App& app) {
  auto arguments = std::make_shared<EvaluateArguments>();
  auto* app_command = app.add_subcommand(
      "evaluate", "every expert, forecaster and the switch on workloads sampled as the daemon would");
  add_options(app_command, *arguments);
  return {app_command, [arguments] { return evaluate_all(*arguments); }};
}

}  // namespace tier::sim
