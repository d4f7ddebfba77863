#include "tierd/daemon/heat_record.h"

#include <algorithm>
#include <map>
#include <utility>

namespace tier {

namespace {
// Ticks of a quarter second add up to a little more or less than four of them.
constexpr double kColumn = 0.95;
}  // namespace

// Both lists are sorted by key.
void HeatRecord::gather(const RegionSnapshot& snapshot, const NodeRanks& ranks) {
  std::vector<Entry> sum;
  sum.reserve(running_.size() + 64);
  auto known = running_.begin();
  for (const Region& region : snapshot.regions) {
    if (!(region.demand.value > 0)) continue;
    while (known != running_.end() && known->key < region.key) sum.push_back(*known++);
    Entry entry{region.key, {0, static_cast<std::int8_t>(ranks.of(region.node))}};
    if (known != running_.end() && known->key == region.key) entry.cell.demand = known++->cell.demand;
    entry.cell.demand += static_cast<float>(region.demand.value);
    sum.push_back(entry);
  }
  sum.insert(sum.end(), known, running_.end());
  running_ = std::move(sum);
  running_seconds_ += snapshot.seconds();
}

void HeatRecord::add(const RegionSnapshot& snapshot, const TierTopology& topology) {
  const NodeRanks ranks(topology);
  gather(snapshot, ranks);
  if (running_seconds_ < kColumn) return;
  Column column;
  column.tick = snapshot.tick.value;
  column.seconds = std::exchange(running_seconds_, 0);
  column.entries = std::exchange(running_, {});
  if (column.entries.size() > regions_) {
    column.unrecorded = column.entries.size() - regions_;
    const auto hotter = [](const Entry& a, const Entry& b) { return a.cell.demand > b.cell.demand; };
    std::nth_element(column.entries.begin(), column.entries.begin() + static_cast<std::ptrdiff_t>(regions_),
                     column.entries.end(), hotter);
    column.entries.resize(regions_);
  } else {
    add_silent(snapshot, ranks, column.entries);
  }
  columns_.push_back(std::move(column));
  if (columns_.size() > kept_) columns_.pop_front();
  std::erase_if(ended_, [&](const auto& entry) { return entry.second.tick < columns_.front().tick; });
}

// Where there is room left, others: a row's silent ticks still tell where it was.
void HeatRecord::add_silent(const RegionSnapshot& snapshot, const NodeRanks& ranks,
                            std::vector<Entry>& entries) const {
  const std::size_t demanded = entries.size();
  std::size_t next = 0;  // of the demanded, by key
  for (const Region& region : snapshot.regions) {
    if (entries.size() >= regions_) return;
    while (next < demanded && entries[next].key < region.key) ++next;
    const bool known = next < demanded && entries[next].key == region.key;
    if (const int rank = ranks.of(region.node); !known && rank >= 0)
      entries.push_back({region.key, {0, static_cast<std::int8_t>(rank)}});
  }
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
