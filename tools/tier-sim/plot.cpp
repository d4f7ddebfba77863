#include "tools/tier-sim/plot.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <iterator>
#include <limits>
#include <map>
#include <set>

#include "tools/tier-sim/gnuplot.h"
#include "tools/tier-sim/picture.h"

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

tl::unexpected<Error> nothing_to_draw() {
  return fail(ErrorKind::kUsage, "the results hold nothing to draw", "see what failed: `tier-sim report`");
}

// Without its middle where it is longer.
std::string shortened(const std::string& text, std::size_t most) {
  if (text.size() <= most) return text;
  const std::size_t tail = (most - 3) / 2;
  return text.substr(0, most - 3 - tail) + "..." + text.substr(text.size() - tail);
}

// The last `parts` parts of a path.
std::string tail_of(const std::string& path, std::size_t parts) {
  std::size_t slash = path.size();
  while (parts-- > 0 && slash != std::string::npos && slash > 0) slash = path.rfind('/', slash - 1);
  return slash == std::string::npos || slash == 0 ? path : path.substr(slash + 1);
}

// By workload: the end of a trace's path, as much of it as no other workload has, or a generator's whole
// text.
std::map<std::string, std::string> short_names(const std::vector<Case>& cases) {
  std::map<std::string, std::string> names;
  for (const Case& of : cases) names[of.workload];
  for (auto& [workload, name] : names) {
    name = workload;
    for (std::size_t parts = 1; parts <= 4; ++parts) {
      const std::string tail = tail_of(workload, parts);
      const auto same = [&](const auto& other) { return tail_of(other.first, parts) == tail; };
      if (std::count_if(names.begin(), names.end(), same) != 1) continue;
      name = tail;
      break;
    }
    name = shortened(name, 60);
  }
  return names;
}

// The policies of the last table, which has all machines, in its order.
std::vector<PolicySummary> ranked(const Summary& summary) {
  return summary.tables.empty() ? std::vector<PolicySummary>{} : summary.tables.back().policies;
}

std::vector<std::string> compared(const Summary& summary) {
  std::vector<std::string> policies;
  for (const PolicySummary& p : ranked(summary))
    if (p.policy != "none") policies.push_back(p.policy);
  return policies;
}

// Seconds that the shortest of a case's runs lasted.
double shortest(const Case& of) {
  double least = std::numeric_limits<double>::max();
  for (const auto& [policy, score] : of.scores)
    if (score.modelled > 0) least = std::min(least, score.modelled);
  return least;
}

// Seconds lost over the all-fast bound's; not a number where no case of that ratio has it.
double cost_of(const Summary& summary, const std::string& policy, double ratio) {
  double logs = 0, count = 0;
  for (const Case& of : summary.cases) {
    const auto found = of.scores.find(policy);
    if (of.ratio != ratio || found == of.scores.end() || of.all_fast <= 0 || found->second.lost <= 0)
      continue;
    logs += std::log(found->second.lost / of.all_fast), ++count;
  }
  return count > 0 ? std::exp(logs / count) : std::numeric_limits<double>::quiet_NaN();
}

std::string number(double value) { return std::isfinite(value) ? fmt::format("{:.4f}", value) : "NaN"; }

constexpr const char* kCostLabel =
    "seconds lost, as a multiple of what a machine with fast memory alone loses";

struct Kind {
  const char* title;
  const char* colour;
};
constexpr Kind kKinds[] = {{"tierd", "#1b7837"},
                           {"others", "#4575b4"},
                           {"knows the future", "#b0b0b0"},
                           {"moves nothing", "#333333"}};

std::size_t kind_of(const Summary& summary, const std::string& policy) {
  if (policy == "none") return 3;
  for (const PolicySummary& p : ranked(summary))
    if (p.policy == policy && p.oracle) return 2;
  return policy.rfind("tierd", 0) == 0 ? 0 : 1;
}

// Cheapest on top.
std::string cost_bars(const Summary& summary, const std::vector<std::string>& policies, double ratio,
                      const fs::path& picture) {
  std::vector<std::pair<double, std::string>> costs;
  for (const std::string& policy : policies)
    if (const double cost = cost_of(summary, policy, ratio); std::isfinite(cost))
      costs.emplace_back(cost, policy);
  std::sort(costs.begin(), costs.end());
  std::string script, tics, plots;
  for (std::size_t k = 0; k < std::size(kKinds); ++k) {
    std::string rows;
    for (std::size_t i = 0; i < costs.size(); ++i)
      if (kind_of(summary, costs[i].second) == k) rows += fmt::format("{} {}\n", number(costs[i].first), i);
    if (rows.empty()) continue;
    script += fmt::format("$kind{} << EOD\n{}EOD\n", k, rows);
    plots += fmt::format(
        "{}$kind{} using ($1/2):2:(0):1:($2-0.38):($2+0.38) with boxxyerror fs solid noborder lc rgb '{}' "
        "title {}, $kind{} using 1:2:(sprintf('%.2f', $1)) with labels left offset 0.5,0 notitle",
        plots.empty() ? "" : ", ", k, kKinds[k].colour, gnuplot_text(kKinds[k].title), k);
  }
  for (std::size_t i = 0; i < costs.size(); ++i)
    tics += fmt::format("{}{} {}", i == 0 ? "" : ", ", gnuplot_text(costs[i].second), i);
  script += picture_header(picture, 1050, 150 + 24 * static_cast<int>(costs.size()));
  script +=
      fmt::format("set ytics ({}) scale 0\nset yrange [{}:-0.5]\nset xrange [0:{}]\n", tics,
                  static_cast<double>(costs.size()) - 0.5, costs.empty() ? 1 : 1.12 * costs.back().first);
  script +=
      fmt::format("set xlabel '{}'\nset key outside right top Left reverse\nset tics nomirror\n", kCostLabel);
  script += fmt::format(
      "set title \"cost of a smaller fast tier, fast:slow 1:{}; less is better\\n{} cases, geometric "
      "mean\"\n",
      ratio, summary.cases.size());
  return script + "plot " + plots + "\n";
}

// The name of each line stands at its right end, in its colour.
std::string cost_lines(const Summary& summary, const std::vector<std::string>& policies,
                       const std::set<double>& ratios, const fs::path& picture) {
  const auto colours = distinct_colours(policies.size());
  std::string data, lines, tics, labels;
  std::vector<double> last(policies.size(), std::numeric_limits<double>::quiet_NaN());
  double least = std::numeric_limits<double>::max(), most = 0;
  for (const double ratio : ratios) {
    data += fmt::format("{} ", ratio);
    tics += fmt::format("{}'1:{}' {}", tics.empty() ? "" : ", ", ratio, ratio);
    for (std::size_t i = 0; i < policies.size(); ++i) {
      const double cost = cost_of(summary, policies[i], ratio);
      data += number(cost) + " ";
      if (std::isfinite(cost)) last[i] = cost, least = std::min(least, cost), most = std::max(most, cost);
    }
    data += "\n";
  }
  if (most <= least) least = 0, most = std::max(most, 1.0);
  const double margin = (most - least) * 0.05, range = most - least + 2 * margin;
  const int height = std::max(600, 140 + 20 * static_cast<int>(policies.size()));
  std::vector<double> wanted;
  std::vector<std::size_t> which;
  for (std::size_t i = 0; i < policies.size(); ++i)
    if (std::isfinite(last[i])) wanted.push_back(last[i]), which.push_back(i);
  const auto at = spread_labels(wanted, range * 17 / (height - 120));
  for (std::size_t n = 0; n < which.size(); ++n) {
    const std::size_t i = which[n];
    const char* look = kind_of(summary, policies[i]) == 2 ? " dt 2" : "";
    lines += fmt::format("{}$cost using 1:{} with linespoints lc rgb '{}' lw {} pt {}{} notitle",
                         lines.empty() ? "" : ", ", i + 2, colours[i], policies[i] == "tierd" ? 4 : 2,
                         i % 13 + 1, look);
    labels += fmt::format("set label {} at graph 1.015, first {:.5f} left textcolor rgb '{}'\n",
                          gnuplot_text(policies[i]), at[n], colours[i]);
  }
  std::string script = "$cost << EOD\n" + data + "EOD\n" + picture_header(picture, 900, height);
  script += fmt::format("set xtics ({})\nset xrange [{}:{}]\nset yrange [{:.5f}:{:.5f}]\n", tics,
                        *ratios.begin() / 1.2, *ratios.rbegin() * 1.05, least - margin, most + margin);
  script += fmt::format("set logscale x 2\nset xlabel 'fast : slow'\nset ylabel '{}'\n", kCostLabel) + labels;
  script += "set rmargin 20\nunset key\n";
  script +=
      "set title \"cost of a smaller fast tier, geometric mean over workloads; less is better\\nbroken lines "
      "know the future\"\n";
  return script + "plot " + lines + "\n";
}

// Two lines, for workloads can have long names.
std::string heat_title(const std::string& title, const HeatGrid& grid) {
  const auto bar = title.find(" | ");
  std::string text = shortened(title.substr(0, bar), 110);
  if (bar != std::string::npos) text += "\n" + shortened(title.substr(bar + 3), 110);
  const std::string note = too_short(static_cast<double>(grid.demand.size()) * grid.column);
  return note.empty() ? text : text + "\n" + note;
}

}  // namespace

Result<std::string> heat_script(const HeatGrid& grid, const std::string& title, const fs::path& picture) {
  if (grid.demand.empty())
    return fail(ErrorKind::kUsage, "the run ended before its first second: there is nothing to draw",
                "lengthen it, or repeat what was recorded: trace*40:FILE");
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
  std::string labels;
  std::size_t longest = 0;
  for (const RowLabel& label : row_labels(grid.names, grid.region_size, grid.regions / 16 + 1)) {
    const std::string text = shortened(label.text, 44);
    longest = std::max(longest, text.size());
    labels += fmt::format("{}{} {}", labels.empty() ? "" : ", ", gnuplot_text(text), label.at);
  }
  script += picture_header(picture, 1100, 800);
  script += fmt::format("set multiplot layout 2,1 title {}\n", gnuplot_text(heat_title(title, grid)));
  script += fmt::format("set xrange [0:{}]\nset yrange [{}:0]\nset xlabel 'seconds of modelled time'\n",
                        static_cast<double>(grid.demand.size()) * grid.column, grid.regions);
  script +=
      fmt::format("set lmargin {}\nset ytics ({}) out font 'sans,9'\nset xtics out\n", longest + 3, labels);
  // Four orders of magnitude: what asks for less hardly counts.
  script += fmt::format("set cbrange [{}:{}]\n", std::max(0.0, high - 4), std::max(1.0, high));
  script +=
      "set title 'demand, log10 of serialised accesses per second'\nset palette defined "
      "(0 'white', 1 'gold', 2 'red', 3 'black')\nplot $demand " +
      image;
  script +=
      "set title 'share in the fastest tier; grey: not allocated'\nset palette defined (-0.02 '#d0d0d0', "
      "-0.001 '#d0d0d0', 0 'white', 1 'dark-green')\nset cbrange [-0.02:1]\nset cbtics 0.2\nplot $fast " +
      image;
  return script;
}

Result<std::string> gaps_script(const Summary& summary, const fs::path& picture) {
  if (summary.cases.empty()) return nothing_to_draw();
  const auto policies = compared(summary);
  std::string rows, labels, columns;
  std::size_t row = 0, longest = 0;
  const auto names = short_names(summary.cases);
  std::vector<std::string> texts;
  for (const Case& of : summary.cases)
    texts.push_back(fmt::format(
        "{}, {}, 1:{}{}{}", names.at(of.workload), of.machine, of.ratio,
        of.rate > 0 ? fmt::format(", {:g} samples/s", of.rate) : "",
        too_short(shortest(of)).empty() ? "" : fmt::format(" ({:.0f} s: too short to judge)", shortest(of))));
  texts = told_apart(std::move(texts));
  for (const Case& of : summary.cases) {
    const std::string& label = texts[row];
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
      "plot $gap matrix using 1:2:($3 > -1e8 && $3 < -1 ? -1 : $3) with image pixels notitle, $gap matrix "
      "using 1:2:($3 > -1e8 ? sprintf('%d', int(floor(100*$3 + 0.5))) : ''):(abs($3) > 0.7 ? 0xffffff : 0) "
      "with labels font 'sans,9' textcolor rgb variable notitle\n";
  return script;
}

Result<std::string> costs_script(const Summary& summary, const fs::path& picture) {
  if (summary.cases.empty()) return nothing_to_draw();
  std::set<double> ratios;
  for (const Case& of : summary.cases) ratios.insert(of.ratio);
  std::vector<std::string> policies = compared(summary);
  policies.emplace_back("none");
  return ratios.size() == 1 ? cost_bars(summary, policies, *ratios.begin(), picture)
                            : cost_lines(summary, policies, ratios, picture);
}

namespace {

Result<void> draw(const Result<std::string>& script, const fs::path& picture) {
  if (!script) return tl::make_unexpected(script.error());
  return draw_picture(*script, picture);
}

}  // namespace

Result<void> plot_heat(const HeatGrid& grid, const std::string& title, const fs::path& picture) {
  return draw(heat_script(grid, title, picture), picture);
}

Result<void> plot_gaps(const Summary& summary, const fs::path& picture) {
  return draw(gaps_script(summary, picture), picture);
}

Result<void> plot_costs(const Summary& summary, const fs::path& picture) {
  return draw(costs_script(summary, picture), picture);
}

}  // namespace tier::sim
