#include "tools/tier-sim/plot.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <iterator>
#include <set>

#include "tools/tier-sim/gnuplot.h"

namespace tier::sim {
namespace {

namespace fs = std::filesystem;

std::string matrix(const std::vector<std::vector<float>>& columns, double (*value)(float)) {
  std::string out;
  if (columns.empty()) return out;
  for (std::size_t row = 0; row < columns[0].size(); ++row) {
    for (const auto& column : columns) out += fmt::format("{:.4g} ", value(column[row]));
    out += "\n";
  }
  return out;
}

double most_of(const std::vector<std::vector<float>>& columns) {
  double most = 0;
  for (const auto& column : columns)
    for (const float v : column) most = std::max(most, std::log10(1 + static_cast<double>(v)));
  return most;
}

// What has no value is written as this, far below every palette, whose lowest colour is grey.
constexpr double kUnknown = -1e9;

Result<void> nothing_to_draw() {
  return fail(ErrorKind::kUsage, "the results hold nothing to draw", "see what failed: `tier-sim report`");
}

// Oracles dashed, tierd thick; as many colours as there are policies.
std::string line_style(const Summary& summary, const std::string& policy, std::size_t index) {
  constexpr const char* kColours[] = {"#1f77b4", "#2ca02c", "#d62728", "#9467bd", "#ff7f0e", "#17becf",
                                      "#e377c2", "#8c564b", "#bcbd22", "#7f7f7f", "#003f5c", "#b8860b"};
  const auto& all = summary.policies;
  const bool oracle = std::any_of(all.begin(), all.end(),
                                  [&](const PolicySummary& p) { return p.policy == policy && p.oracle; });
  if (policy == "none") return "lc rgb 'black' lw 1 pt 6";
  return fmt::format("lc rgb '{}' lw {} pt {}{}", kColours[index % std::size(kColours)],
                     policy == "tierd" ? 4 : 2, index % 13 + 1, oracle ? " dt 2" : "");
}

// The last part of a trace's path, or a generator's name with what was set.
std::string short_name(const std::string& workload) {
  const auto slash = workload.rfind('/');
  return slash == std::string::npos ? workload : workload.substr(slash + 1);
}

std::vector<std::string> compared(const Summary& summary) {
  std::vector<std::string> policies;
  for (const PolicySummary& p : summary.policies)
    if (p.policy != "none") policies.push_back(p.policy);
  return policies;
}

}  // namespace

Result<void> plot_heat(const HeatGrid& grid, const std::string& title, const fs::path& picture) {
  if (grid.demand.empty())
    return fail(ErrorKind::kUsage, "the run was too short for a picture", "lengthen it");
  std::string script = "$demand << EOD\n" +
                       matrix(grid.demand, [](float v) { return std::log10(1 + static_cast<double>(v)); }) +
                       "EOD\n";
  script += "$fast << EOD\n" +
            matrix(grid.fast, [](float v) { return std::isnan(v) ? kUnknown : static_cast<double>(v); }) +
            "EOD\n";
  const double high = std::ceil(most_of(grid.demand));
  const double regions = static_cast<double>(grid.regions) / static_cast<double>(grid.demand[0].size());
  const std::string image =
      fmt::format("matrix using (($1+0.5)*{}):(($2+0.5)*{}):3 with image notitle\n", grid.column, regions);
  script += picture_header(picture, 1000, 700);
  script += fmt::format("set multiplot layout 2,1 title {}\n", gnuplot_text(title));
  script += fmt::format("set xrange [0:{}]\nset yrange [0:{}]\nset ylabel 'regions'\n",
                        static_cast<double>(grid.demand.size()) * grid.column, grid.regions);
  // Four orders of magnitude: what asks for less hardly counts.
  script += fmt::format("set cbrange [{}:{}]\n", std::max(0.0, high - 4), std::max(1.0, high));
  script +=
      "set title 'demand, log10 of serialised accesses per second'\nset palette defined "
      "(0 'white', 1 'gold', 2 'red', 3 'black')\nplot $demand " +
      image;
  script +=
      "set title 'share in the fastest tier; grey: not allocated'\nset palette defined (-0.02 '#d0d0d0', "
      "-0.001 '#d0d0d0', 0 'white', 1 'dark-green')\nset cbrange [-0.02:1]\nset cbtics 0.2\nset xlabel "
      "'seconds of modelled time'\nplot $fast " +
      image;
  return draw_picture(script, picture);
}

Result<void> plot_gaps(const Summary& summary, const fs::path& picture) {
  if (summary.cases.empty()) return nothing_to_draw();
  const auto policies = compared(summary);
  std::string rows, labels, columns;
  std::size_t row = 0, longest = 0;
  for (const Case& of : summary.cases) {
    const std::string label = fmt::format("{}, {}, 1:{}", short_name(of.workload), of.machine, of.ratio);
    longest = std::max(longest, label.size());
    labels += fmt::format("{}{} {}", labels.empty() ? "" : ", ", gnuplot_text(label), row++);
    for (const std::string& policy : policies) {
      const auto found = of.scores.find(policy);
      const bool known = found != of.scores.end() && found->second.gap;
      rows += known ? fmt::format("{:.3f} ", *found->second.gap) : fmt::format("{} ", kUnknown);
    }
    rows += "\n";
  }
  for (std::size_t i = 0; i < policies.size(); ++i)
    columns += fmt::format("{}{} {}", i == 0 ? "" : ", ", gnuplot_text(policies[i]), i);
  std::string script = "$gap << EOD\n" + rows + "EOD\n";
  script += picture_header(picture, static_cast<int>(150 + 7 * longest + 56 * policies.size()),
                           230 + 20 * static_cast<int>(summary.cases.size()));
  script += fmt::format("set ytics ({})\nset xtics ({}) rotate by -40\nset yrange [{}:-0.5]\n", labels,
                        columns, static_cast<double>(summary.cases.size()) - 0.5);
  script += fmt::format("set xrange [-0.5:{}]\n", static_cast<double>(policies.size()) - 0.5);
  script +=
      "set title \"% of the gap closed\\n100 the best oracle, 0 none\\ngrey: nothing to gain\"\nset tics "
      "scale 0\nunset colorbox\nset cbrange [-1.04:1]\nset palette defined (-1.04 '#d0d0d0', -1.001 "
      "'#d0d0d0', -1 "
      "'dark-red', 0 'white', 1 'dark-green')\n";
  // A loss beyond the whole gap has the darkest red; the number says how much.
  script +=
      "plot $gap matrix using 1:2:($3 > -1e8 && $3 < -1 ? -1 : $3) with image notitle, $gap matrix using "
      "1:2:($3 > -1e8 ? sprintf('%d', int(floor(100*$3 + 0.5))) : ''):(abs($3) > 0.7 ? 0xffffff : 0) with "
      "labels font 'sans,9' textcolor rgb variable notitle\n";
  return draw_picture(script, picture);
}

Result<void> plot_costs(const Summary& summary, const fs::path& picture) {
  if (summary.cases.empty()) return nothing_to_draw();
  std::set<double> ratios;
  for (const Case& of : summary.cases) ratios.insert(of.ratio);
  std::vector<std::string> policies = compared(summary);
  policies.emplace_back("none");
  std::string data, lines, tics;
  for (const double ratio : ratios) {
    data += fmt::format("{} ", ratio);
    tics += fmt::format("{}'1:{}' {}", tics.empty() ? "" : ", ", ratio, ratio);
    for (const std::string& policy : policies) {
      double logs = 0, count = 0;
      for (const Case& of : summary.cases) {
        const auto found = of.scores.find(policy);
        if (of.ratio != ratio || found == of.scores.end() || of.all_fast <= 0 || found->second.lost <= 0)
          continue;
        logs += std::log(found->second.lost / of.all_fast), ++count;
      }
      data += count > 0 ? fmt::format("{:.4f} ", std::exp(logs / count)) : "NaN ";
    }
    data += "\n";
  }
  for (std::size_t i = 0; i < policies.size(); ++i)
    lines += fmt::format("{}$cost using 1:{} with linespoints {} title {}", i == 0 ? "" : ", ", i + 2,
                         line_style(summary, policies[i], i), gnuplot_text(policies[i]));
  std::string script = "$cost << EOD\n" + data + "EOD\n" + picture_header(picture, 900, 600);
  script += fmt::format("set xtics ({})\nset xrange [{}:{}]\n", tics, *ratios.begin() / 1.2,
                        *ratios.rbegin() * 1.2);
  script +=
      "set logscale x 2\nset xlabel 'fast : slow'\nset ylabel 'seconds lost, as a multiple of all-fast'\n";
  script += "set key outside right\nset title 'cost of a smaller fast tier, geometric mean over workloads'\n";
  return draw_picture(script + "plot " + lines + "\n", picture);
}

}  // namespace tier::sim
