// Pictures, drawn by gnuplot.
#pragma once

#include <filesystem>
#include <string>

#include "tools/tier-sim/experiment.h"
#include "tools/tier-sim/summary.h"

namespace tier::sim {

// gnuplot's scripts. kUsage where there is nothing to draw.
// Demand over time by region, named by process and address, and where it lay.
Result<std::string> heat_script(const HeatGrid& grid, const std::string& title,
                                const std::filesystem::path& picture);
// Gap closed: workloads down, policies across.
Result<std::string> gaps_script(const Summary& summary, const std::filesystem::path& picture);
// Lost seconds over the all-fast bound's, geometric mean over the workloads: a bar for each policy where
// there is one ratio, else a line for each over the ratios.
Result<std::string> costs_script(const Summary& summary, const std::filesystem::path& picture);

// The same, drawn: .svg or .png, by the name's end. Errors: kUnsupported without gnuplot, kFailed with what
// gnuplot said, which leaves the script beside the picture.
Result<void> plot_heat(const HeatGrid& grid, const std::string& title, const std::filesystem::path& picture);
Result<void> plot_gaps(const Summary& summary, const std::filesystem::path& picture);
Result<void> plot_costs(const Summary& summary, const std::filesystem::path& picture);

}  // namespace tier::sim
