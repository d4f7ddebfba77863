#include "tools/tierctl/table.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <numeric>

#include "tierd/words/words.h"
#include "tierd/words/wrap.h"
#include "tools/tierctl/text.h"

namespace tier {
namespace {

constexpr std::size_t kGap = 2;
// Narrower than this, a text has a word or two on each line.
constexpr std::size_t kLeastWrapped = 30, kLeastClipped = 12;
constexpr std::size_t kBelowIndent = 4;

std::size_t total(const std::vector<std::size_t>& widths) {
  return std::accumulate(widths.begin(), widths.end(), widths.empty() ? 0 : kGap * (widths.size() - 1));
}

}  // namespace

void Table::add(std::vector<std::string> cells) {
  for (std::string& cell : cells) {
    cell = printable(cell);
    if (cell.empty()) cell.assign(1, '-');
  }
  cells.resize(columns_.size(), "-");
  rows_.push_back(std::move(cells));
}

std::vector<std::size_t> Table::natural_widths(bool with_titles) const {
  std::vector<std::size_t> widths;
  for (std::size_t c = 0; c < columns_.size(); ++c) {
    std::size_t width = with_titles ? display_width(columns_[c].title) : 0;
    for (const auto& row : rows_) width = std::max(width, display_width(row[c]));
    widths.push_back(width);
  }
  return widths;
}

std::size_t Table::least_width(std::size_t column, std::size_t natural) const {
  const Fit fit = columns_[column].fit;
  const std::size_t wrapped = columns_[column].least != 0 ? columns_[column].least : kLeastWrapped;
  const std::size_t least = fit == Fit::kWhole ? natural : fit == Fit::kWrap ? wrapped : kLeastClipped;
  return std::min(natural, std::max(least, display_width(columns_[column].title)));
}

// What is left of the width goes to the columns that need it, evenly.
void Table::widen(Layout& layout, const std::vector<std::size_t>& natural, std::size_t width) const {
  for (bool grown = true; grown && total(layout.widths) < width;) {
    grown = false;
    for (std::size_t i = 0; i < layout.shown.size() && total(layout.widths) < width; ++i)
      if (layout.widths[i] < natural[layout.shown[i]]) ++layout.widths[i], grown = true;
  }
}

// First texts get narrower, then columns are left out, then texts go below their rows.
Table::Layout Table::fit(bool with_titles, std::size_t width) const {
  const auto natural = natural_widths(with_titles);
  Layout layout;
  layout.shown.resize(columns_.size());
  std::iota(layout.shown.begin(), layout.shown.end(), std::size_t{0});
  const auto least = [&] {
    layout.widths.clear();
    for (const std::size_t c : layout.shown)
      layout.widths.push_back(width == 0 ? natural[c] : least_width(c, natural[c]));
    return total(layout.widths);
  };
  while (least() > width && width != 0) {
    const auto wrapped = [&](std::size_t c) { return columns_[c].fit == Fit::kWrap; };
    if (layout.shown.size() > 1 && wrapped(layout.shown.back())) {
      layout.below.insert(layout.below.begin(), layout.shown.back());
      layout.shown.pop_back();
      continue;
    }
    const auto first = std::max_element(layout.shown.begin(), layout.shown.end(),
                                        [&](auto a, auto b) { return columns_[a].drop < columns_[b].drop; });
    if (columns_[*first].drop == 0) break;
    layout.left_out.push_back(columns_[*first].title);
    layout.shown.erase(first);
  }
  widen(layout, natural, width);
  return layout;
}

void Table::add_row(const std::vector<std::string>& cells, const Layout& layout, std::size_t width,
                    std::string& out) const {
  std::vector<std::vector<std::string>> lines;
  std::size_t height = 1;
  for (std::size_t i = 0; i < layout.shown.size(); ++i) {
    const std::string& cell = cells[layout.shown[i]];
    const Fit fit = columns_[layout.shown[i]].fit;
    if (fit == Fit::kClip || fit == Fit::kClipFront)
      lines.push_back({clipped(cell, layout.widths[i], fit == Fit::kClipFront)});
    else
      lines.push_back(fit == Fit::kWrap ? wrapped_lines(cell, layout.widths[i]) : std::vector{cell});
    height = std::max(height, lines.back().size());
  }
  for (std::size_t at = 0; at < height; ++at) {
    std::string line;
    for (std::size_t i = 0; i < layout.shown.size(); ++i) {
      const std::string& cell = at < lines[i].size() ? lines[i][at] : std::string();
      const std::size_t wide = display_width(cell);
      const std::string fill(layout.widths[i] > wide ? layout.widths[i] - wide : 0, ' ');
      line += columns_[layout.shown[i]].align == Align::kRight ? fill + cell : cell + fill;
      line += std::string(kGap, ' ');
    }
    line.erase(line.find_last_not_of(' ') + 1);
    out += line + "\n";
  }
  for (const std::size_t c : layout.below)
    if (cells[c] != "-") out += indented(columns_[c].below + cells[c], kBelowIndent, width);
}

std::string Table::text(bool with_titles, std::size_t width) const {
  const Layout layout = fit(with_titles, width);
  std::string out;
  if (with_titles) {
    std::vector<std::string> titles;
    const std::string nothing = "-";  // stands below the titles
    for (const Column& column : columns_) titles.push_back(column.title);
    for (const std::size_t c : layout.below) titles[c] = nothing;
    add_row(titles, layout, width, out);
  }
  for (const auto& row : rows_) add_row(row, layout, width, out);
  if (with_titles && !layout.left_out.empty())
    out += wrapped(fmt::format("{} left out at this width: {}\n",
                               plural(layout.left_out.size(), "column is", "columns are"),
                               fmt::join(layout.left_out, ", ")),
                   width, 2);
  return out;
}

}  // namespace tier
