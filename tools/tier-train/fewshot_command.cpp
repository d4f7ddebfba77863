// tier-train fewshot: adaptation to what was not trained on, and how signatures know workloads again.
#include <algorithm>
#include <iostream>
#include <sstream>
#include <thread>

#include "sim/machine/description.h"
#include "tools/tier-sim/progress.h"
#include "tools/tier-train/commands.h"
#include "tools/tier-train/fewshot.h"
#include "tools/tier-train/report.h"

namespace tier::sim {
namespace {

struct FewshotArguments {
  FewshotSettings settings;
  std::string model, reference;
  bool json = false, cases = false, signatures = false, plain = false;
};

// What the model's file says that it was not trained on: machines, and all else.
void take_left_out(const NamedModel& model, FewshotSettings& settings) {
  const auto notes = model.notes.find("made.left_out");
  if (notes == model.notes.end()) return;
  std::istringstream list(notes->second);
  std::vector<std::string> workloads, machines;
  for (std::string name; std::getline(list, name, ',');)
    (machine_preset(name).has_value() ? machines : workloads).push_back(name);
  if (settings.workloads.empty()) settings.workloads = workloads;
  if (settings.machines.empty()) settings.machines = machines;
}

int run_signatures(const FewshotSettings& settings) {
  const auto report = measure_signatures(settings);
  if (!report) return refuse(report.error());
  for (const std::string& line : report->lines) std::cout << line << "\n";
  return 0;
}

int run_fewshot(FewshotArguments& arguments) {
  FewshotSettings& settings = arguments.settings;
  for (const std::string& workload :
       settings.recordings.empty() ? standard_workloads(".") : std::vector<std::string>{})
    if (family_of(workload) == "recorded")
      settings.recordings.push_back(workload.substr(workload.find(':') + 1));
  Progress progress(arguments.signatures ? "runs" : "cases");
  settings.progress = [&](std::size_t done, std::size_t of) { progress.show(done, of); };
  if (arguments.plain) settings.adaptation.kernels = Kernels::kPlain;
  if (arguments.signatures) return run_signatures(settings);
  for (const auto& [path, into] :
       {std::pair(&arguments.model, &settings.model), std::pair(&arguments.reference, &settings.reference)}) {
    if (path->empty())
      return refuse({ErrorKind::kUsage, "no model is named", "give --model and --reference"});
    auto loaded = load_model(*path);
    if (!loaded) return refuse(loaded.error());
    *into = *loaded;
  }
  take_left_out(*settings.model, settings);
  const auto report = measure_fewshot(settings);
  progress.finish();
  if (!report) return refuse(report.error());
  std::cout << (arguments.json
                    ? to_json(*report).dump(2, ' ', false, nlohmann::json::error_handler_t::replace) + "\n"
                    : fewshot_table(*report, arguments.cases));
  return 0;
}

}  // namespace

Command add_fewshot(CLI::App& app) {
  auto arguments = std::make_shared<FewshotArguments>();
  FewshotSettings& s = arguments->settings;
  auto* command = app.add_subcommand(
      "fewshot", "how soon a model does well on workloads and machines that it was not trained on");
  command->add_option("--model", arguments->model, "made with fit --leave-out");
  command->add_option("--reference", arguments->reference, "made alike, with nothing left out");
  command->add_option("--workload", s.workloads, "generators and recordings; none: what the model left out");
  command->add_option("--machine", s.machines, "presets; none: what the model left out, else all");
  command->add_option("--recording", s.recordings, "trace files; none: build/corpus or tests/traces");
  command->add_option("--seeds", s.seeds, "repetitions of each case")
      ->check(CLI::Range(1, 1000))
      ->capture_default_str();
  command->add_option("--ticks", s.ticks, "length of each case in ticks")
      ->check(CLI::Range(96, 100'000))
      ->capture_default_str();
  command->add_option("--every", s.every, "ticks between two adaptations, a multiple of 8")
      ->check(CLI::Range(8, 1000))
      ->capture_default_str();
  command->add_option("--steps", s.adaptation.most_steps, "steps of the gradient")->capture_default_str();
  command->add_option("--rate", s.adaptation.rate, "learning rate of the context")->capture_default_str();
  command->add_option("--weights-rate", s.weights_rate, "learning rate where all weights are trained")
      ->capture_default_str();
  command->add_option("--margin", s.adaptation.margin, "share to be better by on the ticks held back")
      ->capture_default_str();
  s.jobs = std::max(1U, std::thread::hardware_concurrency());
  command->add_option("--jobs", s.jobs, "cases at once")->check(CLI::Range(1, 1024));
  command->add_flag("--signatures", arguments->signatures, "how often a workload's signature is known again");
  command->add_flag("--plain", arguments->plain, "without oneDNN");
  command->add_flag("--cases", arguments->cases, "every case by itself");
  command->add_flag("--json", arguments->json, "the result as JSON");
  return {command, [arguments] { return run_fewshot(*arguments); }};
}

}  // namespace tier::sim
