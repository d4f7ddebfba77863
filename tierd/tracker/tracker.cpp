#include "tierd/tracker/tracker.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <numeric>

#include "tierd/tracker/tracker_state.h"

namespace tier {
namespace {

// Latency at which a stall sample shows a node as well as a counted access does; only ratios matter.
constexpr double kPlainLatency = 100e-9;

// Ticks that a look at accessed bits is believed, should no other one follow.
constexpr std::uint32_t kLookHolds = 64;

// Whether the objects that a process maps must be described anew. Its size matters only roughly.
bool changes_objects(const Target& before, const Target& now) {
  return before.allowed_nodes != now.allowed_nodes || before.cgroup != now.cgroup ||
         before.name != now.name || before.uid != now.uid ||
         std::bit_width(before.resident.value) != std::bit_width(now.resident.value);
}

}  // namespace

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
  if (!shows_object(*mapping)) {
    count(regions, sample.address, {}, sample);
    return true;
  }
  const auto id = objects.find(*mapping->object);
  if (!id) return false;
  const TargetId process = regions.target().id;
  objects.find(*id)->note_sample(process, now);
  count(targets.at(*id), mapping->offset + (sample.address - mapping->range.start), process, sample);
  return true;
}

void Tracker::State::count(TargetRegions& regions, Address address, TargetId sampler,
                           const AccessSample& sample) {
  RegionRecord& record = regions.at_or_new(region_start(address), now);
  record.sampled = now;
  record.sampler = sampler;
  Active& counters = active_of(record);
  regions.list(record);
  ++counters.samples;
  if (sample.type == AccessType::kStore) ++counters.writes;
  (sample.meaning == WeightMeaning::kStall ? counters.stall : counters.accesses) += sample.weight;
  ++(sample.meaning == WeightMeaning::kStall ? kinds.stalls : kinds.counts);
}

// What is touched in part is touched; nobody's are the regions that were looked at as a whole. A span may be
// of terabytes that are reserved and of which little is known.
void Tracker::State::add_look(TargetRegions& regions, const BitsLook& look) const {
  const auto apply = [&](RegionRecord& record) {
    const AddressRange all = regions.shape(record.start).range;
    if (look.touched) {
      record.untouched = 0;
    } else if (look.range.start <= all.start && all.end <= look.range.end) {
      record.untouched = now;
    }
  };
  const Address first = region_start(look.range.start);
  if (look.range.size().value / settings.region_size.value > regions.records().size()) {
    for (RegionRecord& record : regions.records())
      if (record.start >= first && record.start < look.range.end) apply(record);
    return;
  }
  for (Address start = first; start < look.range.end; start += settings.region_size.value)
    if (RegionRecord* record = regions.find(start)) apply(*record);
}

TargetRegions& Tracker::State::put_target(const Target& target, std::span<const Mapping> mappings) {
  const auto [it, added] = targets.try_emplace(target.id, TargetRegions(target, settings.region_size));
  if (!added) it->second.set_target(target);
  for (const std::uint32_t slot : it->second.set_mappings(mappings, now)) release(slot);
  if (added) restart_walk();
  return it->second;
}

void Tracker::State::erase_target(TargetId target) {
  const auto it = targets.find(target);
  if (it == targets.end()) return;
  for (const RegionRecord& record : it->second.records()) {
    if (record.slot != kNoSlot) release(record.slot);
  }
  targets.erase(it);
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
  if (region.pinned == Pinned::kNo && hidden(region.key.target)) region.pinned = Pinned::kUnseen;
  region.age = now - record.first_seen;
  region.idle = record.sampled == 0 ? kNever : now - record.sampled;
  region.since_move = record.moved == 0 ? kNever : now - record.moved;
  region.stores = record.stores / 255.0;
  region.untouched = record.untouched > record.sampled && now - record.untouched <= kLookHolds;
}

void Tracker::State::measure(Region& region, Active& counters, const SystemState& system,
                             Nanoseconds slowest) const {
  if (counters.samples == 0) return;
  const NodeState* node = system.find(region.node);
  const Nanoseconds known = node != nullptr ? node->loaded_latency : Nanoseconds{0};
  const Nanoseconds latency = known.count() > 0 ? known : slowest;
  region.demand = {counters.accesses};
  if (latency.count() > 0) region.demand += Accesses{counters.stall / seconds(latency)};
  region.waited = StallSeconds{counters.stall} + stall(Accesses{counters.accesses}, latency);
  region.samples = counters.samples;
  region.write_share = static_cast<double>(counters.writes) / counters.samples;
  counters.stall = counters.accesses = 0;
  counters.samples = counters.writes = 0;
}

// As much as one sample more, what was known of it counts: what a program does with a region changes with its
// phases.
void Tracker::State::remember_stores(Region& region, RegionRecord& record) {
  constexpr double kSamples = 1;
  const double now_counts = region.samples / (region.samples + kSamples);
  region.stores += now_counts * (region.write_share - region.stores);
  record.stores = static_cast<std::uint8_t>(std::lround(255 * region.stores));
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
  // Copied: what compilers make of a value-initialised one is a string instruction that takes longer.
  static const Region blank;
  std::size_t mapping = 0;
  std::uint64_t resident = 0;
  regions.visit_listed([&](RegionRecord& record) {
    if (record.slot == kNoSlot && !upper(record)) return false;
    Region& region = out.regions.emplace_back(blank);
    region.key = {id, record.start};
    describe(region, regions.shape(record.start, mapping), record);
    resident += record.resident_kib > 0;
    if (record.slot == kNoSlot) return true;
    if (record.sampled == now) {
      measure(region, active[record.slot], system, slowest);
      remember_stores(region, record);
    }
    if (fresh(record)) out.fresh.demand += region.demand;
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
  const auto known = state_->targets.find(target.id);
  const bool changed = known != state_->targets.end() && changes_objects(known->second.target(), target);
  state_->put_target(target, mappings);
  state_->objects.set_mappings(target.id, mappings);
  if (changed) state_->objects.touch(target.id);
}

void Tracker::remove_target(TargetId target) {
  state_->objects.remove_process(target);
  state_->erase_target(target);
}

const Target* Tracker::target(TargetId id) const {
  state_->settle_objects();
  const auto it = state_->targets.find(id);
  return it == state_->targets.end() ? nullptr : &it->second.target();
}

std::vector<const Target*> Tracker::targets() const {
  state_->settle_objects();
  std::vector<const Target*> all;
  all.reserve(state_->targets.size());
  for (const auto& [id, regions] : state_->targets) all.push_back(&regions.target());
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
  state_->settle_objects();
  const auto it = state_->targets.find(key.target);
  const RegionRecord* record = it == state_->targets.end() ? nullptr : it->second.find(key.start);
  if (record == nullptr) return std::nullopt;
  Region region;
  region.key = key;
  state_->describe(region, it->second.shape(key.start), *record);
  return region;
}

FoldResult Tracker::fold(const SampleBatch& batch) {
  state_->settle_objects();
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
  for (const BitsLook& look : batch.looks)
    if (const auto it = state_->targets.find(look.target); it != state_->targets.end())
      state_->add_look(it->second, look);
  return result;
}

void Tracker::set_unseen(std::set<TargetId> targets) { state_->unseen = std::move(targets); }

void Tracker::forget_samples() {
  for (Active& counters : state_->active) {
    counters.stall = counters.accesses = 0;
    counters.samples = counters.writes = 0;
  }
  state_->kinds = {};
}

RegionSnapshot Tracker::close_tick(Tick tick, Nanoseconds now, Nanoseconds interval,
                                   const SystemState& system, std::vector<Region> room) {
  state_->settle_objects();
  RegionSnapshot snapshot;
  snapshot.regions = std::move(room);
  snapshot.regions.clear();
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
  auto& filled = state_->filled_kib;
  const std::uint64_t running = filled[state_->now % filled.size()];
  snapshot.fresh.bytes = {(std::accumulate(filled.begin(), filled.end(), std::uint64_t{0}) - running) << 10};
  state_->asked.clear();
  ++state_->now;
  filled[state_->now % filled.size()] = 0;
  return snapshot;
}

const Mapping* Tracker::mapping_of(TargetId target, Address address) const {
  const auto it = state_->targets.find(target);
  if (it == state_->targets.end()) return nullptr;
  if (const Mapping* here = it->second.find_mapping(address)) return here;
  const AddressRange mapped = it->second.shape(state_->region_start(address)).range;
  return mapped.empty() ? nullptr : it->second.find_mapping(mapped.start);
}

std::optional<RegionKey> Tracker::key_of(TargetId target, Address address) const {
  const Mapping* mapping = mapping_of(target, address);
  if (mapping == nullptr) return std::nullopt;
  if (!shows_object(*mapping) || !mapping->range.contains(address))
    return RegionKey{target, state_->region_start(address)};
  const auto object = state_->objects.find(*mapping->object);
  if (!object) return std::nullopt;
  return RegionKey{*object, state_->region_start(mapping->offset + (address - mapping->range.start))};
}

std::vector<RegionRun> Tracker::held(TargetId target) const {
  state_->settle_objects();
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
                      state_->reported.size() * sizeof(RegionKey) + state_->asked.size() * 48;
  for (const auto& [id, regions] : state_->targets) bytes += regions.bytes_used();
  return bytes + state_->objects.bytes_used();
}

Bytes Tracker::mapped() const {
  state_->settle_objects();
  Bytes sum;
  for (const auto& [id, regions] : state_->targets) sum += regions.mapped();
  return sum;
}

Bytes Tracker::mapped(TargetId target) const {
  state_->settle_objects();
  const auto it = state_->targets.find(target);
  return it == state_->targets.end() ? Bytes{} : it->second.mapped();
}

Bytes Tracker::resident(TargetId target) const {
  const auto it = state_->targets.find(target);
  std::uint64_t kib = 0;
  if (it != state_->targets.end())
    for (const RegionRecord& record : it->second.records()) kib += record.resident_kib;
  return {kib << 10};
}

std::uint64_t Tracker::regions_known() const {
  std::uint64_t count = 0;
  for (const auto& [id, regions] : state_->targets) count += regions.records().size();
  return count;
}

}  // namespace tier
