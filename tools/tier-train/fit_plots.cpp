// A fit's history as pictures.
#include <fmt/format.h>

#include <cmath>

#include "tools/tier-sim/gnuplot.h"
#include "tools/tier-sim/picture.h"
#include "tools/tier-train/fit.h"

namespace tier::sim {
namespace {

std::string cell(double value) { return std::isfinite(value) ? fmt::format("{:.6g} ", value) : "NaN "; }

Result<void> draw_lines(const std::vector<std::string>& names, const std::string& rows,
                        const std::string& title, const std::filesystem::path& picture) {
  std::string lines;
  const auto colours = distinct_colours(names.size());
  for (std::size_t i = 0; i < names.size(); ++i)
    lines += fmt::format("{}$loss using 1:{} with linespoints lc rgb '{}' pt {} lw 2 title {}",
                         i == 0 ? "" : ", ", i + 2, colours[i], i % 13 + 1, gnuplot_text(names[i]));
  return draw_picture("$loss << EOD\n" + rows + "EOD\n" + picture_header(picture, 900, 600) +
                          "set xlabel 'steps'\nset ylabel 'loss (logarithmic; less is better)'\nset logscale "
                          "y\nset key outside right\n" +
                          fmt::format("set title {}\nplot {}\n", gnuplot_text(title), lines),
                      picture);
}

}  // namespace

Result<void> plot_fit(const FitReport& report, const std::filesystem::path& folder) {
  if (report.history.empty()) return {};
  std::string losses, families;
  std::vector<std::string> names;
  for (const auto& [family, loss] : report.history.front().by_family) names.push_back(family);
  for (const HistoryPoint& point : report.history) {
    const std::string step = fmt::format("{} ", point.step);
    losses += step + cell(point.training) + cell(point.with_context) + cell(point.without) + "\n";
    families += step;
    for (const std::string& name : names) {
      const auto found = point.by_family.find(name);
      families += found == point.by_family.end() ? "NaN " : cell(found->second);
    }
    families += "\n";
  }
  if (auto drawn = draw_lines({"training", "held back", "held back, without context"}, losses,
                              "loss of the fit", folder / "loss.svg");
      !drawn)
    return drawn;
  return draw_lines(names, families, "held-back loss by family", folder / "families.svg");
}

}  // namespace tier::sim
