#include "tools/tier-sim/prefetch.h"

#include <fmt/format.h>

#include <algorithm>
#include <iostream>

#include "sim/prefetch/rivals/rivals.h"
#include "tierd/cli/command_line.h"
#include "tools/tier-sim/gnuplot.h"
#include "tools/tier-sim/picture.h"
#include "tools/tier-sim/progress.h"
#include "tools/tier-sim/refuse.h"

namespace tier::sim {
namespace {

std::string script_of(const std::filesystem::path& picture, const std::string& title,
                      const std::vector<std::string>& policies, const std::vector<PrefetchRun>& runs,
                      const PrefetchRun& usual) {
  std::string data = "$progress << EOD\n", lines;
  for (std::size_t i = 0; i < usual.progress.size(); ++i) {
    data += fmt::format("{}", i);
    for (const PrefetchRun& run : runs)
      data += fmt::format(" {:.4f}", 100 * (run.progress[i] / usual.progress[i] - 1));
    data += "\n";
  }
  const auto colours = distinct_colours(policies.size());
  for (std::size_t p = 0; p < policies.size(); ++p)
    lines +=
        fmt::format("{}$progress using 1:{} with steps lc rgb '{}' linewidth {} title {}", p == 0 ? "" : ", ",
                    p + 2, colours[p], policies[p] == "tierd" ? 3 : 1, gnuplot_text(policies[p]));
  return data + "EOD\n" + picture_header(picture, 1200, 500) +
         fmt::format(
             "set title {}\nset xlabel 'interval (one second each)'\nset ylabel 'progress against the "
             "default, %'\n"
             "set key outside right\nset grid\nplot {}\n",
             gnuplot_text(title), lines);
}

// Every policy on the first seed of the first scenario.
Result<void> plot_progress(const PrefetchSuite& suite, const std::filesystem::path& picture) {
  std::vector<std::string> policies = suite.policies;
  if (policies.empty())
    for (const auto& entry : prefetch_rivals()) policies.emplace_back(entry.name);
  const auto scenario = TIER_TRY(prefetch_scenario_called(
      suite.scenarios.empty() ? prefetch_scenarios().front().name : suite.scenarios.front()));
  const auto course = TIER_TRY(scenario.draw(suite.seed, suite.intervals));
  const PrefetchRun best = run_settings(course, best_settings(course));
  std::vector<PrefetchRun> runs;
  for (const std::string& policy : policies) {
    auto run = TIER_TRY(run_prefetch_policy(policy, course, best, suite.seed));
    runs.push_back(std::move(run));
  }
  const auto usual = TIER_TRY(run_prefetch_policy("default", course, best, suite.seed));
  return draw_picture(
      script_of(picture, fmt::format("{}, seed {}", scenario.name, suite.seed), policies, runs, usual),
      picture);
}

}  // namespace

CLI::App* add_prefetch(CLI::App& app, PrefetchArguments& arguments) {
  auto* command = app.add_subcommand("prefetch", "rules that set prefetchers, where bandwidth is shared");
  PrefetchSuite& suite = arguments.suite;
  suite.jobs = std::max(1U, std::thread::hardware_concurrency());
  command->add_option("--seeds", suite.seeds, "runs of each scenario, with one seed each")
      ->check(CLI::Range(1, 100000))
      ->capture_default_str();
  command->add_option("--seed", suite.seed, "the first seed")->capture_default_str();
  command->add_option("--intervals", suite.intervals, "length of each run in intervals of one second")
      ->check(CLI::Range(1, 1000000))
      ->capture_default_str();
  command->add_option("--scenarios", suite.scenarios, "names, separated by commas; all if left out")
      ->delimiter(',');
  command->add_option("--policies", suite.policies, "names, separated by commas; all if left out")
      ->delimiter(',');
  command->add_option("--jobs", suite.jobs, "simulations at once")->check(CLI::Range(1, 1024));
  command->add_option("--plot", arguments.plot,
                      "progress over time, first seed of the first scenario: FILE.svg or FILE.png");
  command->add_flag("--json", arguments.json, "the result as JSON");
  std::string names = "scenarios:\n";
  for (const auto& scenario : prefetch_scenarios())
    names += fmt::format("  {:<16} {}\n", scenario.name, scenario.description);
  names += "policies, beside static:K:\n";
  for (const auto& entry : prefetch_rivals())
    names += fmt::format("  {:<16} {}\n", entry.name, entry.description);
  command->footer(names);
  return command;
}

int prefetch(PrefetchArguments& arguments) {
  Progress progress("runs");
  arguments.suite.progress = [&](std::size_t done, std::size_t of) { progress.show(done, of); };
  const auto table = run_prefetch_suite(arguments.suite);
  progress.finish();
  if (!table) return refuse(table.error());
  std::cout << (arguments.json
                    ? to_json(*table).dump(2, ' ', false, nlohmann::json::error_handler_t::replace) + "\n"
                    : prefetch_text(*table));
  if (arguments.plot.empty()) return 0;
  if (auto drawn = plot_progress(arguments.suite, arguments.plot); !drawn) return refuse(drawn.error());
  return 0;
}

}  // namespace tier::sim
