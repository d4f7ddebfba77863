// What each kind of access source sees of a simulated machine, with its blind spots.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <queue>
#include <vector>

#include "sim/machine/machine.h"

namespace tier::sim {

struct SampledAccess {
  Region region = 0;
  std::uint32_t target = 0;
  int tier = 0;
  bool store = false;
  double weight = 0;  // what it stands for: seconds of stall, or misses
};

struct SamplingCounters {
  std::uint64_t taken = 0, delivered = 0, lost = 0, undecoded = 0;
};

// Time-based samples of running threads: lands on what they wait for. See docs/design.md 5, stall sampling.
struct StallSamplingSettings {
  double rate = 250;     // per running thread and second of running time: the kernel's tick
  double decoded = 0.8;  // share of samples whose address can be computed
  // Samples of a thread that computes decode as well, to accesses that hit a cache: its stack and what else
  // it has at hand, here the first region of its target.
  double most_per_second = 0;                         // thinned to this many; 0: no bound
  Nanoseconds price = std::chrono::nanoseconds(500);  // of one sample, taken from the sampled thread
};

class StallSampler final : public Observer {
 public:
  StallSampler(StallSamplingSettings settings, std::uint64_t seed) : settings_(settings), random_(seed) {}
  void on_segment(Machine& machine, const Segment& segment) override;
  std::vector<SampledAccess> take();  // since the last call; weight = seconds
  const SamplingCounters& counters() const { return counters_; }

 private:
  std::optional<SampledAccess> draw(const Machine& machine, bool waiting);
  Region at_hand(const Machine& machine, std::uint32_t target);

  StallSamplingSettings settings_;
  Random random_;
  double due_ = 0;               // samples owed, with their fraction
  std::vector<Region> at_hand_;  // by target; past the end of all regions: to be looked for
  std::vector<SampledAccess> samples_;
  SamplingCounters counters_;
};

// PEBS, IBS, SPE: every so many events. Blind to tiers outside the mask, and to lines that prefetchers
// fetched in time; loses what comes above the limit.
struct MissSamplingSettings {
  double period = 10007;         // loads per sample
  std::uint32_t tiers = ~0U;     // bit mask of tiers whose loads are counted
  double store_period = 0;       // stores per sample; 0: stores are not sampled
  double most_per_second = 1e5;  // loads and stores together; beyond it the kernel throttles
  Nanoseconds price = std::chrono::nanoseconds(300);  // of one sample, taken from the sampled thread
  MissEvent loads = MissEvent::kDemandLoads;          // or kLoads: what a counter at the memory sees
};

class MissSampler final : public Observer {
 public:
  MissSampler(MissSamplingSettings settings, std::uint64_t seed) : settings_(settings), random_(seed) {}
  void on_segment(Machine& machine, const Segment& segment) override;
  std::vector<SampledAccess> take();  // weight = misses
  void set_period(double period) { settings_.period = period; }
  const SamplingCounters& counters() const { return counters_; }

 private:
  void sample(Machine& machine, double& due, double period, MissEvent event);

  MissSamplingSettings settings_;
  Random random_;
  double due_loads_ = 0, due_stores_ = 0, due_lost_ = 0;  // samples owed, with their fraction
  // Of one segment: the draws, and how many are whose.
  std::vector<DrawnAccess> drawn_;
  std::vector<std::uint64_t> drawn_of_;  // by target
  std::vector<SampledAccess> samples_;
  SamplingCounters counters_;
};

// What a sample costs where policies are compared at one budget, with all that is done to make use of it. A
// miss sample: 1.5 us, as the hardware path of `sampling-price` (docs/benchmarks.md); the rivals' papers
// state shares of a CPU, no price. A stall sample: 5 us, as there for what 1 % of a CPU buys.
inline constexpr Nanoseconds kMissSamplePrice{1500}, kStallSamplePrice{5000};

// What address samples may take. Either bound may be left out (0); where both are given, both hold.
struct SamplingBudget {
  double cpu_share = 0;   // of one CPU, from 0 up
  double per_second = 0;  // samples of either kind, those that do not decode included

  bool bounds() const { return cpu_share > 0 || per_second > 0; }
  // Most samples a second at that price; infinite without a bound.
  double most(Nanoseconds price) const;
};

// The same sampler at these prices, thinned evenly to the budget, as a longer period thins. Without a bound:
// unchanged.
MissSamplingSettings within_budget(MissSamplingSettings settings, const SamplingBudget& budget);
StallSamplingSettings within_budget(StallSamplingSettings settings, const SamplingBudget& budget);

// Accessed bits: whether a page of the region was touched within a window. Saturates: more than one touch
// looks like one. `page` is what one bit covers (small page or huge page, by the region's kind).
double touch_probability(const Machine& machine, Region region, Nanoseconds window);
double touch_probability(double touch_rate, Nanoseconds window);
double touch_rate(const Machine& machine, Region region);  // of one page, per second

// Hint faults: pages unmapped by a scanner, and when they are touched next.
struct HintFault {
  Region region = 0;
  Nanoseconds unmapped{}, touched{};
};

class HintFaults final : public Observer {
 public:
  HintFaults(Nanoseconds price, std::uint64_t seed) : price_(price), random_(seed) {}
  void unmap(const Machine& machine, Region region);  // again: starts afresh
  void on_segment(Machine& machine, const Segment& segment) override;
  std::vector<HintFault> take();

 private:
  struct Waiting {
    Region region = 0;
    Nanoseconds since{}, seen{};  // unmapped; touches counted up to
    Nanoseconds look{};           // when to look next
    double touches_left = 0;      // drawn Exp(1): the fault comes when so many expected touches have passed
    std::uint32_t turn = 0;       // stale where the region was unmapped again since
    bool operator>(const Waiting& other) const { return look > other.look; }
  };
  void wait(const Machine& machine, Waiting waiting);

  Nanoseconds price_;  // of one fault, taken from the faulting thread
  Random random_;
  std::priority_queue<Waiting, std::vector<Waiting>, std::greater<>> waiting_;
  std::vector<std::uint32_t> turns_;  // by region
  std::vector<HintFault> faults_;
};

}  // namespace tier::sim
