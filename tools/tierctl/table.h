// A plain aligned table: two spaces between columns, no lines, no colour, no trailing blanks.
#pragma once

#include <string>
#include <vector>

namespace tier {

class Table {
 public:
  enum class Align { kLeft, kRight };
  struct Column {
    std::string title;
    Align align = Align::kLeft;
  };

  explicit Table(std::vector<Column> columns) : columns_(std::move(columns)) {}
  // One cell per column; made printable here.
  void add(std::vector<std::string> cells);
  bool empty() const { return rows_.empty(); }
  std::string text(bool with_titles) const;

 private:
  std::vector<Column> columns_;
  std::vector<std::vector<std::string>> rows_;
};

}  // namespace tier
