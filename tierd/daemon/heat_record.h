// Demand and residency of the busiest regions over the last minute or two: what the heat map shows. A column
// covers a second at least, however short the ticks are, and is told by its last tick.
#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "core/region.h"
#include "core/topology.h"

namespace tier {

class HeatRecord {
 public:
  // Keeps `columns` columns of at most `regions` regions each: 16 bytes a cell, 1 MiB by default.
  explicit HeatRecord(std::size_t columns = 64, std::size_t regions = 1024)
      : kept_(columns), regions_(regions) {}

  void add(const RegionSnapshot& snapshot, const TierTopology& topology);

  // Whose rows they were, kept as long as the record shows any tick from before it ended.
  struct Owner {
    Pid pid;
    std::int64_t uid = -1;
    std::string name;
    std::uint64_t shared_by = 0;  // as HeatmapRow's
  };
  void ended(TargetId target, Owner owner);
  const Owner* ended_owner(TargetId target) const;  // null: it has not ended, or nothing of it is left

  struct Cell {
    float demand = 0;       // accesses in that column
    std::int8_t tier = -1;  // rank that held it; -1 not known
  };
  struct Row {
    RegionKey key;
    std::vector<Cell> cells;  // one per tick of `Map::ticks`
    double total = 0;
  };
  struct Map {
    std::vector<std::uint64_t> ticks;  // oldest first
    std::vector<double> seconds;       // that each of them really took
    std::vector<Row> rows;             // most demanded first
    std::uint64_t omitted = 0;         // regions with demand beyond max_rows
    std::uint64_t unrecorded = 0;      // most regions with demand that one of the ticks had and did not keep
  };
  // The last `max_ticks` ticks of the `max_rows` most demanded regions of these targets; of all where none is
  // named.
  Map map(const std::set<TargetId>& targets, std::size_t max_rows, std::size_t max_ticks) const;

 private:
  struct Entry {
    RegionKey key;
    Cell cell;
  };
  struct Column {
    std::uint64_t tick = 0, unrecorded = 0;
    double seconds = 0;
    std::vector<Entry> entries;
  };
  void gather(const RegionSnapshot& snapshot, const NodeRanks& ranks);
  void add_silent(const RegionSnapshot& snapshot, const NodeRanks& ranks, std::vector<Entry>& entries) const;

  std::size_t kept_, regions_;
  std::vector<Entry> running_;  // of the column that is not full yet, by key
  double running_seconds_ = 0;
  std::deque<Column> columns_;
  struct Ended {
    Owner owner;
    std::uint64_t tick = 0;  // of the last column before it ended
  };
  std::map<TargetId, Ended> ended_;
};

}  // namespace tier
