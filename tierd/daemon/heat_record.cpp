#include "tierd/daemon/heat_record.h"

#include <algorithm>
#include <map>

namespace tier {

void HeatRecord::add(const RegionSnapshot& snapshot, const TierTopology& topology) {
  const NodeRanks ranks(topology);
  Column column;
  column.tick = snapshot.tick.value;
  column.seconds = seconds(snapshot.interval);
  column.entries.reserve(std::min(regions_, snapshot.regions.size()));  // as many as there will be
  const auto enter = [&](const Region& region, int rank) {
    column.entries.push_back(
        {region.key, {static_cast<float>(region.demand.value), static_cast<std::int8_t>(rank)}});
  };
  for (const auto& region : snapshot.regions) {
    if (region.demand.value > 0) enter(region, ranks.of(region.node));
  }
  if (column.entries.size() > regions_) {
    column.unrecorded = column.entries.size() - regions_;
    const auto hotter = [](const Entry& a, const Entry& b) { return a.cell.demand > b.cell.demand; };
    std::nth_element(column.entries.begin(), column.entries.begin() + static_cast<std::ptrdiff_t>(regions_),
                     column.entries.end(), hotter);
    column.entries.resize(regions_);
  }
  // Where there is room left, others: a row's silent ticks still tell where it was.
  for (const auto& region : snapshot.regions) {
    if (column.entries.size() >= regions_) break;
    const int rank = region.demand.value > 0 ? -1 : ranks.of(region.node);
    if (rank >= 0) enter(region, rank);
  }
  columns_.push_back(std::move(column));
  if (columns_.size() > ticks_) columns_.pop_front();
  std::erase_if(ended_, [&](const auto& entry) { return entry.second.tick < columns_.front().tick; });
}

void HeatRecord::ended(TargetId target, Owner owner) {
  if (!columns_.empty()) ended_[target] = {std::move(owner), columns_.back().tick};
}

const HeatRecord::Owner* HeatRecord::ended_owner(TargetId target) const {
  const auto found = ended_.find(target);
  return found == ended_.end() ? nullptr : &found->second.owner;
}

HeatRecord::Map HeatRecord::map(const std::set<TargetId>& targets, std::size_t max_rows,
                                std::size_t max_ticks) const {
  const std::size_t count = std::min(columns_.size(), max_ticks);
  const std::size_t first = columns_.size() - count;
  Map map;
  std::map<RegionKey, Row> rows;
  for (std::size_t i = 0; i < count; ++i) {
    const auto& column = columns_[first + i];
    map.ticks.push_back(column.tick);
    map.seconds.push_back(column.seconds);
    map.unrecorded = std::max(map.unrecorded, column.unrecorded);
    for (const auto& entry : column.entries) {
      if (!targets.empty() && !targets.contains(entry.key.target)) continue;
      auto& row = rows[entry.key];
      row.key = entry.key;
      row.cells.resize(count);
      row.cells[i] = entry.cell;
      row.total += entry.cell.demand;
    }
  }
  for (auto& [key, row] : rows) {
    if (row.total > 0) map.rows.push_back(std::move(row));
  }
  std::stable_sort(map.rows.begin(), map.rows.end(),
                   [](const Row& a, const Row& b) { return a.total > b.total; });
  if (map.rows.size() > max_rows) {
    map.omitted = map.rows.size() - max_rows;
    map.rows.resize(max_rows);
  }
  return map;
}

}  // namespace tier
