#include "predictor/training/support.h"

#include <algorithm>
#include <bit>

namespace tier {
namespace {

constexpr std::size_t kCount = kHorizons.size();
constexpr std::uint32_t kNoPlace = ~0U;

// To the nearest, ties to even.
std::uint16_t pack(float value) {
  const auto bits = std::bit_cast<std::uint32_t>(value);
  return static_cast<std::uint16_t>((bits + 0x7FFFU + ((bits >> 16) & 1U)) >> 16);
}
float unpack(std::uint16_t half) { return std::bit_cast<float>(static_cast<std::uint32_t>(half) << 16); }

void pack_row(std::span<const float> from, std::uint16_t* to) {
  std::transform(from.begin(), from.end(), to, pack);
}

// The finaliser of MurmurHash3 on other bits than the panel's: whoever is of the panel has passed that one.
std::uint64_t hash_of(const RegionKey& key) {
  std::uint64_t h = ~key.start ^ (static_cast<std::uint64_t>(key.target.value) << 40);
  h = (h ^ (h >> 33)) * 0xFF51AFD7ED558CCDULL;
  h = (h ^ (h >> 33)) * 0xC4CEB9FE1A85EC53ULL;
  return h ^ (h >> 33);
}

}  // namespace

void fill_observed(TrainingTask& task) {
  const auto demand = [&](std::size_t tick, std::size_t region) {
    return task.baselines[(tick * task.regions + region) * kBaselineFloats];
  };
  for (std::size_t t = 0; t < task.ticks; ++t)
    for (std::size_t h = 0; h < kCount; ++h) {
      const auto ahead = static_cast<std::size_t>(kHorizons[h]);
      for (std::size_t r = 0; r < task.regions; ++r) {
        float sum = 0;
        for (std::size_t k = 1; k <= ahead && t + ahead < task.ticks; ++k) sum += demand(t + k, r);
        task.came[(t * task.regions + r) * kCount + h] =
            t + ahead < task.ticks ? sum / static_cast<float>(ahead) : kNotKnown;
      }
    }
}

void SupportBuffer::add(const FeatureExtractor& extractor, const Roster& roster,
                        std::span<const std::uint32_t> rows) {
  constexpr std::size_t kCells = kSupportTicks * kSupportRegions;
  if (places_.empty()) {
    features_.resize(kCells * kFeatures), baselines_.resize(kCells * kBaselineFloats);
    listed_.resize(kCells), unit_.resize(kSupportTicks), places_.resize(kSupportRegions);
    for (std::uint32_t p = kSupportRegions; p-- > 0;) free_.push_back(p);
  }
  ++now_, ticks_ = std::min(ticks_ + 1, kSupportTicks);
  free_places();
  const std::size_t first = now_ % kSupportTicks * kSupportRegions;
  std::fill_n(&features_[first * kFeatures], kSupportRegions * kFeatures, std::uint16_t{0});
  std::fill_n(&baselines_[first * kBaselineFloats], kSupportRegions * kBaselineFloats, std::uint16_t{0});
  std::fill_n(&listed_[first], kSupportRegions, std::uint8_t{0});
  unit_[now_ % kSupportTicks] = extractor.unit();
  // So that of more rows than places every one has the same chance.
  const double share =
      static_cast<double>(kSupportRegions) / static_cast<double>(std::max(rows.size(), kSupportRegions));
  const auto least = static_cast<std::uint64_t>((1 - share) * 0x1p63) << 1;
  for (const std::uint32_t row : rows) {
    const std::uint32_t place = place_of(roster.key(row), least);
    if (place == kNoPlace) continue;
    places_[place].listed = now_;
    const std::size_t at = first + place;
    pack_row(extractor.features().subspan(row * kFeatures, kFeatures), &features_[at * kFeatures]);
    std::array<float, kBaselineFloats> baselines;
    for (std::size_t i = 0; i < kBaselineFloats; ++i) baselines[i] = extractor.baselines().column[i][row];
    pack_row(baselines, &baselines_[at * kBaselineFloats]);
    listed_[at] = 1;
  }
}

void SupportBuffer::free_places() {
  for (std::uint32_t p = 0; p < places_.size(); ++p) {
    Place& place = places_[p];
    if (place.listed == 0 || now_ - place.listed < kSupportTicks) continue;
    place_.erase(place.key), free_.push_back(p);
    place = {};
  }
}

std::uint32_t SupportBuffer::place_of(const RegionKey& key, std::uint64_t least_hash) {
  if (const auto it = place_.find(key); it != place_.end()) return it->second;
  if (free_.empty() || hash_of(key) < least_hash) return kNoPlace;
  const std::uint32_t place = free_.back();
  free_.pop_back();
  places_[place] = {key, now_}, place_[key] = place;
  return place;
}

void SupportBuffer::forget() { *this = {}; }

TrainingTask SupportBuffer::task() const {
  TrainingTask task;
  task.regions = kSupportRegions;
  for (std::size_t t = 0; t < ticks_; ++t) {
    const std::size_t slot = (now_ + 1 + t + kSupportTicks - ticks_) % kSupportTicks;
    task.add_tick();
    task.unit.back() = unit_[slot];
    const std::size_t from = slot * kSupportRegions, to = t * kSupportRegions;
    const auto copy = [&](const std::vector<std::uint16_t>& source, std::vector<float>& target,
                          std::size_t width) {
      std::transform(&source[from * width], &source[from * width] + kSupportRegions * width,
                     &target[to * width], unpack);
    };
    copy(features_, task.features, kFeatures), copy(baselines_, task.baselines, kBaselineFloats);
    std::copy_n(&listed_[from], kSupportRegions, &task.listed[to]);
  }
  fill_observed(task);
  return task;
}

std::size_t SupportBuffer::bytes_used() const {
  // A node of the map holds key, place and two pointers' worth of links.
  return (features_.capacity() + baselines_.capacity()) * sizeof(std::uint16_t) + listed_.capacity() +
         unit_.capacity() * sizeof(float) + places_.capacity() * sizeof(Place) +
         free_.capacity() * sizeof(std::uint32_t) + place_.size() * (sizeof(RegionKey) + 3 * sizeof(void*));
}

}  // namespace tier
