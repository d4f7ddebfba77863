#include "tools/tier-sim/plot.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <fstream>
#include <set>

namespace tier::sim {
namespace {

namespace fs = std::filesystem;

// In gnuplot's double-quoted strings, without its enhanced text's marks.
std::string gnuplot_text(const std::string& text) {
  std::string out = "\"";
  for (const char c : text) {
    if (c == '"' || c == '\\') out += '\\';
    out += c;
  }
  return out + "\"";
}

std::string header(const fs::path& picture, int width, int height) {
  const bool png = picture.extension() == ".png";
  return fmt::format("set terminal {} size {},{} noenhanced font \"sans,11\"\nset output {}\n",
                     png ? "pngcairo" : "svg background \"white\"", width, height, gnuplot_text(picture.string()));
}

Result<void> draw(const std::string& script, const fs::path& picture) {
  if (picture.extension() != ".svg" && picture.extension() != ".png")
    return fail(ErrorKind::kUsage, picture.string() + ": pictures are .svg or .png", "choose one of the two");
  const fs::path file = picture.string() + ".gnuplot";
  {
    std::ofstream out(file);
    out << script;
    if (!out.flush()) return fail(ErrorKind::kFailed, "cannot write " + file.string());
  }
  if (std::system("command -v gnuplot >/dev/null") != 0)
    return fail(ErrorKind::kUnsupported, "gnuplot is missing; the script lies in " + file.string(),
                "apt-get install gnuplot-nox");
  // The name is quoted for the shell: nothing in it is interpreted.
  std::string name;
  for (const char c : file.string()) name += c == '\'' ? std::string("'\\''") : std::string(1, c);
  if (std::system(("gnuplot '" + name + "'").c_str()) != 0)
    return fail(ErrorKind::kFailed, "gnuplot did not draw " + picture.string(),
                "its script is " + file.string());
  std::error_code ignored;
  fs::remove(file, ignored);
  return {};
}

std::string matrix(const std::vector<std::vector<float>>& columns, double (*value)(float)) {
  std::string out;
  if (columns.empty()) return out;
  for (std::size_t row = 0; row < columns[0].size(); ++row) {
    for (const auto& column : columns) out += fmt::format("{:.4g} ", value(column[row]));
    out += "\n";
  }
  return out;
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
  script += "$fast << EOD\n" + matrix(grid.fast, [](float v) { return static_cast<double>(v); }) + "EOD\n";
  script += header(picture, 1000, 700);
  script += fmt::format("set multiplot layout 2,1 title {}\n", gnuplot_text(title));
  script += fmt::format("set xrange [-0.5:{}]\nset yrange [-0.5:{}]\nset ylabel 'regions'\n",
                        static_cast<double>(grid.demand.size()) - 0.5,
                        static_cast<double>(grid.demand[0].size()) - 0.5);
  script +=
      "set title 'demand, log10 of serialised accesses per second'\nset palette defined "
      "(0 'white', 1 'gold', 2 'red', 3 'black')\nplot $demand matrix with image notitle\n";
  script +=
      "set title 'share in the fastest tier'\nset palette defined (0 'white', 1 'dark-green')\nset cbrange "
      "[0:1]\n";
  script +=
      fmt::format("set xlabel 'time, steps of {} s'\nplot $fast matrix with image notitle\n", grid.column);
  return draw(script, picture);
}

Result<void> plot_gaps(const Summary& summary, const fs::path& picture) {
  const auto policies = compared(summary);
  std::string rows, labels, columns;
  std::size_t row = 0;
  for (const Case& of : summary.cases) {
    labels +=
        fmt::format("{}{} {}", labels.empty() ? "" : ", ",
                    gnuplot_text(fmt::format("{} {} 1:{}", short_name(of.workload), of.machine, of.ratio)), row++);
    for (const std::string& policy : policies) {
      const auto found = of.scores.find(policy);
      const bool known = found != of.scores.end() && found->second.gap;
      rows += known ? fmt::format("{:.3f} ", std::clamp(*found->second.gap, -1.0, 1.0)) : "NaN ";
    }
    rows += "\n";
  }
  for (std::size_t i = 0; i < policies.size(); ++i)
    columns += fmt::format("{}{} {}", i == 0 ? "" : ", ", gnuplot_text(policies[i]), i);
  std::string script = "$gap << EOD\n" + rows + "EOD\n";
  script += header(picture, 1100, 160 + 16 * static_cast<int>(summary.cases.size()));
  script += fmt::format("set ytics ({})\nset xtics ({}) rotate by -40\nset yrange [{}:-0.5]\n", labels,
                        columns, static_cast<double>(summary.cases.size()) - 0.5);
  script +=
      "set title 'gap closed: 1 the oracle, 0 none, below 0 worse than none'\nset cbrange [-1:1]\nset "
      "palette "
      "defined (-1 'dark-red', 0 'white', 1 'dark-green')\nplot $gap matrix with image notitle\n";
  return draw(script, picture);
}

Result<void> plot_costs(const Summary& summary, const fs::path& picture) {
  std::set<double> ratios;
  for (const Case& of : summary.cases) ratios.insert(of.ratio);
  std::vector<std::string> policies = compared(summary);
  policies.emplace_back("none");
  std::string data, lines;
  for (const double ratio : ratios) {
    data += fmt::format("{} ", ratio);
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
    lines += fmt::format("{}$cost using 1:{} with linespoints lw 2 title {}", i == 0 ? "" : ", ", i + 2,
                         gnuplot_text(policies[i]));
  std::string script = "$cost << EOD\n" + data + "EOD\n" + header(picture, 900, 600);
  script +=
      "set logscale x 2\nset xlabel 'slow parts per fast part'\nset ylabel 'lost seconds over all-fast'\n";
  script += "set key outside right\nset title 'cost of a smaller fast tier, geometric mean over workloads'\n";
  return draw(script + "plot " + lines + "\n", picture);
}

}  // namespace tier::sim
