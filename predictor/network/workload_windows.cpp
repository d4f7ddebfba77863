#include "predictor/network/workload_windows.h"

#include <algorithm>
#include <cmath>

namespace tier {
namespace {

constexpr std::size_t kBlock = 64, kMostRows = 1024, kLeastTicks = 4;
constexpr std::array<std::size_t, 3> kBacks = {1, 4, 16};  // ticks

// Cosine of two columns, summed up block by block; 0 where either is all zero.
struct Alike {
  double both = 0, one = 0, other = 0;
  void add(float a, float b) { both += a * b, one += a * a, other += b * b; }
  float cosine() const {
    return one > 0 && other > 0 ? static_cast<float>(both / std::sqrt(one * other)) : 0.0F;
  }
};

struct Sums {
  double rows = 0, demand = 0, square = 0, touched = 0, departed = 0, level = 0, writes = 0, arrived = 0;
  double high = 0;  // demand of regions above four times the mean
  std::array<Alike, kBacks.size()> back;
  Alike slow, next, up, down;
};

void add_block(Sums& sums, const RegionSnapshot& snapshot, const RegionStatistics& s, std::size_t begin,
               std::size_t end) {
  const auto demand = s.demand(), level = s.average(1), slow = s.average(3), adjacent = s.adjacent();
  const auto high = static_cast<float>(4 * s.mean_demand());
  for (std::size_t row = begin; row < end; ++row) {
    const float d = demand[row];
    sums.rows += 1, sums.demand += d, sums.square += static_cast<double>(d) * d;
    sums.touched += d > 0 ? 1 : 0, sums.high += d > high ? d : 0;
    sums.departed += std::abs(d - level[row]), sums.level += level[row];
    sums.writes += d * snapshot.regions[row].write_share;
    sums.arrived += snapshot.regions[row].age < 2 ? 1 : 0;
    for (std::size_t k = 0; k < kBacks.size(); ++k)
      if (kBacks[k] < s.past_known()) sums.back[k].add(d, s.past(row, kBacks[k]));
    sums.slow.add(d, slow[row]);
    if (row + 1 == end || adjacent[row] == 0 || s.past_known() < 2) continue;
    sums.next.add(d, demand[row + 1]);
    sums.up.add(demand[row + 1], s.past(row, 1));
    sums.down.add(d, s.past(row + 1, 1));
  }
}

}  // namespace

const std::array<const char*, kWorkloadNumbers>& workload_number_names() {
  static const std::array<const char*, kWorkloadNumbers> names = {
      "samples",  "touched",    "change", "back-1",    "back-4", "back-16",  "steady",  "neighbours",
      "going-up", "going-down", "spread", "top-share", "writes", "arrivals", "regions", "tick"};
  return names;
}

WorkloadNumbers describe_tick(const RegionSnapshot& snapshot, const RegionStatistics& statistics) {
  const std::size_t rows = statistics.size();
  WorkloadNumbers out{};
  if (rows == 0) return out;
  const std::size_t blocks = std::max<std::size_t>(1, std::min(rows, kMostRows) / kBlock);
  Sums sums;
  for (std::size_t b = 0; b < blocks; ++b) {
    const std::size_t begin = b * rows / blocks;
    add_block(sums, snapshot, statistics, begin, std::min(begin + std::min(kBlock, rows), rows));
  }
  const double weight = std::max(statistics.sample_weight(), 1.0);
  const auto share = [](double part, double whole) {
    return whole > 0 ? static_cast<float>(part / whole) : 0.0F;
  };
  out = {static_cast<float>(0.5 * std::log1p(sums.demand / sums.rows / weight)),
         share(sums.touched, sums.rows),
         share(sums.departed, sums.departed + sums.level),
         sums.back[0].cosine(),
         sums.back[1].cosine(),
         sums.back[2].cosine(),
         sums.slow.cosine(),
         sums.next.cosine(),
         sums.up.cosine(),
         sums.down.cosine(),
         share(sums.demand * sums.demand, sums.rows * sums.square),
         share(sums.high, sums.demand),
         share(sums.writes, sums.demand),
         share(sums.arrived, sums.rows),
         static_cast<float>(0.25 * std::log1p(static_cast<double>(rows))),
         static_cast<float>(0.5 * std::log1p(seconds(snapshot.interval)))};
  return out;
}

void WorkloadWindows::add(const WorkloadNumbers& tick) {
  ring_[at_ % ring_.size()] = tick;
  ++at_;
  ticks_ = std::min<std::uint64_t>(ticks_ + 1, ring_.size());
}

void WorkloadWindows::forget() { ticks_ = 0; }

std::vector<WorkloadNumbers> WorkloadWindows::windows() const {
  std::vector<WorkloadNumbers> out;
  for (std::uint64_t back = 0; back < ticks_; back += kWindowTicks) {
    const std::uint64_t count = std::min<std::uint64_t>(kWindowTicks, ticks_ - back);
    if (count < (back == 0 ? kLeastTicks : kWindowTicks)) break;
    WorkloadNumbers mean{};
    for (std::uint64_t i = 0; i < count; ++i) {
      const WorkloadNumbers& tick = ring_[(at_ - 1 - back - i) % ring_.size()];
      for (std::size_t n = 0; n < mean.size(); ++n) mean[n] += tick[n] / static_cast<float>(count);
    }
    out.push_back(mean);
  }
  return out;
}

}  // namespace tier
