#include "predictor/experts/roster.h"

namespace tier {

void Roster::extend(std::uint32_t from, std::uint32_t to) {
  if (!runs_.empty() && runs_.back().from + runs_.back().count == from &&
      runs_.back().to + runs_.back().count == to) {
    ++runs_.back().count;
  } else {
    runs_.push_back({from, to, 1});
  }
}

void Roster::update(const RegionSnapshot& snapshot) {
  keys_.swap(last_);
  keys_.clear();
  keys_.reserve(snapshot.regions.size());
  runs_.clear(), arrived_.clear(), left_.clear();
  std::uint32_t known = 0;
  for (const Region& region : snapshot.regions) {
    const auto row = static_cast<std::uint32_t>(keys_.size());
    keys_.push_back(region.key);
    while (known < last_.size() && last_[known] < region.key) left_.push_back(known++);
    if (known < last_.size() && last_[known] == region.key) {
      extend(known++, row);
    } else {
      arrived_.push_back(row);
    }
  }
  while (known < last_.size()) left_.push_back(known++);
}

std::size_t Roster::bytes_used() const {
  return (keys_.capacity() + last_.capacity()) * sizeof(RegionKey) + runs_.capacity() * sizeof(Run) +
         (arrived_.capacity() + left_.capacity()) * sizeof(std::uint32_t);
}

}  // namespace tier
