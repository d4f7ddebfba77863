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
  explicit Ranking(std::vector<Entry> entries) : entries_(std::move(entries)) {}

  std::size_t size() const { return entries_.size(); }
  // The candidate with the i-th greatest merit; of equals the one with the lower number comes first.
  std::size_t at(std::size_t i) {
    while (sorted_ <= i) sort_more();
    return entries_[i].candidate;
  }

 private:
  // The first few are asked for nearly always, and found by one comparison with most others.
  static constexpr std::size_t kFew = 32;

  void sort_more() {
    const auto begin = entries_.begin() + static_cast<std::ptrdiff_t>(sorted_);
    sorted_ = std::min(std::max(2 * sorted_, kFew), entries_.size());
    // Not a function, which would be called by its address.
    const auto better = [](const Entry& a, const Entry& b) {
      return a.merit > b.merit || (a.merit == b.merit && a.candidate < b.candidate);
    };
    std::partial_sort(begin, entries_.begin() + static_cast<std::ptrdiff_t>(sorted_), entries_.end(), better);
  }

  std::vector<Entry> entries_;
  std::size_t sorted_ = 0;  // of the first entries_, which are the best
};

}  // namespace tier
