// Where regions lie: which to ask for, and what came of it.
#include <algorithm>

#include "tierd/tracker/tracker_state.h"

namespace tier {

bool Tracker::State::ask(TargetRegions& regions, Address start, std::vector<LocateRequest>& out) {
  auto request = reach(regions, start);
  if (!request || !asked.insert(request->key).second) return false;
  out.push_back(std::move(*request));
  return true;
}

void Tracker::State::ask_moved(std::size_t max, std::vector<LocateRequest>& out) {
  while (!moved_queue.empty() && out.size() < max) {
    const RegionKey key = moved_queue.front();
    moved_queue.pop_front();
    const auto it = targets.find(key.target);
    if (it != targets.end()) ask(it->second, key.start, out);
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
    ask(targets.at(key.target), key.start, out);
    next = {key.target, key.start + 1};
  }
}

void Tracker::State::ask_sampled(std::size_t max, std::vector<LocateRequest>& out) {
  std::vector<RegionKey> unknown, old;  // by key
  for (auto& [id, regions] : targets) {
    regions.visit_listed([&, target = id](const RegionRecord& record) {
      if (record.slot == kNoSlot) return true;
      if (record.located == 0)
        unknown.push_back({target, record.start});
      else if (now - record.located >= settings.locate_again)
        old.push_back({target, record.start});
      return true;
    });
  }
  ask_round(unknown, next_unknown, max, out);
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
    const RegionRecord* record = it->second.find(start);
    if (record == nullptr || record->located == 0 || now - record->located >= settings.locate_again)
      ask(it->second, start, out);
  }
}

std::vector<LocateRequest> Tracker::regions_to_locate(std::size_t max) {
  state_->settle_objects();
  std::vector<LocateRequest> out;
  state_->ask_moved(max, out);
  state_->ask_sampled(max - max / 4, out);
  state_->ask_in_turn(max, out);
  return out;
}

void Tracker::note_ran(TargetId target) {
  const auto it = state_->targets.find(target);
  if (it != state_->targets.end()) it->second.note_ran(state_->now);
}

void Tracker::set_residency(const RegionKey& key, const Residency& residency) {
  state_->settle_objects();
  const auto it = state_->targets.find(key.target);
  if (it == state_->targets.end() || it->second.shape(key.start).range.empty()) return;
  TargetRegions& regions = it->second;
  const bool absent = residency.resident.value == 0;
  if (const RegionRecord* known = regions.find(key.start); absent) {
    if (known == nullptr) return;
    if (known->slot == kNoSlot) return regions.erase(key.start);
  }
  RegionRecord& record = regions.at_or_new(key.start, state_->now);
  record.located = state_->now;
  if (absent)
    record.node = -1;
  else if (residency.node.value >= 0)
    record.node = static_cast<std::int16_t>(residency.node.value);
  regions.set_resident(record, static_cast<std::uint32_t>((residency.resident.value + 1023) >> 10));
  record.pages = residency.pages;
  if (state_->upper(record)) regions.list(record);
}

void Tracker::note_moved(const RegionKey& key, NodeId to, Bytes bytes) {
  const auto it = state_->targets.find(key.target);
  RegionRecord* record = it == state_->targets.end() ? nullptr : it->second.find(key.start);
  if (record == nullptr || bytes.value == 0) return;
  record->moved = state_->now;
  if (2 * (bytes.value >> 10) >= record->resident_kib) record->node = static_cast<std::int16_t>(to.value);
  if (state_->upper(*record)) it->second.list(*record);
  state_->moved_queue.push_back(key);
}

void Tracker::mark_unmovable(const RegionKey& key) {
  const auto it = state_->targets.find(key.target);
  RegionRecord* record = it == state_->targets.end() ? nullptr : it->second.find(key.start);
  if (record != nullptr) record->unmovable_until = state_->now + state_->settings.unmovable_for;
}

}  // namespace tier
