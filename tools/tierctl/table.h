// A plain aligned table: two spaces between columns, no lines, no colour, no trailing blanks.
#pragma once

#include <string>
#include <vector>

namespace tier {

class Table {
 public:
  enum class Align { kLeft, kRight };
  // What happens to a column where the table is wider than the terminal.
  enum class Fit {
    kWhole,  // nothing
    kWrap,   // its text goes on below, broken at words; or all of it below the row, where that is too narrow
    kClip,   // its end is cut off
    kClipFront,  // its beginning is cut off: of a path the end tells more
  };
  struct Column {
    std::string title;
    Align align = Align::kLeft;
    Fit fit = Fit::kWhole;
    int drop = 0;           // left out where there is no room, those with the largest number first; 0: never
    std::string below{};    // before its text where that stands below the row: "fix: "
    std::size_t least = 0;  // columns that kWrap takes at least; 0: 30
  };

  explicit Table(std::vector<Column> columns) : columns_(std::move(columns)) {}
  // One cell per column; made printable here.
  void add(std::vector<std::string> cells);
  bool empty() const { return rows_.empty(); }
  // `width` columns of a terminal are to be enough; 0: as wide as it gets. With titles, a last line names the
  // columns for which there is no room.
  std::string text(bool with_titles, std::size_t width = 0) const;

 private:
  struct Layout {
    std::vector<std::size_t> shown, widths,
        below;                          // columns beside each other with their widths; below a row
    std::vector<std::string> left_out;  // titles
  };
  std::vector<std::size_t> natural_widths(bool with_titles) const;
  std::size_t least_width(std::size_t column, std::size_t natural) const;
  Layout fit(bool with_titles, std::size_t width) const;
  void widen(Layout& layout, const std::vector<std::size_t>& natural, std::size_t width) const;
  void add_row(const std::vector<std::string>& cells, const Layout& layout, std::size_t width,
               std::string& out) const;

  std::vector<Column> columns_;
  std::vector<std::vector<std::string>> rows_;
};

inline constexpr auto kLeft = Table::Align::kLeft, kRight = Table::Align::kRight;
inline constexpr auto kWhole = Table::Fit::kWhole, kWrap = Table::Fit::kWrap;
inline constexpr auto kClip = Table::Fit::kClip, kClipFront = Table::Fit::kClipFront;

}  // namespace tier
