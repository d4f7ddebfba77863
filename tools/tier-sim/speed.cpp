#include "tools/tier-sim/speed.h"

#include <fmt/format.h>
#include <sys/resource.h>

#include <iostream>

#include "tools/tier-sim/experiment.h"

namespace tier::sim {
namespace {

double peak_mib() {
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  return static_cast<double>(usage.ru_maxrss) / 1024;
}

}  // namespace

CLI::App* add_speed(CLI::App& app, SpeedArguments& arguments) {
  auto* command = app.add_subcommand("speed", "what simulating costs, by size; on one core");
  command->add_option("--gib", arguments.gib, "sizes, ascending: peak memory is the program's so far")
      ->delimiter(',');
  command->add_option("--workload", arguments.workload, "a generator's name")->capture_default_str();
  command->add_option("--machine", arguments.machine, "a preset or a .toml file")->capture_default_str();
  command->add_option("--policies", arguments.policies, "policies, separated by commas")->delimiter(',');
  command->add_option("--length", arguments.length, "nominal seconds of the workload")->capture_default_str();
  command->add_flag("--json", arguments.json, "the result as JSON");
  return command;
}

int speed(const SpeedArguments& arguments) {
  nlohmann::json rows = nlohmann::json::array();
  for (const double gib : arguments.gib) {
    for (const std::string& policy : arguments.policies) {
      Experiment experiment;
      experiment.workload =
          fmt::format("{}:footprint={:.0f}MiB,length={}s", arguments.workload, gib * 1024, arguments.length);
      experiment.machine = arguments.machine;
      experiment.policy = policy;
      const auto outcome = run_experiment(experiment);
      if (!outcome) {
        std::cerr << "tier-sim: " << outcome.error().text() << "\n";
        return static_cast<int>(outcome.error().kind);
      }
      const double regions = gib * 512;
      const double per_region_tick = outcome->cpu / outcome->modelled / regions * 1e9;
      rows.push_back({{"gib", gib},
                      {"policy", policy},
                      {"regions", regions},
                      {"times_faster", outcome->modelled / outcome->cpu},
                      {"ns_per_region_tick", per_region_tick},
                      {"peak_mib", peak_mib()}});
      if (!arguments.json)
        fmt::print(
            "{:>7.0f} GiB {:>9.0f} regions  {:<10} {:>10.0f} times faster  {:>8.2f} ns per region and tick  "
            "peak {:>6.0f} MiB\n",
            gib, regions, policy, outcome->modelled / outcome->cpu, per_region_tick, peak_mib());
    }
  }
  if (arguments.json) std::cout << rows.dump(2, ' ', false, nlohmann::json::error_handler_t::replace) << "\n";
  return 0;
}

}  // namespace tier::sim
