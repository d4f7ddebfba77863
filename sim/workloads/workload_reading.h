// For tests: reads workloads to their end and adds them up.
#pragma once

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "sim/workloads/generators.h"

namespace tier::sim {

struct ReadWorkload {
  WorkloadInfo info;
  std::vector<Interval> intervals;
};

inline ReadWorkload read(const WorkloadFactory& factory) {
  ReadWorkload result;
  auto workload = factory();
  EXPECT_TRUE(workload);
  if (!workload) return result;
  result.info = (*workload)->info();
  while (true) {
    auto interval = (*workload)->next();
    EXPECT_TRUE(interval) << (interval ? "" : interval.error().text());
    if (!interval || !*interval) return result;
    result.intervals.push_back(**std::move(interval));
  }
}

inline ReadWorkload read(const std::string& spec) {
  const auto factory = parse_workload(spec);
  EXPECT_TRUE(factory) << spec << ": " << (factory ? "" : factory.error().text());
  return factory ? read(*factory) : ReadWorkload{};
}

// Misses of each region in one stream, or in all of them.
inline std::vector<double> misses(const ReadWorkload& read, const Interval& interval, int stream = -1) {
  std::vector<double> result(read.info.regions);
  for (std::size_t s = 0; s < interval.demand->streams.size(); ++s) {
    if (stream >= 0 && s != static_cast<std::size_t>(stream)) continue;
    for (const RegionDemand& cell : interval.demand->streams[s])
      result.at(cell.region) += double{cell.loads} + double{cell.stores};
  }
  return result;
}

inline double sum(const std::vector<double>& values, std::size_t first = 0, std::size_t count = SIZE_MAX) {
  double total = 0;
  for (std::size_t i = first; i < values.size() && i - first < count; ++i) total += values[i];
  return total;
}

}  // namespace tier::sim
