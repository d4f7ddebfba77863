#include "predictor/network/history.h"

namespace tier {

void HistoryPool::align(const Roster& roster) {
  std::size_t kept = 0;
  for (const Roster::Run& run : roster.runs()) kept += run.count;
  if (slots_.size() != kept + roster.left().size()) {
    end_all();
    slots_.assign(roster.size(), kNone);
    return;
  }
  if (roster.unchanged()) return;
  for (const std::uint32_t row : roster.left()) end(row);
  spare_.assign(roster.size(), kNone);
  for (const Roster::Run& run : roster.runs())
    std::copy_n(slots_.begin() + run.from, run.count, spare_.begin() + run.to);
  slots_.swap(spare_);
}

HistoryPool::Opened HistoryPool::open(std::size_t row) {
  std::uint32_t& slot = slots_[row];
  if (slot == kNone) {
    if (free_.empty()) add_page();
    slot = free_.back();
    free_.pop_back();
    first_tick_[slot] = tick_;
  }
  return {pages_[slot / kPage].data() + slot % kPage * floats_, tick_ - first_tick_[slot] + 1};
}

void HistoryPool::release(std::uint32_t& slot) {
  if (slot != kNone) free_.push_back(slot);
  slot = kNone;
}

void HistoryPool::end(std::size_t row) { release(slots_[row]); }

// Backwards, so that rows get neighbouring places again.
void HistoryPool::end_all() {
  for (std::size_t row = slots_.size(); row-- > 0;) end(row);
}

void HistoryPool::add_page() {
  const std::size_t first = pages_.size() * kPage;
  pages_.emplace_back(kPage * floats_);
  first_tick_.resize(first + kPage);
  for (std::size_t i = kPage; i-- > 0;) free_.push_back(static_cast<std::uint32_t>(first + i));
}

std::size_t HistoryPool::bytes_used() const {
  return pages_.size() * kPage * (floats_ * sizeof(float) + sizeof(std::uint64_t)) +
         (slots_.capacity() + spare_.capacity() + free_.capacity()) * sizeof(std::uint32_t);
}

}  // namespace tier
