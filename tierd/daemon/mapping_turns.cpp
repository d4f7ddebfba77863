#include "tierd/daemon/mapping_turns.h"

#include <algorithm>

namespace tier {
namespace {

constexpr Nanoseconds kFirstPause = std::chrono::seconds(1);

}  // namespace

void MappingTurns::begin(std::span<const Target> targets, const std::vector<bool>& ran, Nanoseconds now) {
  postponed_ += waiting();
  now_ = std::max(now, now_);
  ++tick_;
  ordered_ = false;
  budget_.advance(now_);
  for (std::size_t i = 0; i < targets.size(); ++i) {
    Entry& entry = entries_[targets[i].id];
    entry.watched = tick_;
    if (!entry.read_at && !entry.due) make_due(entry, now_);
    entry.ran |= ran[i];
    if (entry.read_at && now_ - *entry.read_at >= settings_.again && entry.ran) make_due(entry, now_);
  }
  if (entries_.size() != targets.size())
    std::erase_if(entries_, [&](const auto& each) { return each.second.watched != tick_; });
}

std::vector<TargetId> MappingTurns::checks() {
  std::vector<TargetId> out;
  auto it = entries_.lower_bound(next_check_);
  for (std::size_t i = 0; i < entries_.size() && out.size() < settings_.checks; ++i, ++it) {
    if (it == entries_.end()) it = entries_.begin();
    auto& [id, entry] = *it;
    if (entry.due && *entry.due <= now_) continue;  // read anyway
    if (!entry.ran && tick_ - entry.checked < settings_.idle_ticks) continue;
    entry.ran = false;
    entry.checked = tick_;
    out.push_back(id);
    next_check_ = TargetId{id.value + 1};
  }
  return out;
}

void MappingTurns::make_due(Entry& entry, Nanoseconds from) const {
  if (entry.failing && entry.due) return;  // when it is tried again is settled
  entry.due = entry.due ? std::min(*entry.due, from) : from;
}

void MappingTurns::version(TargetId id, std::uint64_t version, Nanoseconds cost) {
  budget_.spend(cost);
  const auto it = entries_.find(id);
  if (it != entries_.end() && (version == 0 || it->second.version != version)) make_due(it->second, now_);
}

void MappingTurns::outside(TargetId id) {
  const auto it = entries_.find(id);
  if (it != entries_.end()) make_due(it->second, now_ + it->second.pause);
}

std::optional<TargetId> MappingTurns::next() {
  if (!ordered_) {
    ordered_ = true;
    std::vector<std::pair<double, TargetId>> due;
    for (const auto& [id, entry] : entries_) {
      if (!entry.due || *entry.due > now_) continue;
      const double price = seconds(entry.cost) / settings_.share;
      due.emplace_back(seconds(*entry.due) + price, id);
    }
    std::sort(due.begin(), due.end(), std::greater<>());
    order_.clear();
    for (const auto& [key, id] : due) order_.push_back(id);
  }
  if (order_.empty() || !budget_.open()) return std::nullopt;
  const TargetId id = order_.back();
  order_.pop_back();
  return id;
}

void MappingTurns::finish(Entry& entry, Nanoseconds cost) {
  budget_.spend(cost);
  entry.cost = cost;
  entry.due.reset();
  entry.checked = tick_;
}

void MappingTurns::read(TargetId id, std::uint64_t version, Nanoseconds cost) {
  const auto it = entries_.find(id);
  if (it == entries_.end()) return budget_.spend(cost);
  Entry& entry = it->second;
  ++reads_;
  finish(entry, cost);
  // The same mappings as before: samples outside of them will not find one by reading again soon.
  const bool same = version != 0 && entry.version == version;
  entry.pause =
      !same ? Nanoseconds(0) : std::min(settings_.longest_pause, std::max(kFirstPause, 2 * entry.pause));
  entry.version = version;
  entry.read_at = now_;
  entry.failing = false;
}

void MappingTurns::failed(TargetId id, Nanoseconds cost) {
  const auto it = entries_.find(id);
  if (it == entries_.end()) return budget_.spend(cost);
  Entry& entry = it->second;
  finish(entry, cost);
  entry.pause = std::min(settings_.longest_pause, std::max(kFirstPause, 2 * entry.pause));
  entry.due = now_ + entry.pause;
  entry.failing = true;
}

void MappingTurns::read_all_again() {
  for (auto& [id, entry] : entries_) entry.due = std::min(entry.due.value_or(now_), now_);
  ordered_ = false;
}

std::size_t MappingTurns::waiting() const {
  return static_cast<std::size_t>(std::count_if(entries_.begin(), entries_.end(), [this](const auto& each) {
    return each.second.due && *each.second.due <= now_;
  }));
}

Nanoseconds MappingTurns::oldest() const {
  Nanoseconds oldest{};
  for (const auto& [id, entry] : entries_)
    if (entry.due && *entry.due <= now_ && entry.read_at) oldest = std::max(oldest, now_ - *entry.read_at);
  return oldest;
}

std::optional<Nanoseconds> MappingTurns::age(TargetId id) const {
  const auto it = entries_.find(id);
  if (it == entries_.end() || !it->second.read_at || !it->second.due || *it->second.due > now_)
    return std::nullopt;
  return now_ - *it->second.read_at;
}

}  // namespace tier
