// Where regions lie: which to ask for, and what came of it.
#include <algorithm>

#include "tierd/tracker/tracker_state.h"

namespace tier {

bool Tracker::State::ask(TargetRegions& regions, Address start, RegionRecord* record,
                         std::vector<LocateRequest>& out) {
  auto request = reach(regions, start);
  if (!request) return false;
  // It may have got a record since.
  if ((record != nullptr && record->asked == now) || asked.contains(request->key)) return false;
  if (record != nullptr)
    record->asked = now;
  else
    asked.insert(request->key);
  out.push_back(std::move(*request));
  return true;
}

void Tracker::State::ask_reported(std::size_t max, std::vector<LocateRequest>& out) {
  while (!reported.empty() && out.size() < max) {
    const RegionKey key = reported.front();
    reported.pop_front();
    const auto it = targets.find(key.target);
    if (it != targets.end()) ask(it->second, key.start, it->second.find(key.start), out);
  }
}

// Where there are more than one tick can ask, each goes on where the last one stopped: from the front, the
// same few would be asked again for ever.
void Tracker::State::ask_round(const std::vector<RegionKey>& keys, RegionKey& next, std::size_t max,
                               std::vector<LocateRequest>& out) {
  const auto first =
      static_cast<std::size_t>(std::lower_bound(keys.begin(), keys.end(), next) - keys.begin());
  for (std::size_t i = 0; i < keys.size() && out.size() < max; ++i) {
    const RegionKey& key = keys[(first + i) % keys.size()];
    TargetRegions& regions = targets.at(key.target);
    ask(regions, key.start, regions.find(key.start), out);
    next = {key.target, key.start + 1};
  }
}

bool Tracker::State::due(const RegionRecord& record) const {
  return record.located == 0 || now - record.located >= record.ask_after;
}

// Call it before the answer is stored. A program that fills a region spreads it over nodes as they fill up,
// so an incomplete place is likely to be wrong a moment later; so is one that somebody else is changing.
std::uint16_t Tracker::State::next_ask(const RegionRecord& record, NodeId node, std::uint32_t resident_kib,
                                       std::uint32_t mapped_kib) const {
  const bool first = record.located == 0;
  const bool same_node = record.node == node.value;
  const bool complete = node.value >= 0 && resident_kib >= mapped_kib;
  if (complete && (first || same_node)) return settings.locate_again;
  if (first || !same_node || resident_kib != record.resident_kib) return 1;
  return static_cast<std::uint16_t>(std::min<int>(2 * record.ask_after, settings.locate_again));
}

void Tracker::State::ask_sampled(std::size_t max, std::vector<LocateRequest>& out) {
  std::vector<RegionKey> uncertain, old;  // by key
  for (auto& [id, regions] : targets) {
    regions.visit_listed([&, target = id](const RegionRecord& record) {
      const bool certain = record.located != 0 && record.ask_after >= settings.locate_again;
      if ((record.slot != kNoSlot || !certain) && due(record))
        (certain ? old : uncertain).push_back({target, record.start});
      return true;
    });
  }
  ask_round(uncertain, next_uncertain, max, out);
  ask_round(old, next_old, max, out);
}

void Tracker::State::restart_walk() {
  walking = true;
  walk_started = now;
  ++walks;
  walk_target = TargetId{0};
  walk_address = 0;
}

void Tracker::State::ask_in_turn(std::size_t max, std::vector<LocateRequest>& out) {
  if (!walking && now - walk_started >= settings.locate_again) restart_walk();
  std::size_t steps = 4 * max;  // regions known well enough are passed over, but not without end
  while (walking && out.size() < max && steps-- > 0) {
    const auto it = targets.lower_bound(walk_target);
    if (it == targets.end()) {
      walking = false;
      return;
    }
    if (it->first != walk_target) walk_target = it->first, walk_address = 0;
    const bool rests =
        walk_address == 0 && it->second.idle_since_turn() && walks % std::max(settings.idle_turns, 1U) != 0;
    if (walk_address == 0 && !rests) it->second.begin_turn(now);
    Address start = 0;
    if (rests || !it->second.next_region(walk_address, start)) {
      walk_target = TargetId{walk_target.value + 1};
      walk_address = 0;
      continue;
    }
    walk_address = start + settings.region_size.value;
    RegionRecord* record = it->second.find(start);
    if (record == nullptr || due(*record)) ask(it->second, start, record, out);
  }
}

std::vector<LocateRequest> Tracker::regions_to_locate(std::size_t max) {
  state_->settle_objects();
  std::vector<LocateRequest> out;
  out.reserve(max);
  state_->ask_reported(max, out);
  state_->ask_sampled(max - max / 4, out);
  state_->ask_in_turn(max, out);
  return out;
}

void Tracker::note_ran(TargetId target, Bytes resident) {
  const auto it = state_->targets.find(target);
  if (it == state_->targets.end()) return;
  it->second.note_ran(state_->now, resident);
  if (it->second.grown() && !state_->walking) state_->restart_walk();
}

void Tracker::set_residency(const RegionKey& key, const Residency& residency) {
  state_->settle_objects();
  const auto it = state_->targets.find(key.target);
  if (it == state_->targets.end()) return;
  TargetRegions& regions = it->second;
  const AddressRange range = regions.shape(key.start).range;
  if (range.empty()) return;
  const bool absent = residency.answered && residency.resident.value == 0;
  RegionRecord* known = regions.find(key.start);
  if (absent || !residency.answered) {
    if (known == nullptr) return;
    if (absent && known->slot == kNoSlot) return regions.erase(key.start);
  }
  RegionRecord& record = known != nullptr ? *known : regions.at_or_new(key.start, state_->now);
  const auto mapped_kib = static_cast<std::uint32_t>(range.size().value >> 10);
  NodeId node{record.node};
  std::uint32_t resident_kib = record.resident_kib;
  if (residency.answered) {
    if (absent || residency.node.value >= 0) node = absent ? NodeId{-1} : residency.node;
    resident_kib = static_cast<std::uint32_t>((residency.resident.value + 1023) >> 10);
    record.pages = residency.pages;
    state_->note_filled(regions, record, resident_kib);
    record.mapped_kib = mapped_kib;
  }
  record.ask_after = state_->next_ask(record, node, resident_kib, mapped_kib);
  record.located = state_->now;
  state_->put_place(regions, record, node, resident_kib);
}

// What was there before anybody looked says nothing of new memory.
void Tracker::State::note_filled(const TargetRegions& regions, RegionRecord& record,
                                 std::uint32_t resident_kib) {
  const bool known = record.mapped_kib > 0 || regions.walked();  // an answer came before, or would have
  if (!known || resident_kib <= record.resident_kib) return;
  filled_kib[now % filled_kib.size()] += resident_kib - record.resident_kib;
  record.filled = now;
}

void Tracker::State::put_place(TargetRegions& regions, RegionRecord& record, NodeId node,
                               std::uint32_t resident_kib) const {
  record.node = static_cast<std::int16_t>(node.value);
  regions.set_resident(record, resident_kib);
  if (upper(record)) regions.list(record);
}

void Tracker::note_report(const MigrationReport& report, Bytes page_size) {
  const auto it = state_->targets.find(report.key.target);
  RegionRecord* record = it == state_->targets.end() ? nullptr : it->second.find(report.key.start);
  const PageCounts& pages = report.pages;
  const std::uint64_t seen = pages.requested - pages.dropped;
  if (record == nullptr || seen == 0) return;
  const std::uint64_t resident = seen - pages.absent, there = pages.moved + pages.already_there;
  const bool whole = pages.dropped == 0;
  if (whole && resident == 0) return set_residency(report.key, {});
  const auto kib = [&](std::uint64_t n) { return static_cast<std::uint32_t>(n * page_size.value >> 10); };
  const std::uint32_t resident_kib = whole ? kib(resident) : std::max(kib(resident), record->resident_kib);
  const bool most = 2 * kib(there) >= resident_kib;
  if (pages.moved > 0) record->moved = state_->now;
  state_->put_place(it->second, *record, most ? report.to : NodeId{record->node}, resident_kib);
  state_->reported.push_back(report.key);
}

void Tracker::mark_unmovable(const RegionKey& key) {
  const auto it = state_->targets.find(key.target);
  RegionRecord* record = it == state_->targets.end() ? nullptr : it->second.find(key.start);
  if (record != nullptr) record->unmovable_until = state_->now + state_->settings.unmovable_for;
}

}  // namespace tier
