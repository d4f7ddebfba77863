// "name  value" lines, the values aligned and broken to fit.
#pragma once

#include <string>

#include "tools/tierctl/table.h"

namespace tier {

class Facts {
 public:
  void add(std::string name, std::string value) { table_.add({std::move(name), std::move(value)}); }
  std::string text(std::size_t width) const { return table_.text(false, width); }

 private:
  Table table_{{{"", Table::Align::kLeft}, {"", Table::Align::kLeft, Table::Fit::kWrap}}};
};

}  // namespace tier
