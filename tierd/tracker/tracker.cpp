#include "tierd/tracker/tracker.h"

#include <algorithm>
#include <unordered_set>

#include "tierd/tracker/quantizer.h"
#include "tierd/tracker/target_regions.h"

namespace tier {
namespace {

// Samples by what their weight means, discounted per tick.
struct SampleKinds {
  static constexpr double kKept = 0.8;
  double stalls = 0, counts = 0;
};
// Latency at which a stall sample shows a node as well as a counted access does; only ratios matter.
constexpr double kPlainLatency = 100e-9;

// Counters of the running tick and the history, for regions sampled lately only.
struct Active {
  double stall = 0;     // seconds, this tick
  double accesses = 0;  // of samples that count accesses, this tick
  std::uint32_t samples = 0, writes = 0;
  std::array<std::uint8_t, kHistoryTicks> ring{};
};

}  // namespace

struct Tracker::State {
  explicit State(TrackerSettings s) : settings(s) {}

  TrackerSettings settings;
  std::map<TargetId, TargetRegions> targets;
  std::vector<NodeId> upper_nodes;  // of all tiers but the slowest
  std::vector<NodeId> nodes;        // of all tiers, fastest first
  std::set<TargetId> unseen;        // whose regions are pinned
  SampleKinds kinds;
  std::vector<Active> active;
  std::vector<std::uint32_t> free_slots;
  std::uint32_t now = 1;  // the running tick
  std::uint64_t sequence = 0;
  std::size_t last_size = 0;  // regions of the last snapshot: the next has about as many

  std::deque<RegionKey> moved_queue;
  std::unordered_set<RegionKey> asked;  // in the running tick
  RegionKey next_unknown, next_old;     // of the sampled ones: where the next tick goes on
  TargetId walk_target;
  Address walk_address = 0;
  bool walking = true;
  std::uint32_t walk_started = 1;

  Address region_start(Address a) const { return a & ~(settings.region_size.value - 1); }
  Active& active_of(RegionRecord& record);
  void release(std::uint32_t slot);
  bool add_sample(TargetRegions& regions, const AccessSample& sample);
  bool ask(TargetRegions& regions, Address start, std::vector<LocateRequest>& out);
  void ask_moved(std::size_t max, std::vector<LocateRequest>& out);
  void ask_round(const std::vector<RegionKey>& keys, RegionKey& next, std::size_t max,
                 std::vector<LocateRequest>& out);
  void ask_sampled(std::size_t max, std::vector<LocateRequest>& out);
  void ask_in_turn(std::size_t max, std::vector<LocateRequest>& out);
  void restart_walk();
  void describe(Region& region, const RegionShape& shape, const RegionRecord& record) const;
  void measure(Region& region, Active& counters, const SystemState& system, Nanoseconds slowest) const;
  bool upper(const RegionRecord& record) const;
  std::vector<NodeVisibility> visibility(const SystemState& system, Nanoseconds slowest);
  void close_target(TargetRegions& regions, const SystemState& system, Nanoseconds slowest,
                    RegionSnapshot& out);
};

Active& Tracker::State::active_of(RegionRecord& record) {
  if (record.slot == kNoSlot) {
    if (free_slots.empty()) {
      record.slot = static_cast<std::uint32_t>(active.size());
      active.emplace_back();
    } else {
      record.slot = free_slots.back();
      free_slots.pop_back();
      active[record.slot] = Active{};
    }
  }
  return active[record.slot];
}

void Tracker::State::release(std::uint32_t slot) { free_slots.push_back(slot); }

bool Tracker::State::add_sample(TargetRegions& regions, const AccessSample& sample) {
  const Mapping* mapping = regions.find_mapping(sample.address);
  if (mapping == nullptr || !(mapping->readable || mapping->writable)) return false;
  RegionRecord& record = regions.at_or_new(region_start(sample.address), now);
  record.sampled = now;
  Active& counters = active_of(record);
  regions.list(record);
  ++counters.samples;
  if (sample.type == AccessType::kStore) ++counters.writes;
  (sample.meaning == WeightMeaning::kStall ? counters.stall : counters.accesses) += sample.weight;
  ++(sample.meaning == WeightMeaning::kStall ? kinds.stalls : kinds.counts);
  return true;
}

bool Tracker::State::ask(TargetRegions& regions, Address start, std::vector<LocateRequest>& out) {
  const RegionKey key{regions.target().id, start};
  const AddressRange range = regions.shape(start).range;
  if (range.empty() || !asked.insert(key).second) return false;
  out.push_back({key, regions.target().pid, range});
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
    Address start = 0;
    if (!it->second.next_region(walk_address, start)) {
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

bool Tracker::State::upper(const RegionRecord& record) const {
  return record.resident_kib > 0 &&
         std::find(upper_nodes.begin(), upper_nodes.end(), NodeId{record.node}) != upper_nodes.end();
}

void Tracker::State::describe(Region& region, const RegionShape& shape, const RegionRecord& record) const {
  region.range = shape.range;
  region.node = NodeId{record.node};
  region.resident = {static_cast<std::uint64_t>(record.resident_kib) << 10};
  region.pages = record.pages;
  region.backing = shape.backing;
  region.pinned = shape.pinned;
  if (region.pinned == Pinned::kNo && record.unmovable_until > now) region.pinned = Pinned::kUnmovable;
  if (region.pinned == Pinned::kNo && unseen.contains(region.key.target)) region.pinned = Pinned::kUnseen;
  region.age = now - record.first_seen;
  region.idle = record.sampled == 0 ? kNever : now - record.sampled;
  region.since_move = record.moved == 0 ? kNever : now - record.moved;
}

void Tracker::State::measure(Region& region, Active& counters, const SystemState& system,
                             Nanoseconds slowest) const {
  std::uint8_t& history = counters.ring[now % kHistoryTicks];
  history = 0;
  if (counters.samples == 0) return;
  const NodeState* node = system.find(region.node);
  const Nanoseconds known = node != nullptr ? node->loaded_latency : Nanoseconds{0};
  const Nanoseconds latency = known.count() > 0 ? known : slowest;
  region.demand = {counters.accesses};
  if (latency.count() > 0) region.demand += Accesses{counters.stall / seconds(latency)};
  region.waited = StallSeconds{counters.stall} + stall(Accesses{counters.accesses}, latency);
  region.samples = counters.samples;
  region.write_share = static_cast<double>(counters.writes) / counters.samples;
  history = quantize_demand(region.demand);
  counters.stall = counters.accesses = 0;
  counters.samples = counters.writes = 0;
}

// Not from the samples' weights: these change with the sampling rate and its estimate, on all nodes alike.
std::vector<NodeVisibility> Tracker::State::visibility(const SystemState& system, Nanoseconds slowest) {
  std::vector<NodeVisibility> out;
  const double samples = kinds.stalls + kinds.counts;
  for (const NodeId id : nodes) {
    const NodeState* node = system.find(id);
    const bool known = node != nullptr && node->loaded_latency.count() > 0;
    const double latency = seconds(known ? node->loaded_latency : slowest);
    const double visible = kinds.stalls * latency / kPlainLatency + kinds.counts;
    out.push_back({id, samples > 0 ? visible / samples : 0});
  }
  kinds.stalls *= SampleKinds::kKept, kinds.counts *= SampleKinds::kKept;
  return out;
}

void Tracker::State::close_target(TargetRegions& regions, const SystemState& system, Nanoseconds slowest,
                                  RegionSnapshot& out) {
  const TargetId id = regions.target().id;
  std::size_t mapping = 0;
  std::uint64_t resident = 0;
  regions.visit_listed([&](RegionRecord& record) {
    if (record.slot == kNoSlot && !upper(record)) return false;
    Region& region = out.regions.emplace_back();
    region.key = {id, record.start};
    describe(region, regions.shape(record.start, mapping), record);
    resident += record.resident_kib > 0;
    if (record.slot == kNoSlot) return true;
    measure(region, active[record.slot], system, slowest);
    if (now - record.sampled + 1 >= kHistoryTicks) {
      release(record.slot);
      record.slot = kNoSlot;
    }
    return true;
  });
  out.quiet += regions.resident() - resident;
}

Tracker::Tracker(TrackerSettings settings) : state_(std::make_unique<State>(settings)) {}
Tracker::~Tracker() = default;
Tracker::Tracker(Tracker&&) noexcept = default;
Tracker& Tracker::operator=(Tracker&&) noexcept = default;

void Tracker::set_target(const Target& target, std::span<const Mapping> mappings) {
  const auto [it, added] =
      state_->targets.try_emplace(target.id, TargetRegions(target, state_->settings.region_size));
  if (!added) it->second.set_target(target);
  for (const std::uint32_t slot : it->second.set_mappings(mappings, state_->now)) state_->release(slot);
  if (added) state_->restart_walk();
}

void Tracker::remove_target(TargetId target) {
  const auto it = state_->targets.find(target);
  if (it == state_->targets.end()) return;
  for (const RegionRecord& record : it->second.records()) {
    if (record.slot != kNoSlot) state_->release(record.slot);
  }
  state_->targets.erase(it);
}

const Target* Tracker::target(TargetId id) const {
  const auto it = state_->targets.find(id);
  return it == state_->targets.end() ? nullptr : &it->second.target();
}

std::vector<Target> Tracker::targets() const {
  std::vector<Target> all;
  for (const auto& [id, regions] : state_->targets) all.push_back(regions.target());
  return all;
}

void Tracker::set_topology(const TierTopology& topology) {
  state_->upper_nodes.clear();
  state_->nodes.clear();
  for (const Tier& tier : topology.tiers)
    state_->nodes.insert(state_->nodes.end(), tier.nodes.begin(), tier.nodes.end());
  for (std::size_t i = 0; i + 1 < topology.tiers.size(); ++i) {
    const auto& nodes = topology.tiers[i].nodes;
    state_->upper_nodes.insert(state_->upper_nodes.end(), nodes.begin(), nodes.end());
  }
  for (auto& [id, regions] : state_->targets) {
    for (RegionRecord& record : regions.records()) {
      if (state_->upper(record)) regions.list(record);
    }
  }
}

std::optional<Region> Tracker::region(const RegionKey& key) const {
  const auto it = state_->targets.find(key.target);
  const RegionRecord* record = it == state_->targets.end() ? nullptr : it->second.find(key.start);
  if (record == nullptr) return std::nullopt;
  Region region;
  region.key = key;
  state_->describe(region, it->second.shape(key.start), *record);
  return region;
}

FoldResult Tracker::fold(const SampleBatch& batch) {
  FoldResult result;
  for (const AccessSample& sample : batch.samples) {
    const auto it = state_->targets.find(sample.target);
    if (it == state_->targets.end()) {
      ++result.foreign;
    } else if (state_->add_sample(it->second, sample)) {
      ++result.folded;
    } else {
      ++result.outside;
      auto& stale = result.stale_mappings;
      if (std::find(stale.begin(), stale.end(), sample.target) == stale.end()) stale.push_back(sample.target);
    }
  }
  return result;
}

std::vector<LocateRequest> Tracker::regions_to_locate(std::size_t max) {
  std::vector<LocateRequest> out;
  state_->ask_moved(max, out);
  state_->ask_sampled(max - max / 4, out);
  state_->ask_in_turn(max, out);
  return out;
}

void Tracker::set_residency(const RegionKey& key, const Residency& residency) {
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
  if (absent || residency.node.value >= 0) record.node = static_cast<std::int16_t>(residency.node.value);
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

void Tracker::set_unseen(std::set<TargetId> targets) { state_->unseen = std::move(targets); }

RegionSnapshot Tracker::close_tick(Tick tick, Nanoseconds now, Nanoseconds interval,
                                   const SystemState& system) {
  RegionSnapshot snapshot;
  snapshot.sequence = ++state_->sequence;
  snapshot.tick = tick;
  snapshot.time = now;
  snapshot.interval = interval;
  Nanoseconds slowest{0};
  for (const NodeState& node : system.nodes) slowest = std::max(slowest, node.loaded_latency);
  snapshot.regions.reserve(state_->last_size + state_->last_size / 16);
  for (auto& [id, regions] : state_->targets) state_->close_target(regions, system, slowest, snapshot);
  state_->last_size = snapshot.regions.size();
  snapshot.visibility = state_->visibility(system, slowest);
  state_->asked.clear();
  ++state_->now;
  return snapshot;
}

std::optional<RegionHistory> Tracker::history(const RegionKey& key) const {
  const auto it = state_->targets.find(key.target);
  const RegionRecord* record = it == state_->targets.end() ? nullptr : it->second.find(key.start);
  if (record == nullptr || record->slot == kNoSlot) return std::nullopt;
  const Active& counters = state_->active[record->slot];
  RegionHistory history;
  // The running tick's place in the ring holds the oldest entry.
  for (std::size_t i = 0; i < kHistoryTicks; ++i) {
    const std::uint8_t code = counters.ring[(state_->now + i) % kHistoryTicks];
    history.demand[i] = static_cast<float>(dequantize_demand(code).value);
  }
  return history;
}

const Mapping* Tracker::mapping_of(TargetId target, Address address) const {
  const auto it = state_->targets.find(target);
  if (it == state_->targets.end()) return nullptr;
  if (const Mapping* here = it->second.find_mapping(address)) return here;
  const AddressRange mapped = it->second.shape(state_->region_start(address)).range;
  return mapped.empty() ? nullptr : it->second.find_mapping(mapped.start);
}

std::optional<RegionKey> Tracker::key_of(TargetId target, Address address) const {
  if (mapping_of(target, address) == nullptr) return std::nullopt;
  return RegionKey{target, state_->region_start(address)};
}

std::vector<RegionRun> Tracker::held(TargetId target) const {
  const auto it = state_->targets.find(target);
  if (it == state_->targets.end()) return {};
  std::vector<RegionRun> regions;
  for (const RegionRecord& record : it->second.records()) regions.push_back({record.start, 1, record.pages});
  std::sort(regions.begin(), regions.end(),
            [](const RegionRun& a, const RegionRun& b) { return a.start < b.start; });
  std::vector<RegionRun> runs;
  const std::uint64_t size = state_->settings.region_size.value;
  for (const RegionRun& region : regions) {
    const bool continues = !runs.empty() && runs.back().pages == region.pages &&
                           runs.back().start + runs.back().count * size == region.start;
    if (continues)
      ++runs.back().count;
    else
      runs.push_back(region);
  }
  return runs;
}

std::size_t Tracker::bytes_used() const {
  std::size_t bytes = sizeof(State) + state_->active.capacity() * sizeof(Active) +
                      state_->free_slots.capacity() * sizeof(std::uint32_t) +
                      state_->moved_queue.size() * sizeof(RegionKey) + state_->asked.size() * 48;
  for (const auto& [id, regions] : state_->targets) bytes += regions.bytes_used();
  return bytes;
}

Bytes Tracker::mapped() const {
  Bytes sum;
  for (const auto& [id, regions] : state_->targets) sum += regions.mapped();
  return sum;
}

std::uint64_t Tracker::regions_known() const {
  std::uint64_t count = 0;
  for (const auto& [id, regions] : state_->targets) count += regions.records().size();
  return count;
}

}  // namespace tier
