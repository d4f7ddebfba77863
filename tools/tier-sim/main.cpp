// tier-sim: policies on simulated machines. docs/simulator.md has the tour.
#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <fstream>
#include <iostream>
#include <thread>

#include "sim/workloads/generators.h"
#include "tierd/cli/command_description.h"
#include "tierd/cli/command_line.h"
#include "tierd/cli/number_range.h"
#include "tools/tier-sim/calibrate.h"
#include "tools/tier-sim/compare.h"
#include "tools/tier-sim/plot.h"
#include "tools/tier-sim/prefetch.h"
#include "tools/tier-sim/progress.h"
#include "tools/tier-sim/refuse.h"
#include "tools/tier-sim/speed.h"
#include "tools/tier-sim/summary.h"

namespace tier::sim {
namespace {

struct RunArguments {
  Experiment experiment;
  std::vector<std::string> settings;
  std::string plot;
  bool own = false, json = false;
};

Result<void> parse_settings(const std::vector<std::string>& pairs, PolicySettingsMap& into) {
  for (const std::string& pair : pairs) {
    const auto equals = pair.find('=');
    try {
      std::size_t used = 0;
      const std::string value = equals == std::string::npos ? "" : pair.substr(equals + 1);
      into[pair.substr(0, equals)] = std::stod(value, &used);
      if (used == value.size()) continue;
    } catch (const std::logic_error&) {
    }
    return fail(ErrorKind::kUsage, "--set " + pair + " is not NAME=NUMBER", "for example --set horizon_s=4");
  }
  return {};
}

std::string describe(const Experiment& experiment, const Outcome& o) {
  std::string out = key_of(experiment) + "\n";
  out += fmt::format("  modelled {:.2f} s, simulated in {:.2f} s ({:.0f} times faster)\n", o.modelled, o.cpu,
                     o.cpu > 0 ? o.modelled / o.cpu : 0);
  out +=
      fmt::format("  thread-seconds: {:.2f} computing, {:.2f} stalled, {:.2f} taken by sampling and moves\n",
                  o.compute, o.stall, o.interference);
  out += fmt::format(
      "  fastest tier served {:.1f} % of the misses; promoted {:.1f} MiB, demoted {:.1f} MiB, of use {:.1f} "
      "MiB\n",
      100 * o.fast_share, static_cast<double>(o.promoted.value) / (1 << 20),
      static_cast<double>(o.demoted.value) / (1 << 20), static_cast<double>(o.useful.value) / (1 << 20));
  for (std::size_t t = 0; t < o.tiers.size(); ++t)
    out += fmt::format("  tier {}: {:.4g} misses, {:.2f} s stalled, {:.1f} GB/s on average\n", t,
                       o.tiers[t].misses, o.tiers[t].stall,
                       o.modelled > 0 ? o.tiers[t].traffic / o.modelled / 1e9 : 0);
  return out;
}

int run_one(RunArguments& arguments) {
  if (arguments.own) arguments.experiment.ratio = -1;
  if (auto parsed = parse_settings(arguments.settings, arguments.experiment.settings); !parsed)
    return refuse(parsed.error());
  HeatGrid heat;
  const auto outcome = run_experiment(arguments.experiment, arguments.plot.empty() ? nullptr : &heat);
  if (!outcome) return refuse(outcome.error());
  if (arguments.json) {
    std::cout << nlohmann::json{{"experiment", to_json(arguments.experiment)}, {"outcome", to_json(*outcome)}}
                     .dump(2, ' ', false, nlohmann::json::error_handler_t::replace)
              << "\n";
  } else {
    std::cout << describe(arguments.experiment, *outcome);
  }
  if (const std::string note = too_short(outcome->modelled); !note.empty())
    std::cerr << "tier-sim: " << note << "; lengthen the run, or repeat what was recorded: trace*40:FILE\n";
  if (arguments.plot.empty()) return 0;
  if (auto drawn = plot_heat(heat, key_of(arguments.experiment), arguments.plot); !drawn)
    return refuse(drawn.error());
  return 0;
}

int bound(Experiment& experiment, bool own) {
  if (own) experiment.ratio = -1;
  const auto least = bound_of(experiment);
  if (!least) return refuse(least.error());
  fmt::print("{:.2f} thread-seconds: no policy loses less\n", *least);
  return 0;
}

struct CompareArguments {
  std::string suite, out = "build/tier-sim";
  unsigned jobs = std::max(1U, std::thread::hardware_concurrency());
  std::vector<std::uint64_t> seeds;
  bool json = false;
};

int compare(const CompareArguments& arguments) {
  auto suite = load_suite(arguments.suite);
  if (!suite) return refuse(suite.error());
  if (!arguments.seeds.empty()) suite->seeds = arguments.seeds;
  CompareOptions options;
  options.folder = arguments.out;
  options.jobs = arguments.jobs;
  options.build = program_identity();
  Progress progress("cells");
  options.progress = [&](std::size_t done, std::size_t of) { progress.show(done, of); };
  auto results = run_suite(*suite, options);
  progress.finish();
  if (!results) return refuse(results.error());
  auto summary = summarise(*results);
  if (!summary) return refuse(summary.error());
  std::cout << (arguments.json
                    ? to_json(*summary).dump(2, ' ', false, nlohmann::json::error_handler_t::replace) + "\n"
                    : summary_table(*summary));
  return summary->failed.empty() ? 0 : 1;
}

struct ReportArguments {
  std::string folder, plots;
  bool json = false, cases = false;
  std::string format = "svg";
};

int report(const ReportArguments& arguments) {
  std::ifstream in(arguments.folder + "/results.json");
  const auto results = nlohmann::json::parse(in, nullptr, false);
  if (!in || results.is_discarded())
    return refuse({ErrorKind::kUsage, arguments.folder + "/results.json is missing or no JSON",
                   "run `tier-sim compare --out " + arguments.folder + "` to its end"});
  auto summary = summarise(results);
  if (!summary) return refuse(summary.error());
  if (arguments.json) {
    std::cout << to_json(*summary).dump(2, ' ', false, nlohmann::json::error_handler_t::replace) << "\n";
  } else {
    std::cout << (arguments.cases ? case_table(*summary) : "") << summary_table(*summary);
  }
  if (arguments.plots.empty()) return 0;
  const std::filesystem::path folder(arguments.plots);
  std::error_code ignored;
  std::filesystem::create_directories(folder, ignored);
  if (auto drawn = plot_gaps(*summary, folder / ("gaps." + arguments.format)); !drawn)
    return refuse(drawn.error());
  if (auto drawn = plot_costs(*summary, folder / ("costs." + arguments.format)); !drawn)
    return refuse(drawn.error());
  return 0;
}

int list() {
  fmt::print("workloads (docs/workloads.md has their parameters):\n");
  for (const auto& entry : generator_table()) fmt::print("  {:<16} {}\n", entry.name, entry.description);
  fmt::print("machines:\n");
  for (const auto& machine : machine_presets()) fmt::print("  {:<16} {}\n", machine.name, machine.source);
  fmt::print("policies:\n");
  for (const auto& entry : all_policies()) fmt::print("  {:<16} {}\n", entry.name, entry.description);
  return 0;
}

// What runs where.
void add_place(CLI::App& command, Experiment& e, bool& own) {
  e.machine = "ddr5-cxl";
  command
      .add_option("workload", e.workload, "a generator with parameters, trace:FILE, or several with ' + '")
      ->required();
  command.add_option("--machine", e.machine, "a preset or a .toml file")->capture_default_str();
  auto* ratio = command.add_option("--ratio", e.ratio, "fast:slow is 1:RATIO of what the workload holds")
                    ->capture_default_str()
                    ->check(number_from(0, 1e6));
  command.add_flag("--own-capacities", own, "the machine's tiers as they are")->excludes(ratio);
}

void add_run(CLI::App& app, RunArguments& arguments) {
  auto* command = app.add_subcommand("run", "one workload under one policy");
  auto& e = arguments.experiment;
  e.policy = "tierd";
  add_place(*command, e, arguments.own);
  command->add_option("--policy", e.policy, "who moves pages; `tier-sim list` has the names")
      ->capture_default_str();
  command->add_option("--set", arguments.settings, "NAME=NUMBER, a constant of the policy")->take_all();
  command
      ->add_option("--sampling-budget", e.sampling_budget,
                   "share of one CPU that address samples may take, at their true prices; 0: as published")
      ->check(number_from(0, 1));
  command
      ->add_option("--samples-per-second", e.sampling_rate,
                   "address samples that the policy may take, at their true prices; 0: as published")
      ->check(number_from(0, 1e6));
  command->add_option("--seed", e.seed, "of what is sampled; a workload has its own")->capture_default_str();
  command->add_option("--plot", arguments.plot, "heat map over time with residency: FILE.svg or FILE.png");
  command->add_flag("--json", arguments.json, "the result as JSON");
}

int program(int argc, char** argv) {
  CLI::App app("tier-sim: policies for tiered memory on simulated machines", "tier-sim");
  app.require_subcommand(1);
  RunArguments run_arguments;
  add_run(app, run_arguments);
  RunArguments bound_arguments;
  auto* bound_command = app.add_subcommand("bound", "what one workload loses at least, whatever the policy");
  add_place(*bound_command, bound_arguments.experiment, bound_arguments.own);
  CompareArguments compare_arguments;
  auto* compare_command =
      app.add_subcommand("compare", "policies × workloads × machines × ratios; goes on where it was cut off");
  compare_command->add_option("suite", compare_arguments.suite, "TOML; tools/tier-sim/suites has some")
      ->required();
  compare_command
      ->add_option("--out", compare_arguments.out, "folder of results; what it has is not done again")
      ->capture_default_str();
  compare_command->add_option("--jobs", compare_arguments.jobs, "simulations at once")
      ->check(CLI::Range(1, 1024));
  compare_command
      ->add_option("--seed", compare_arguments.seeds,
                   "in place of the suite's; several for their mean. From 1000 up: never tuned on")
      ->check(number_from(1, 9007199254740992.0));
  compare_command->add_flag("--json", compare_arguments.json, "the result as JSON");
  ReportArguments report_arguments;
  auto* report_command = app.add_subcommand("report", "what a comparison says: table, JSON, pictures");
  report_command->add_option("folder", report_arguments.folder, "as given to compare --out")->required();
  report_command->add_option("--plots", report_arguments.plots, "folder for gaps and costs");
  report_command->add_option("--format", report_arguments.format, "of the pictures")
      ->check(CLI::IsMember({"svg", "png"}))
      ->capture_default_str();
  report_command->add_flag("--cases", report_arguments.cases, "every workload, machine and ratio");
  report_command->add_flag("--json", report_arguments.json, "the result as JSON");
  CalibrateArguments calibrate_arguments;
  auto* calibrate_command = add_calibrate(app, calibrate_arguments);
  SpeedArguments speed_arguments;
  auto* speed_command = add_speed(app, speed_arguments);
  PrefetchArguments prefetch_arguments;
  auto* prefetch_command = add_prefetch(app, prefetch_arguments);
  auto* list_command = app.add_subcommand("list", "workloads, machines, policies");
  add_common_commands(app);
  if (asks_for_description(argc, argv)) return print_description(app);
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return end_parsing(app, argc, argv, error);
  }
  if (app.got_subcommand("run")) return run_one(run_arguments);
  if (bound_command->parsed()) return bound(bound_arguments.experiment, bound_arguments.own);
  if (compare_command->parsed()) return compare(compare_arguments);
  if (report_command->parsed()) return report(report_arguments);
  if (calibrate_command->parsed()) return calibrate(calibrate_arguments);
  if (speed_command->parsed()) return speed(speed_arguments);
  if (prefetch_command->parsed()) return prefetch(prefetch_arguments);
  return list_command->parsed() ? list() : 2;
}

}  // namespace
}  // namespace tier::sim

int main(int argc, char** argv) {
  return tier::run_main("tier-sim", [&] { return tier::sim::program(argc, argv); });
}
