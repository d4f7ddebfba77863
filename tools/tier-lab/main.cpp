// tier-lab: runs a scenario in an emulated two-tier machine and judges it by exact counts.
#include <sys/ioctl.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>

#include "tierd/cli/command_line.h"
#include "tierd/cli/number_range.h"
#include "tools/tier-lab/effect.h"
#include "tools/tier-lab/guest_run.h"
#include "tools/tier-lab/report.h"

namespace {

namespace fs = std::filesystem;
using namespace tier;
using namespace tier::lab;

struct RunOptions {
  std::string scenario, kernel, tool, clock, out;
  std::vector<std::string> overrides;
  long long seed = -1;
  int timeout = 0;
  bool json = false;
};

int report(const Error& error) {
  std::fprintf(stderr, "tier-lab: %s\n", error_text(error).c_str());
  return static_cast<int>(error.kind);
}

std::string scenario_path(const LabPaths& paths, const std::string& name) {
  return name.find('/') != std::string::npos || name.ends_with(".toml")
             ? name
             : paths.source_folder + "/tests/lab/scenarios/" + name + ".toml";
}

Result<Scenario> scenario_for(const RunOptions& options, const LabPaths& paths) {
  std::vector<std::string> overrides = options.overrides;
  if (!options.kernel.empty()) overrides.push_back("run.kernel=\"" + options.kernel + "\"");
  if (!options.tool.empty()) overrides.push_back("rival.tool=\"" + options.tool + "\"");
  if (!options.clock.empty()) overrides.push_back("run.clock=\"" + options.clock + "\"");
  if (options.seed >= 0) overrides.push_back("run.seed=" + std::to_string(options.seed));
  if (options.timeout > 0) overrides.push_back("run.timeout_s=" + std::to_string(options.timeout));
  return load_scenario(scenario_path(paths, options.scenario), overrides);
}

Result<> save(const std::string& path, const nlohmann::json& result) {
  std::ofstream file(path);
  file << result.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace) << '\n';
  file.close();
  if (!file) return fail(ErrorKind::kFailed, "cannot write " + path);
  std::fprintf(stderr, "result: %s\n", path.c_str());
  return {};
}

int finish_exec(const Scenario& scenario, const RunRecord& record, const RunOptions& options,
                const std::string& path) {
  const nlohmann::json result = exec_json(scenario, record);
  if (Result<> saved = save(path, result); !saved) return report(saved.error());
  if (options.json)
    std::printf("%s\n", result.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace).c_str());
  int code = record.exits.size() == scenario.commands.size() ? 0 : 1;
  for (const nlohmann::json& one : record.exits) code = one.at("code") == 0 ? code : 1;
  return code;
}

int run(const RunOptions& options) {
  LabPaths paths = find_paths();
  const Result<Scenario> scenario = scenario_for(options, paths);
  if (!scenario) return report(scenario.error());
  paths.out_folder = options.out.empty() ? paths.out_folder + "/" + scenario->name + "-" + scenario->kernel +
                                               "-" + scenario->tool
                                         : options.out;
  paths.out_folder = fs::absolute(paths.out_folder).string();
  RunRecord record;
  if (Result<> ran = run_guest(*scenario, paths, record); !ran) return report(ran.error());
  const std::string path = paths.out_folder + "/result.json";
  if (scenario->mode == Mode::kExec) return finish_exec(*scenario, record, options, path);
  const Result<Verdict> verdict = judge(*scenario, record);
  if (!verdict) return report(verdict.error());
  const nlohmann::json result = result_json(*scenario, record, *verdict);
  if (Result<> saved = save(path, result); !saved) return report(saved.error());
  std::printf("%s",
              options.json
                  ? (result.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace) + "\n").c_str()
                  : result_table(result).c_str());
  return 0;
}

int list_scenarios() {
  const LabPaths paths = find_paths();
  std::vector<fs::path> files;
  for (const auto& entry : fs::directory_iterator(paths.source_folder + "/tests/lab/scenarios"))
    files.push_back(entry.path());
  std::sort(files.begin(), files.end());
  for (const fs::path& file : files) {
    const Result<Scenario> scenario = load_scenario(file.string(), {});
    if (!scenario) return report(scenario.error());
    std::printf("%-16s %s\n", file.stem().c_str(), scenario->description.c_str());
  }
  return 0;
}

// As tools/lib/fetch-kernel has it.
std::string default_cache() {
  if (const char* cache = std::getenv("XDG_CACHE_HOME")) return std::string(cache) + "/tierd";
  const char* home = std::getenv("HOME");
  return std::string(home != nullptr ? home : "/root") + "/.cache/tierd";
}

int list_kernels() {
  const LabPaths paths = find_paths();
  const char* cache = std::getenv("TIERD_CACHE");
  const std::string folder = (cache != nullptr ? std::string(cache) : default_cache()) + "/kernels";
  for (const char* version : {"6.1", "6.12", "7.2"}) {
    std::ifstream file(folder + "/" + version + "/release");
    std::string release;
    std::getline(file, release);
    std::printf("%-5s %s\n", version,
                release.empty() ? ("not cached; tools/lib/fetch-kernel " + std::string(version)).c_str()
                                : release.c_str());
  }
  return 0;
}

Result<std::vector<nlohmann::json>> load_all(const std::vector<std::string>& paths) {
  std::vector<nlohmann::json> results;
  for (const std::string& path : paths) {
    auto result = TIER_TRY(load_result(path));
    if (result.value("mode", "") != "measure")
      return fail(ErrorKind::kUsage, path + " is of exec mode and has no counts");
    results.push_back(std::move(result));
  }
  return results;
}

int show_heat_map(const std::string& path, std::size_t rows) {
  const Result<std::vector<nlohmann::json>> results = load_all({path});
  if (!results) return report(results.error());
  std::printf("%s", heat_map(results->front(), rows, isatty(STDOUT_FILENO) == 1).c_str());
  return 0;
}

int compare(const std::vector<std::string>& paths) {
  const Result<std::vector<nlohmann::json>> results = load_all(paths);
  if (!results) return report(results.error());
  std::printf("%s", compare_table(*results).c_str());
  return 0;
}

int effect(const std::string& without, const std::string& with) {
  const Result<std::vector<nlohmann::json>> results = load_all({without, with});
  if (!results) return report(results.error());
  const Result<std::string> text = effect_text(results->front(), results->back());
  if (!text) return report(text.error());
  std::printf("%s", text->c_str());
  return 0;
}

void add_run(CLI::App& app, RunOptions& options, int& code) {
  CLI::App* command =
      app.add_subcommand("run", "Boot a scenario's machine, run its workload, print the verdict");
  command->add_option("scenario", options.scenario, "Name (see 'tier-lab list') or path of a scenario file")
      ->required();
  command->add_option("--kernel", options.kernel, "6.1, 6.12 or 7.2 instead of the scenario's");
  command->add_option("--tool", options.tool,
                      "none, numab, damos, interleave or tierd instead of the scenario's");
  command->add_option("--clock", options.clock,
                      "waiting: a miss takes the time of its memory; instructions: waiting takes none");
  command->add_option("--set", options.overrides, "Set a key of the scenario, for example run.length_s=10")
      ->allow_extra_args(false);
  command->add_option("--seed", options.seed, "Seed of the workload and of the guest's randomness");
  command->add_option("--out", options.out, "Folder for console, events and result.json");
  command->add_option("--timeout", options.timeout, "Wall seconds after which the run has failed");
  command->add_flag("--json", options.json, "Print the whole result as JSON");
  command->callback([&] { code = run(options); });
}

int program(int argc, char** argv) {
  CLI::App app{"tier-lab: real two-tier kernels under emulation, with exact access counts", "tier-lab"};
  app.require_subcommand(1);
  RunOptions options;
  std::string heat_path;
  std::size_t rows = 48;
  std::vector<std::string> paths;
  int code = 0;
  add_run(app, options, code);
  app.add_subcommand("list", "List the scenarios")->callback([&] { code = list_scenarios(); });
  app.add_subcommand("kernels", "List the cached kernels")->callback([&] { code = list_kernels(); });
  CLI::App* heat = app.add_subcommand("heatmap", "Show where the misses of a run fell and who served them");
  heat->add_option("result", heat_path, "result.json of a run")->required();
  heat->add_option("--rows", rows, "Regions to show")->check(number_from(1, 1e6));
  heat->callback([&] { code = show_heat_map(heat_path, rows); });
  CLI::App* side = app.add_subcommand("compare", "Set several runs side by side");
  side->add_option("results", paths, "result.json files")->required();
  side->callback([&] { code = compare(paths); });
  std::string without, with;
  CLI::App* effects =
      app.add_subcommand("effect", "What a tool did for the program, with every column explained");
  effects->add_option("without", without, "result.json of the run with --tool none")->required();
  effects->add_option("with", with, "result.json of the same with a tool")->required();
  effects->callback([&] { code = effect(without, with); });
  add_common_commands(app);
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return end_parsing(app, argc, argv, error);
  }
  return code;
}

}  // namespace

int main(int argc, char** argv) {
  return tier::run_main("tier-lab", [&] { return program(argc, argv); });
}
