#include "predictor/experts/statistics.h"

#include <bit>
#include <cmath>

namespace tier {
namespace {

constexpr double kKept = 0.95;  // of the accesses per sample: 20 ticks
// Ticks out of the snapshot after which a region is as one never seen. The slowest average has then lost most
// of what it held, and the tracker keeps regions in the snapshot for 32 ticks besides.
constexpr std::uint64_t kForgetAfter = 256;

// The exponent that code 8 stands for: 2^0. Codes 1 to 7 would lie below and are not used.
constexpr std::uint32_t kCodeOfOne = 127U << 3;

constexpr std::array<float, 256> unpacked_table() {
  std::array<float, 256> table{};
  for (std::uint32_t code = 1; code < 256; ++code)
    table[code] = std::bit_cast<float>((code - 1 + kCodeOfOne) << 20);
  return table;
}

// What `gone` silent ticks leave of an average, see fold(): those before `known` ticks of evidence.
float kept_over(float rate, std::uint64_t known, std::uint64_t gone) {
  if (gone == 0) return 1;
  if (known <= gone + 1) return 0;
  // As long as it is a plain mean, each tick's factor is 1 - 1 / n: a quotient of the first and the last n.
  const std::uint64_t first = known - gone, last = known - 1;
  const auto plain_to = std::min(last, static_cast<std::uint64_t>(1 / rate));
  if (first > plain_to) return std::pow(1 - rate, static_cast<float>(gone));
  return static_cast<float>(first - 1) / static_cast<float>(plain_to) *
         std::pow(1 - rate, static_cast<float>(last - plain_to));
}

}  // namespace

constinit const std::array<float, 256> kUnpackedDemand = unpacked_table();

std::uint8_t pack_demand(float demand) {
  if (!(demand >= 1)) return 0;
  // Half a step is added before the lower bits are cut off: to the nearest.
  const std::uint32_t rounded = (std::bit_cast<std::uint32_t>(demand) + (1U << 19)) >> 20;
  return static_cast<std::uint8_t>(std::min(rounded - kCodeOfOne + 1, 255U));
}

float unpack_demand(std::uint8_t code) { return kUnpackedDemand[code]; }

void RegionStatistics::observe(const RegionSnapshot& snapshot) {
  ++tick_;
  past_known_ = std::min(past_known_ + 1, kPastTicks);
  roster_.update(snapshot);
  if (!roster_.unchanged()) {
    depart();
    align();
    arrive(snapshot);
    find_groups(snapshot);
  }
  read(snapshot);
  fold();
  if (tick_ % kForgetAfter == 0)
    std::erase_if(absent_, [&](const auto& entry) { return tick_ - entry.second.tick > kForgetAfter; });
}

void RegionStatistics::forget_past() { past_known_ = 0; }

void RegionStatistics::depart() {
  for (const std::uint32_t row : roster_.left()) {
    Absent absent;
    for (std::size_t k = 0; k < averages_.size(); ++k) absent.averages[k] = averages_[k].data()[row];
    absent.touched = touched_.data()[row];
    std::copy_n(past_.row(row).begin(), kPastTicks, absent.past.begin());
    absent.tick = tick_ - 1;
    absent_.insert_or_assign(roster_.last_key(row), absent);
  }
}

void RegionStatistics::align() {
  for (Column<float>& average : averages_) average.align(roster_, 0, spare_);
  touched_.align(roster_, 0, spare_);
  past_.align(roster_, 0, spare_bytes_);
}

void RegionStatistics::arrive(const RegionSnapshot& snapshot) {
  if (absent_.empty()) return;
  for (const std::uint32_t row : roster_.arrived()) {
    const auto it = absent_.find(roster_.key(row));
    if (it == absent_.end()) continue;
    return_from(it->second, row,
                std::min<std::uint64_t>(snapshot.regions[row].age + std::uint64_t{1}, tick_));
    absent_.erase(it);
  }
}

// `known`: ticks of evidence with the running one.
void RegionStatistics::return_from(const Absent& absent, std::uint32_t row, std::uint64_t known) {
  const std::uint64_t gone = tick_ - 1 - absent.tick;
  for (std::size_t k = 0; k < averages_.size(); ++k)
    averages_[k].data()[row] = absent.averages[k] * kept_over(kAverageRates[k], known, gone);
  touched_.data()[row] = absent.touched * kept_over(kAverageRates.back(), known, gone);
  if (gone >= kPastTicks) return;
  const auto past = past_.row(row);
  std::copy(absent.past.begin(), absent.past.end(), past.begin());
  for (std::uint64_t t = absent.tick + 1; t < tick_; ++t) past[t % kPastTicks] = 0;
}

void RegionStatistics::find_groups(const RegionSnapshot& snapshot) {
  groups_.clear();
  adjacent_.assign(size(), 0);
  for (std::uint32_t row = 0; row < size(); ++row) {
    const Region& region = snapshot.regions[row];
    if (groups_.empty() || groups_.back().target != region.key.target) {
      groups_.push_back({region.key.target, row, 0});
    } else if (snapshot.regions[row - 1].range.end >= region.range.start) {
      adjacent_[row - 1] = 1;
    }
    ++groups_.back().count;
  }
}

void RegionStatistics::read(const RegionSnapshot& snapshot) {
  demand_.resize(size()), evidence_.resize(size());
  double demand = 0, samples = 0, touched = 0;
  const auto most = static_cast<float>(tick_);
  for (std::size_t row = 0; row < size(); ++row) {
    const Region& region = snapshot.regions[row];
    demand_[row] = static_cast<float>(region.demand.value / snapshot.seconds());
    // The tracker counts the tick in which it first saw a region as age 0.
    evidence_[row] = std::min(static_cast<float>(region.age) + 1, most);
    demand += demand_[row];
    samples += region.samples;
    touched += region.samples > 0 ? 1 : 0;
  }
  sampled_ = kKept * sampled_ + demand, samples_ = kKept * samples_ + samples;
  mean_ = size() > 0 ? demand / static_cast<double>(size()) : 0;
  if (touched > 0) touched_mean_ += (touched_mean_ > 0 ? 1 - kKept : 1) * (demand / touched - touched_mean_);
}

// An average starts as the plain mean of what was seen since the region came, so that it is never too low for
// lack of time.
void RegionStatistics::fold() {
  const std::size_t rows = size();
  for (std::size_t row = 0; row < rows; ++row) evidence_[row] = 1 / evidence_[row];
  for (std::size_t k = 0; k < averages_.size(); ++k) {
    float* const average = averages_[k].data();
    const float rate = kAverageRates[k];
    for (std::size_t row = 0; row < rows; ++row)
      average[row] += std::max(rate, evidence_[row]) * (demand_[row] - average[row]);
  }
  float* const touched = touched_.data();
  for (std::size_t row = 0; row < rows; ++row)
    touched[row] +=
        std::max(kAverageRates.back(), evidence_[row]) * ((demand_[row] > 0 ? 1.0F : 0.0F) - touched[row]);
  std::uint8_t* const past = past_.data();  // null where there are no rows
  const std::size_t now = tick_ % kPastTicks;
  for (std::size_t row = 0; row < rows; ++row) past[row * kPastTicks + now] = pack_demand(demand_[row]);
}

std::size_t RegionStatistics::bytes_used() const {
  std::size_t bytes =
      roster_.bytes_used() + touched_.bytes_used() + past_.bytes_used() +
      (demand_.capacity() + evidence_.capacity() + adjacent_.capacity() + spare_.capacity()) * sizeof(float) +
      spare_bytes_.capacity() + groups_.capacity() * sizeof(RowGroup);
  for (const Column<float>& average : averages_) bytes += average.bytes_used();
  return bytes + absent_.size() * (sizeof(std::pair<RegionKey, Absent>) + 16) + absent_.bucket_count() * 8;
}

}  // namespace tier
