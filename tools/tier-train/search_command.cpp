// tier-train search
#include <charconv>
#include <iostream>
#include <memory>

#include "tierd/cli/number_range.h"
#include "tools/tier-train/commands.h"
#include "tools/tier-train/fit_options.h"
#include "tools/tier-train/mpi_workers.h"
#include "tools/tier-train/search.h"

namespace tier::sim {
namespace {

struct SearchArguments {
  FitArguments fit;
  SearchSettings search;
  std::string folder, rungs = "27x100,9x300,3x900";
  unsigned at_once = 1;
  double time_out = 3600;
  bool json = false;
};

// "27x100,9x300". kUsage.
Result<std::vector<Rung>> rungs_from(const std::string& text) {
  std::vector<Rung> rungs;
  const char* at = text.data();
  const char* const end = at + text.size();
  while (true) {
    Rung rung;
    auto read = std::from_chars(at, end, rung.candidates);
    if (read.ec == std::errc{} && read.ptr != end && *read.ptr == 'x') {
      read = std::from_chars(read.ptr + 1, end, rung.steps);
      if (read.ec == std::errc{}) {
        rungs.push_back(rung);
        if (read.ptr == end) return rungs;
        at = read.ptr + 1;
        if (*read.ptr == ',') continue;
      }
    }
    return fail(ErrorKind::kUsage, "--rungs " + text + " is not understood",
                "candidates x steps, as in 27x100,9x300,3x900");
  }
}

int report(const SearchArguments& arguments, const std::vector<SearchResult>& results) {
  if (auto drawn = plot_search(results, arguments.folder); !drawn)
    std::cerr << "tier-train: no picture: " << drawn.error().text() << "\n";
  std::cout << (arguments.json
                    ? to_json(results).dump(2, ' ', false, nlohmann::json::error_handler_t::replace) + "\n"
                    : search_table(results))
            << std::flush;
  return 0;
}

int run_search(SearchArguments& arguments) {
  if (auto concluded = conclude(arguments.fit); !concluded) return refuse(concluded.error());
  SearchSettings& settings = arguments.search;
  settings.fit = arguments.fit.settings;
  RecipeSettings& recipes = settings.fit.recipes;
  if (recipes.left_out.empty()) recipes.left_out = left_out_by_default(recipes.recordings);
  settings.folder = arguments.folder;
  auto rungs = rungs_from(arguments.rungs);
  if (!rungs) return refuse(rungs.error());
  settings.rungs = *std::move(rungs);
  const Work work = make_search_work(settings);
  std::unique_ptr<Workers> workers;
  if (under_mpi()) {
    auto made = make_mpi_workers(work, {Nanoseconds{static_cast<std::int64_t>(arguments.time_out * 1e9)}});
    if (!made) return refuse(made.error());
    workers = *std::move(made);
  } else {
    workers = make_thread_workers(work, arguments.at_once);
  }
  if (!workers->leads()) {
    const auto served = workers->serve();
    return served ? 0 : refuse(served.error());
  }
  std::cerr << "tier-train: " << workers->describe() << "\n";
  const auto results = search(settings, *workers);
  return results ? report(arguments, *results) : refuse(results.error());
}

}  // namespace

Command add_search(CLI::App& app) {
  auto arguments = std::make_shared<SearchArguments>();
  auto* command =
      app.add_subcommand("search", "which network forecasts best at what price; also under mpirun");
  SearchSettings& s = arguments->search;
  command->add_option("--out", arguments->folder, "folder of results")->required();
  command->add_flag("--resume", s.resume, "go on with what the folder has");
  command->add_option("--rungs", arguments->rungs, "candidates x steps")->capture_default_str();
  command->add_option("--generations", s.generations, "generations of candidates")
      ->check(CLI::Range(1, 1000))
      ->capture_default_str();
  command->add_option("--most-microseconds", s.most_microseconds, "of the network per region; 0: no limit")
      ->check(number_from(0, 1e9))
      ->capture_default_str();
  command->add_option("--at-once", arguments->at_once, "candidates, without mpirun")
      ->check(CLI::Range(1, 1024))
      ->capture_default_str();
  command->add_option("--time-out", arguments->time_out, "seconds until a rank counts as lost; 0: never")
      ->check(CLI::Range(0.0, 1e9))
      ->capture_default_str();
  add_training_options(command, arguments->fit);
  command->add_flag("--json", arguments->json, "the result as JSON");
  return {command, [arguments] { return run_search(*arguments); }};
}

}  // namespace tier::sim
