#include "predictor/panel.h"

#include "core/forecast.h"

namespace tier {
namespace {

constexpr std::uint32_t kNoMember = ~0U, kNotAsked = ~0U - 1;

}  // namespace

// Halves and doubles with hysteresis, so that a population about a limit does not change its panel each tick.
void Panel::choose_share(std::size_t regions) {
  const std::size_t wanted = std::clamp(regions / 8, least_, most_);
  const auto members = [&] { return regions / (mask_ + 1); };
  bool changed = false;
  while (members() > 2 * wanted) mask_ = mask_ * 2 + 1, changed = true;
  while (mask_ > 0 && members() < wanted / 2) mask_ /= 2, changed = true;
  if (!changed) return;
  for (std::size_t row = 0; row < regions; ++row) {
    std::uint32_t& slot = slot_.data()[row];
    if (slot < kNotAsked) retire(slot);
    slot = kNotAsked;
  }
}

std::uint32_t Panel::new_slot() {
  const bool free = freed_from_ < freed_.size() &&
                    freed_[freed_from_].tick + static_cast<std::uint64_t>(kHorizons.back()) < tick_;
  if (free) return freed_[freed_from_++].slot;
  demand_.push_back(0);
  return static_cast<std::uint32_t>(demand_.size() - 1);
}

void Panel::update(const RegionStatistics& statistics) {
  ++tick_;
  const Roster& roster = statistics.roster();
  for (const std::uint32_t row : roster.left())
    if (slot_.data()[row] < kNotAsked) retire(slot_.data()[row]);
  slot_.align(roster, kNotAsked, spare_);
  choose_share(roster.size());
  std::fill(demand_.begin(), demand_.end(), 0.0F);
  rows_.clear(), slots_of_rows_.clear();
  for (std::uint32_t row = 0; row < roster.size(); ++row) {
    std::uint32_t& slot = slot_.data()[row];
    if (slot == kNotAsked) slot = (mixed(roster.key(row)) & mask_) == 0 ? new_slot() : kNoMember;
    if (slot == kNoMember) continue;
    rows_.push_back(row), slots_of_rows_.push_back(slot);
    demand_[slot] = statistics.demand()[row];
  }
  if (freed_from_ > freed_.size() / 2)
    freed_.erase(freed_.begin(), freed_.begin() + static_cast<std::ptrdiff_t>(freed_from_)), freed_from_ = 0;
}

std::size_t Panel::bytes_used() const {
  return slot_.bytes_used() + (spare_.capacity() + rows_.capacity() + slots_of_rows_.capacity()) * 4 +
         demand_.capacity() * sizeof(float) + freed_.capacity() * sizeof(Freed);
}

}  // namespace tier
