// The heat map: one line per region, one cell per tick. The cell's strength is demand on a logarithmic scale,
// its family (colour, or letter against digit) the tier that held the region.
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>

#include "tierd/words/wrap.h"
#include "tools/tierctl/render.h"
#include "tools/tierctl/text.h"

namespace tier {
namespace {

constexpr int kLevels = 9;
// xterm 256-colour backgrounds, weak to strong.
constexpr std::array<int, kLevels + 1> kFastColors = {52, 88, 124, 160, 196, 202, 208, 214, 220, 226};
constexpr std::array<int, kLevels + 1> kSlowColors = {17, 18, 19, 20, 21, 27, 33, 39, 45, 51};

// 0 none, 1 to 9 by powers of the largest.
int level_of(double demand, double largest) {
  if (!(demand > 0) || !(largest > 0)) return 0;
  const double share = std::log1p(demand) / std::log1p(largest);
  return std::clamp(1 + static_cast<int>(std::lround(share * (kLevels - 1))), 1, kLevels);
}

void add_cell(std::string& line, int level, int tier, bool color, int& background) {
  if (color) {
    const int wanted =
        tier < 0 ? -1 : (tier == 0 ? kFastColors : kSlowColors)[static_cast<std::size_t>(level)];
    if (wanted != background) line += wanted < 0 ? "\x1b[0m" : fmt::format("\x1b[48;5;{}m", wanted);
    background = wanted;
    line += ' ';
  } else if (tier < 0) {
    line += level == 0 ? ' ' : '?';
  } else if (level == 0) {
    line += tier == 0 ? '_' : '.';
  } else {
    line += static_cast<char>((tier == 0 ? 'A' - 1 : '0') + level);
  }
}

// Seconds that column `i` really covers: ticks may be late. Older daemons do not tell.
double seconds_of(const HeatmapView& view, std::size_t i) {
  const double told = i < view.seconds.size() ? view.seconds[i] : 0;
  const double usual = view.interval_seconds > 0 ? view.interval_seconds : 1;
  return told > 0 ? told : usual;
}

// A second: columns of different lengths are compared.
double rate_of(const HeatmapView& view, const HeatmapRow& row, std::size_t i) {
  return i < row.demand.size() ? row.demand[i] / seconds_of(view, i) : 0;
}

// "33 columns of 1 s", or what they really are.
std::string columns_text(const HeatmapView& view) {
  double least = std::numeric_limits<double>::max(), most = 0, sum = 0;
  for (std::size_t i = 0; i < view.ticks.size(); ++i) {
    const double length = seconds_of(view, i);
    least = std::min(least, length), most = std::max(most, length), sum += length;
  }
  const std::string lengths = most <= 1.1 * least
                                  ? seconds_text(sum / static_cast<double>(view.ticks.size()))
                                  : fmt::format("{} to {}", seconds_text(least), seconds_text(most));
  return fmt::format("{} columns of {} = {}", view.ticks.size(), lengths, seconds_text(sum));
}

std::string cells_of(const HeatmapView& view, const HeatmapRow& row, double largest, bool color) {
  std::string line;
  int background = -1;
  for (std::size_t i = 0; i < view.ticks.size(); ++i) {
    const double demand = rate_of(view, row, i);
    const int tier = i < row.tier.size() ? row.tier[i] : -1;
    add_cell(line, level_of(demand, largest), tier, color, background);
  }
  if (background >= 0) line += "\x1b[0m";
  return line;
}

// What each kind of cell means, also of those that this map happens not to show.
std::string legend_text(const HeatmapView& view, double largest, const Style& style) {
  std::string scale;
  if (style.color) {
    for (const auto* colors : {&kFastColors, &kSlowColors}) {
      for (const int color : *colors) scale += fmt::format("\x1b[48;5;{}m ", color);
      scale += colors == &kFastColors ? "\x1b[0m fastest tier   " : "\x1b[0m slower tiers";
    }
    scale += "   (no demand to the most)\nno colour: not recorded, or its tier is not known\n";
  } else {
    scale =
        "fastest tier: _ no demand, A (little) to I (most)\n"
        "slower tiers: . no demand, 1 (little) to 9 (most)\n"
        "?: demand, its tier is not known   blank: not recorded\n";
  }
  const std::string rest = fmt::format(
      "demand on a logarithmic scale up to {} accesses a second; {}, the latest on the right\n"
      "behind each row: the tier in the last column, - where it is not known\n",
      count_text(largest), columns_text(view));
  // Escapes have no width: lines with colours are short anyway.
  return (style.color ? scale : wrapped(scale, style.width, 2)) + wrapped(rest, style.width, 2);
}

std::string heading(const HeatmapRow& row) {
  const std::string name = row.name.empty() ? "(name not known)" : printable(row.name);
  if (row.pid == 0) return fmt::format("{}\n", name);
  return fmt::format("{} {}{}\n", row.pid, name, row.gone ? " (gone)" : "");
}

}  // namespace

std::uint32_t heatmap_ticks(std::size_t width) {
  constexpr std::size_t kAround = 14 + 2 + 6;  // "ADDRESS |" before the cells and "| fast" after them
  constexpr std::size_t kLeast = 10, kMost = 512, kUsual = 80;
  if (width == 0) width = kUsual;
  return static_cast<std::uint32_t>(std::clamp(width, kAround + kLeast, kAround + kMost) - kAround);
}

std::string render(const HeatmapView& view, const Style& style) {
  double largest = 0;
  for (const HeatmapRow& row : view.rows)
    for (std::size_t i = 0; i < row.demand.size(); ++i) largest = std::max(largest, rate_of(view, row, i));
  std::string out;
  const HeatmapRow* before = nullptr;
  for (const HeatmapRow& row : view.rows) {
    if (before == nullptr || row.pid != before->pid || row.name != before->name) out += heading(row);
    before = &row;
    const int now = row.tier.empty() ? -1 : row.tier.back();
    out += fmt::format("{:>#14x} |{}| {}\n", row.start, cells_of(view, row, largest, style.color),
                       now < 0    ? "-"
                       : now == 0 ? "fast"
                                  : "slow");
  }
  if (!style.legend) return out;
  if (view.rows.empty()) out += "no region with demand to show\n";
  if (!view.rows.empty()) out += legend_text(view, largest, style);
  std::string notes;
  if (view.omitted != 0)
    notes += plural(view.omitted, "region", "regions") + " with demand beyond --rows left out\n";
  if (view.unrecorded != 0)
    notes += fmt::format("only the most demanded regions of a tick are recorded: up to {} more had demand\n",
                         view.unrecorded);
  return out + wrapped(notes + hidden_text(view.hidden), style.width, 2);
}

}  // namespace tier
