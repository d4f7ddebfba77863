#include "sim/policies/damon_regions.h"

#include <algorithm>

namespace tier::sim {
namespace {

constexpr std::uint32_t kAlike = DamonMonitor::kSamples / 10;  // merged below this difference [K]
constexpr double kSplitLeast = 0.1, kSplitMost = 0.9;          // where in a region it is split [K]

}  // namespace

DamonMonitor::DamonMonitor(int tier, Region frames, std::uint32_t least, std::uint32_t most,
                           std::uint64_t seed)
    : tier_(tier),
      least_(std::min<std::uint32_t>(std::max<std::uint32_t>(least, 1), frames)),
      most_(most),
      random_(seed),
      frames_(frames, kEmpty) {
  // As many regions as it must have, alike in size.
  for (std::uint32_t i = 0; i < least_; ++i)
    regions_.push_back({static_cast<Region>(std::uint64_t{frames} * i / least_),
                        static_cast<Region>(std::uint64_t{frames} * (i + 1) / least_), 0, 0});
}

void DamonMonitor::arrive(Region region) {
  Region frame = fresh_;
  if (!returned_.empty()) {
    frame = returned_.top();
    returned_.pop();
  } else {
    ++fresh_;
  }
  // A move may arrive before the one that made room for it has left: one frame more, for a moment.
  if (frame == frames_.size()) frames_.push_back(kEmpty);
  frames_[frame] = region;
  if (frame_of_.size() <= region) frame_of_.resize(region + std::size_t{1}, kEmpty);
  frame_of_[region] = frame;
}

void DamonMonitor::leave(Region region) {
  if (region >= frame_of_.size() || frame_of_[region] == kEmpty) return;
  frames_[frame_of_[region]] = kEmpty;
  returned_.push(frame_of_[region]);
  frame_of_[region] = kEmpty;
}

void DamonMonitor::aggregate(const Machine& machine, Nanoseconds sample_interval) {
  std::uniform_real_distribution<double> uniform(0, 1);
  double found = 0, looked_at = 0;
  for (DamonRegion& region : regions_) {
    const std::uint32_t before = region.accesses, size = region.end - region.begin;
    region.accesses = 0;
    for (std::uint32_t i = 0; i < kSamples; ++i) {
      const auto frame = region.begin + static_cast<Region>(uniform(random_) * size);
      const Region page = frames_[frame];
      if (page == kEmpty || machine.tier_of(page) != tier_) continue;
      if (uniform(random_) < touch_probability(machine, page, sample_interval)) ++region.accesses;
    }
    const std::uint32_t change =
        region.accesses > before ? region.accesses - before : before - region.accesses;
    region.age = change > kAlike ? 0 : region.age + 1;
    found += static_cast<double>(region.accesses) * size;
    looked_at += static_cast<double>(kSamples) * size;
  }
  observed_ = looked_at > 0 ? found / looked_at : 0;
  merge();
  split();
}

// Neighbours that are alike become one, by size; no larger than the least number of regions asks for.
void DamonMonitor::merge() {
  const auto size_limit = static_cast<Region>(frames_.size() / least_);
  for (std::uint32_t alike = std::max<std::uint32_t>(1, kAlike);; alike *= 2) {
    std::vector<DamonRegion> merged;
    for (const DamonRegion& region : regions_) {
      if (!merged.empty()) {
        DamonRegion& last = merged.back();
        const std::uint32_t apart = last.accesses > region.accesses ? last.accesses - region.accesses
                                                                    : region.accesses - last.accesses;
        if (apart <= alike && region.end - last.begin <= size_limit) {
          const std::uint64_t a = last.end - last.begin, b = region.end - region.begin;
          last.accesses = static_cast<std::uint32_t>((last.accesses * a + region.accesses * b) / (a + b));
          last.age = static_cast<std::uint32_t>((last.age * a + region.age * b) / (a + b));
          last.end = region.end;
          continue;
        }
      }
      merged.push_back(region);
    }
    regions_ = std::move(merged);
    // Still too many: less alike ones merge as well.
    if (regions_.size() <= most_ || alike > kSamples) return;
  }
}

// Each region into two at a random place, into three where the last split changed nothing, while there is
// room for as many [K].
void DamonMonitor::split() {
  if (regions_.size() > most_ / 2) return;
  const int parts = regions_.size() == regions_before_ && regions_.size() < most_ / 3 ? 3 : 2;
  regions_before_ = regions_.size();
  std::uniform_real_distribution<double> where(kSplitLeast, kSplitMost);
  std::vector<DamonRegion> split;
  for (DamonRegion rest : regions_) {
    for (int part = 1; part < parts && rest.end - rest.begin > 1; ++part) {
      const Region size = rest.end - rest.begin;
      const Region at =
          rest.begin + std::clamp<Region>(static_cast<Region>(where(random_) * size), 1, size - 1);
      split.push_back({rest.begin, at, rest.accesses, rest.age});
      rest.begin = at;
    }
    split.push_back(rest);
  }
  regions_ = std::move(split);
}

}  // namespace tier::sim
