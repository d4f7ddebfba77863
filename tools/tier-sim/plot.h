// Pictures, drawn by gnuplot.
#pragma once

#include <filesystem>
#include <string>

#include "tools/tier-sim/experiment.h"
#include "tools/tier-sim/summary.h"

namespace tier::sim {

// .svg or .png, by the name's end. Errors: kUnsupported without gnuplot, kFailed with what gnuplot said,
// which leaves the script beside the picture. Demand over time by region, and where it lay.
Result<void> plot_heat(const HeatGrid& grid, const std::string& title, const std::filesystem::path& picture);
// Gap closed: workloads down, policies across.
Result<void> plot_gaps(const Summary& summary, const std::filesystem::path& picture);
// Lost seconds over the all-fast bound's, by ratio: geometric mean over the workloads, one line a policy.
Result<void> plot_costs(const Summary& summary, const std::filesystem::path& picture);

}  // namespace tier::sim
