#include "tools/tierctl/table.h"

#include <algorithm>

#include "tools/tierctl/text.h"

namespace tier {

void Table::add(std::vector<std::string> cells) {
  for (std::string& cell : cells) {
    cell = printable(cell);
    if (cell.empty()) cell.assign(1, '-');
  }
  cells.resize(columns_.size(), "-");
  rows_.push_back(std::move(cells));
}

std::string Table::text(bool with_titles) const {
  std::vector<std::size_t> widths;
  for (std::size_t c = 0; c < columns_.size(); ++c) {
    std::size_t width = with_titles ? display_width(columns_[c].title) : 0;
    for (const auto& row : rows_) width = std::max(width, display_width(row[c]));
    widths.push_back(width);
  }
  std::string out;
  const auto add_line = [&](const auto& cell_of) {
    std::string line;
    for (std::size_t c = 0; c < columns_.size(); ++c) {
      const std::string& cell = cell_of(c);
      const std::string fill(widths[c] - display_width(cell), ' ');
      line += columns_[c].align == Align::kRight ? fill + cell : cell + fill;
      line += "  ";
    }
    line.erase(line.find_last_not_of(' ') + 1);
    out += line + "\n";
  };
  if (with_titles) add_line([&](std::size_t c) -> const std::string& { return columns_[c].title; });
  for (const auto& row : rows_) add_line([&](std::size_t c) -> const std::string& { return row[c]; });
  return out;
}

}  // namespace tier
