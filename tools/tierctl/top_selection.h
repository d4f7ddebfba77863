// Which rows of `tierctl top` are shown, and in which order.
#pragma once

#include <cstdint>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "core/result.h"

namespace tier {

struct TopSelection {
  std::string sort = "waited";
  std::string cgroup = {};  // this one and all below it; empty: all
  std::uint32_t rows = 0;   // at most; 0: all
};

// What --sort takes.
const std::vector<std::string>& top_sort_keys();

// Sorts, filters and cuts the rows of the daemon's answer; fields that this version does not know stay.
// "omitted" is the number of rows cut off. Fails where the cgroup is no path (kUsage).
Result<void> select_rows(nlohmann::json& top, const TopSelection& selection);

}  // namespace tier
