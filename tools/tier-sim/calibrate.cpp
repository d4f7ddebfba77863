#include "tools/tier-sim/calibrate.h"

#include <fmt/format.h>

#include <iostream>
#include <nlohmann/json.hpp>

#include "tools/tier-sim/calibration.h"

namespace tier::sim {

CLI::App* add_calibrate(CLI::App& app, CalibrateArguments& arguments) {
  auto* command = app.add_subcommand(
      "calibrate",
      "the lab's runs in lab and simulator: how much faster does tierd make the program in each?");
  command
      ->add_option("folders", arguments.folders,
                   "of tier-lab runs, in pairs of one scenario: with none, and with tierd; the latter has a "
                   "lab.trace beside (tier-record lab)")
      ->required();
  command
      ->add_option("--tolerance", arguments.tolerance,
                   "greatest difference of the gain that counts as agreement, as a share")
      ->capture_default_str();
  command->add_option("--seeds", arguments.seeds, "simulations a pair; the lab's own is one draw of many")
      ->capture_default_str()
      ->check(CLI::Range(1, 1000));
  command->add_flag("--json", arguments.json, "the result as JSON");
  return command;
}

int calibrate(const CalibrateArguments& arguments) {
  if (arguments.folders.size() % 2 != 0) {
    std::cerr << "tier-sim: calibrate takes pairs of folders (fix: for each scenario the run with none, then "
                 "the one with tierd)\n";
    return static_cast<int>(ErrorKind::kUsage);
  }
  double worst = 0;
  nlohmann::json rows = nlohmann::json::array();
  if (!arguments.json)
    fmt::print(
        "operations a second with tierd, without = 1; of the difference: the clock (the lab's placement in "
        "the "
        "simulator), the moves (the rest)\n{:<16}{:>8}{:>11}{:>18}{:>9}{:>9}{:>9}{:>12}{:>12}\n",
        "", "lab", "simulated", "seeds", "off", "clock", "moves", "waits, lab", "simulated");
  for (std::size_t i = 0; i < arguments.folders.size(); i += 2) {
    const auto pair = compare_gain(arguments.folders[i], arguments.folders[i + 1], arguments.seeds);
    if (!pair) {
      std::cerr << "tier-sim: " << pair.error().text() << "\n";
      return static_cast<int>(pair.error().kind);
    }
    worst = std::max(worst, pair->off());
    const double clock = pair->clock / pair->lab - 1, moves = pair->simulated / pair->clock - 1;
    rows.push_back({{"scenario", pair->scenario},
                    {"lab", pair->lab},
                    {"simulated", pair->simulated},
                    {"simulated_range", {pair->least, pair->most}},
                    {"off_by_clock", clock},
                    {"off_by_moves", moves},
                    {"waits_lab", pair->waits_lab},
                    {"waits_simulated", pair->waits_simulated}});
    if (!arguments.json)
      fmt::print("{:<16}{:>8.3f}{:>11.3f}{:>18}{:>+8.1f}%{:>+8.1f}%{:>+8.1f}%{:>11.1f}%{:>11.1f}%\n",
                 pair->scenario, pair->lab, pair->simulated,
                 fmt::format("{:.3f} to {:.3f}", pair->least, pair->most),
                 100 * (pair->simulated / pair->lab - 1), 100 * clock, 100 * moves, 100 * pair->waits_lab,
                 100 * pair->waits_simulated);
  }
  if (arguments.json)
    std::cout << nlohmann::json{{"worst", worst}, {"rows", rows}}.dump(
                     2, ' ', false, nlohmann::json::error_handler_t::replace)
              << "\n";
  return worst <= arguments.tolerance ? 0 : 1;
}

}  // namespace tier::sim
