// Demand between ticks: one leaky accumulator per region, fed by every sample as it comes.
//
// A leaky integrate-and-fire neuron without reset (Gerstner and Kistler, "Spiking Neuron Models", section
// 4.1): the sum of samples, each decayed by exp(-age / leak). Its mean for samples that come at a rate r is
// r · leak, so that it tells the present rate at any time. It is brought up to date only when a sample of its
// region comes.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "core/access_sample.h"
#include "core/forecast.h"

namespace tier {

struct EventPathSettings {
  Nanoseconds leak =
      std::chrono::milliseconds(500);  // half a tick: longer and the tick's own plan is as soon
  // Decayed samples at which a region is told. Below it not even its rate is known within a factor of two.
  double threshold = 4;
  std::size_t capacity = 1 << 14;  // regions, rounded up to a power of two, at least 8; 48 bytes each
};

class EventPath {
 public:
  explicit EventPath(EventPathSettings settings = {});

  // O(1). Samples may come out of order; one from the past counts as of now.
  void add(const RegionKey& key, const AccessSample& sample);

  // Regions that crossed the threshold since they were last below half of it, each once, in the order of
  // their crossing; then forgets them.
  std::vector<RegionKey> take_crossed();

  // What a region's samples say of its demand, accesses per second, if each stalled access took `latency`;
  // low and high as of a Poisson process seen through the leak. None when nothing is known of it.
  std::optional<DemandQuantiles> rate(const RegionKey& key, Nanoseconds now, Nanoseconds latency) const;
  std::size_t bytes_used() const;

 private:
  struct Entry {
    RegionKey key;
    Nanoseconds at{};  // to which it is decayed
    float samples = 0;
    float stall = 0;     // seconds, of samples that measure stall
    float accesses = 0;  // of samples that count accesses
    bool fired = false;
  };
  std::size_t set_of(const RegionKey& key) const;
  const Entry* find(const RegionKey& key) const;
  Entry& find_or_replace(const RegionKey& key, Nanoseconds now);
  double kept(const Entry& entry, Nanoseconds now) const;

  EventPathSettings settings_;
  std::vector<Entry> entries_;  // sets of kWays; a region lies in the set of its hash
  std::vector<RegionKey> crossed_;
};

}  // namespace tier
