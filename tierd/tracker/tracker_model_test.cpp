// The tracker against a plain model of what belongs into a snapshot, under everything that changes it.
#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <random>

#include "tierd/tracker/tracker.h"

namespace tier {
namespace {

constexpr std::uint64_t kRegion = kDefaultRegionSize.value;
constexpr std::uint32_t kTargets = 3;
constexpr std::uint64_t kRegions = 48;

class TrackerModel : public ::testing::Test {
 protected:
  struct Known {
    int node = -1;
    bool resident = false;
    std::uint64_t sampled = 0;  // tick; 0: never
  };

  static RegionKey key(std::uint32_t target, std::uint64_t region) { return {{target}, region * kRegion}; }
  RegionKey draw_key() { return key(1 + draw(kTargets), draw(kRegions)); }
  std::uint32_t draw(std::uint64_t below) { return static_cast<std::uint32_t>(random_() % below); }
  bool shown(const Known& known) const {
    return (known.sampled > 0 && tick_ < known.sampled + kHistoryTicks) ||
           (known.resident && known.node >= 0 && known.node < slowest_);
  }
  bool mapped(const RegionKey& key) const {
    const auto it = mapped_.find(key.target.value);
    return it != mapped_.end() && it->second[key.start / kRegion];
  }

  void set_tiers(int count) {
    slowest_ = count - 1;
    TierTopology topology;
    for (int i = 0; i < count; ++i) topology.tiers.push_back({i, {NodeId{i}}, Nanoseconds{100 * (i + 1)}});
    tracker_.set_topology(topology);
  }

  void remap(std::uint32_t id) {
    std::vector<bool>& here = mapped_[id];
    here.assign(kRegions, true);
    std::vector<Mapping> mappings;
    for (std::uint64_t i = 0; i < kRegions; ++i) {
      here[i] = draw(8) != 0;
      if (!here[i]) continue;
      Mapping mapping;
      mapping.range = {i * kRegion, (i + 1) * kRegion};
      mapping.readable = true;
      mappings.push_back(mapping);
    }
    Target target;
    target.id = {id};
    tracker_.set_target(target, mappings);
    std::erase_if(model_,
                  [&](const auto& entry) { return entry.first.target.value == id && !mapped(entry.first); });
  }

  void remove(std::uint32_t id) {
    tracker_.remove_target({id});
    mapped_.erase(id);
    std::erase_if(model_, [&](const auto& entry) { return entry.first.target.value == id; });
  }

  void sample(const RegionKey& key) {
    AccessSample sample;
    sample.target = key.target;
    sample.address = key.start;
    sample.weight = 1;
    sample.meaning = WeightMeaning::kAccesses;
    SampleBatch batch;
    batch.samples = {sample};
    tracker_.fold(batch);
    if (mapped(key)) model_[key].sampled = tick_;
  }

  void place(const RegionKey& key, int node, bool resident) {
    tracker_.set_residency(key, {NodeId{node}, {resident ? kRegion : 0}, PageKind::kHuge});
    if (!mapped(key)) return;
    if (!resident) return forget_place(key);
    // Resident, and nobody can say where: it is where it was.
    if (node >= 0) model_[key].node = node;
    model_[key].resident = true;
  }

  void forget_place(const RegionKey& key) {
    const auto it = model_.find(key);
    if (it == model_.end()) return;
    if (it->second.sampled > 0 && tick_ < it->second.sampled + kHistoryTicks)
      it->second.node = -1, it->second.resident = false;
    else
      model_.erase(it);
  }

  // A move that finds the region away, moves it, or finds it there already.
  void move(const RegionKey& key, int to) {
    constexpr std::uint64_t kPage = 4096, kPages = kRegion / kPage;
    MigrationReport report;
    report.key = key, report.to = {to};
    report.pages.requested = kPages;
    const std::uint32_t kind = draw(3);
    (kind == 0 ? report.pages.absent : kind == 1 ? report.pages.moved : report.pages.already_there) = kPages;
    tracker_.note_report(report, {kPage});
    const auto it = model_.find(key);
    if (it == model_.end()) return;
    if (kind == 0) return forget_place(key);
    it->second.node = to, it->second.resident = true;
  }

  void act() {
    const RegionKey key = draw_key();
    switch (draw(40)) {
      case 0:
        return remap(key.target.value);
      case 1:
        return draw(4) == 0 ? remove(key.target.value) : set_tiers(2 + static_cast<int>(draw(2)));
      default:
        break;
    }
    switch (draw(4)) {
      case 0:
        return sample(key);
      case 1:
        return move(key, static_cast<int>(draw(3)));
      default:
        return place(key, static_cast<int>(draw(3)), draw(5) != 0);
    }
  }

  void check() {
    const RegionSnapshot snapshot = tracker_.close_tick({tick_}, Nanoseconds{0}, Nanoseconds{1}, {});
    std::vector<RegionKey> expected, found;
    std::uint64_t quiet = 0;
    for (const auto& [key, known] : model_) {
      if (shown(known)) expected.push_back(key);
      quiet += known.resident && !shown(known);
    }
    for (const Region& region : snapshot.regions) {
      found.push_back(region.key);
      const Known& known = model_[region.key];
      EXPECT_EQ(region.node.value, known.node);
      EXPECT_EQ(region.samples > 0, known.sampled == tick_);
      EXPECT_EQ(region.range.start, region.key.start);
    }
    ASSERT_EQ(found, expected) << "tick " << tick_;
    ASSERT_EQ(snapshot.quiet, quiet) << "tick " << tick_;
    ++tick_;
  }

  Tracker tracker_;
  std::mt19937 random_{11};
  std::map<RegionKey, Known> model_;
  std::map<std::uint32_t, std::vector<bool>> mapped_;
  int slowest_ = 1;
  std::uint64_t tick_ = 1;
};

TEST_F(TrackerModel, ASnapshotHoldsWhatItShouldByKeyWhateverHappens) {
  set_tiers(2);
  for (std::uint32_t id = 1; id <= kTargets; ++id) remap(id);
  for (int tick = 0; tick < 1500; ++tick) {
    for (std::uint32_t n = draw(12); n > 0; --n) act();
    check();
    if (HasFatalFailure()) return;
  }
}

}  // namespace
}  // namespace tier
