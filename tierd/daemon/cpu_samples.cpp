#include "tierd/daemon/cpu_samples.h"

#include <algorithm>
#include <array>
#include <cmath>

namespace tier {
namespace {

constexpr double kFade = 0.7;  // of what was waited, each tick: as AccessPatterns
// More than any kernel is built for (NR_CPUS): a number beyond is wrong, and a list by it would not fit.
constexpr std::uint32_t kMostCpus = 1 << 16;

// On a tier below the fastest; not known counts as fast, which nothing is concluded from.
bool slow(const AccessSample& sample, const RegionSnapshot& last, const NodeRanks& ranks, Bytes region_size) {
  const RegionKey key{sample.target, sample.address & ~(region_size.value - 1)};
  const auto at = std::lower_bound(last.regions.begin(), last.regions.end(), key,
                                   [](const Region& region, const RegionKey& k) { return region.key < k; });
  return at != last.regions.end() && at->key == key && ranks.of(at->node) > 0;
}

}  // namespace

void CpuSamples::add(const SampleBatch& batch, const RegionSnapshot& last, const TierTopology& topology,
                     Bytes region_size) {
  const NodeRanks ranks(topology);
  for (AccessSample sample : batch.samples) {
    if (sample.cpu >= kMostCpus) sample.cpu = kNoCpu;
    if (!std::isfinite(sample.weight) || sample.weight < 0) continue;
    patterns_.add(sample);
    if (sample.cpu == kNoCpu || sample.meaning != WeightMeaning::kStall) continue;
    Cpu& cpu = cpus_[sample.cpu];
    cpu.fresh += sample.weight;
    if (slow(sample, last, ranks, region_size)) cpu.fresh_slow += sample.weight;
  }
}

void CpuSamples::close(Nanoseconds now) {
  patterns_.close();
  closed_ = now;
  for (auto& [number, cpu] : cpus_) {
    cpu.stall = kFade * cpu.stall + cpu.fresh, cpu.slow = kFade * cpu.slow + cpu.fresh_slow;
    cpu.counted += cpu.fresh;
    cpu.fresh = cpu.fresh_slow = 0;
  }
}

std::vector<CpuActivity> CpuSamples::activity() const {
  std::vector<CpuActivity> all;
  for (const auto& [number, cpu] : cpus_) {
    if (number >= all.size()) all.resize(number + 1);
    const std::array one{number};
    all[number] = {patterns_.pattern(one), cpu.stall, cpu.slow};
  }
  return all;
}

std::vector<CounterReading> CpuSamples::stall() const {
  std::vector<CounterReading> all;
  for (const auto& [number, cpu] : cpus_)
    all.push_back({Signal::kSampledStall, number, static_cast<std::uint64_t>(cpu.counted * 1e9), closed_});
  return all;
}

}  // namespace tier
