// Candidates by merit, sorted only as far as anyone asks: a plan looks at some dozens of a hundred thousand.
// Private to the policy.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <vector>

namespace tier {

class Ranking {
 public:
  struct Entry {
    Entry() = default;
    Entry(double m, std::uint32_t c) : merit(m), candidate(c) {}
    double merit = 0;
    std::uint32_t candidate = 0;
  };

  Ranking() = default;
  explicit Ranking(std::vector<Entry> entries) : entries_(std::move(entries)), unsorted_(entries_.size()) {
    std::make_heap(entries_.begin(), entries_.end(), worse);
  }

  std::size_t size() const { return entries_.size(); }
  // The candidate with the i-th greatest merit; of equals the one with the lower number comes first.
  std::size_t at(std::size_t i) {
    // A heap leaves its best at the end of what it gives up.
    const std::size_t place = entries_.size() - 1 - i;
    for (; unsorted_ > place; --unsorted_) {
      std::pop_heap(entries_.begin(), entries_.begin() + static_cast<std::ptrdiff_t>(unsorted_), worse);
    }
    return entries_[place].candidate;
  }

 private:
  // Not a function, which would be called by its address.
  static constexpr auto worse = [](const Entry& a, const Entry& b) {
    return a.merit < b.merit || (a.merit == b.merit && a.candidate > b.candidate);
  };

  std::vector<Entry> entries_;  // a heap of the first unsorted_, then the sorted, best last
  std::size_t unsorted_ = 0;
};

}  // namespace tier
