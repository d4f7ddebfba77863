// What pictures are made of, apart from gnuplot itself: colours, labels that do not cover each other, names.
// Pure.
#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "sim/workload.h"

namespace tier::sim {

// `count` colours as gnuplot's '#rrggbb', no two alike, neighbours far apart.
std::vector<std::string> distinct_colours(std::size_t count);

// Positions as near as possible to `wanted` that are at least `apart` from each other, in the same order.
std::vector<double> spread_labels(const std::vector<double>& wanted, double apart);

// Makes equal texts different by their number: "a", "a" become "a #1", "a #2". Others stay.
std::vector<std::string> told_apart(std::vector<std::string> texts);

// Whose region it is, and where it lies in that process.
struct RegionName {
  std::string target;
  Address address = 0;
};

// A label of a heat map's vertical axis, beside region number `at`.
struct RowLabel {
  std::size_t at = 0;
  std::string text;
};

// Every process's first region by name and address, then places where addresses jump, then some in between:
// as many as are at least `apart` regions from each other. `names` by region; an empty target is no region's.
std::vector<RowLabel> row_labels(const std::vector<RegionName>& names, std::size_t region_size,
                                 std::size_t apart);

}  // namespace tier::sim
