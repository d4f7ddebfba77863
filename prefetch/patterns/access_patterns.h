// How the hottest instructions go through memory, by CPU and for the node.
#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <span>
#include <unordered_map>
#include <vector>

#include "core/access_sample.h"
#include "prefetch/patterns/steps.h"

namespace tier {

struct PatternSettings {
  std::size_t instructions = 256;  // followed at once, those waited for most
  // Between two samples that are compared. A walk that takes longer than this between samples is not seen
  // anyway: it has started over.
  Nanoseconds longest_step = std::chrono::seconds(1);
  double keep = 0.7;  // of the weight of an interval, in the next one
};

struct InstructionPattern {
  TargetId target;
  Address ip = 0;
  AccessPattern pattern = AccessPattern::kUnknown;
  double waited = 0;  // seconds, with what was before it fading
};

// Bounded: 900 bytes per instruction. Not thread-safe.
class AccessPatterns {
 public:
  explicit AccessPatterns(PatternSettings settings = {});

  // Samples without an instruction pointer, and of faults, tell of no walk and are left out. Counted accesses
  // weigh a nominal wait.
  void add(const AccessSample& sample);
  // The interval is over: what it brought is judged.
  void close();

  // The pattern with the most waiting among those known, of these CPUs; of none named: of the node, samples
  // of unknown CPUs included. kUnknown where it has not half of what is known, or too little is known.
  AccessPattern pattern(std::span<const std::uint32_t> cpus = {}) const;
  // All that are followed, most waited for first.
  std::vector<InstructionPattern> instructions() const;
  std::size_t bytes_used() const;

 private:
  static constexpr std::size_t kSteps = 32, kThreads = 8, kCpus = 4, kPatterns = 4;
  struct Last {
    Tid tid;
    Address address = 0;
    Nanoseconds time{};  // 0: free
  };
  struct OnCpu {
    std::uint32_t cpu = kNoCpu;
    double waited = 0;  // 0: free
  };
  struct Code {
    TargetId target;
    Address ip = 0;
    bool operator==(const Code&) const = default;
  };
  struct CodeHash {
    std::size_t operator()(const Code& code) const noexcept {
      return (code.ip ^ static_cast<Address>(code.target.value) << 40) * 0x9E3779B97F4A7C15ULL >> 16;
    }
  };
  // One instruction of one program. Its threads run the same code, so their steps are looked at together.
  struct Instruction {
    Code code;
    double waited = 0;
    AccessPattern pattern = AccessPattern::kUnknown;
    bool fresh = false;  // has new steps
    std::uint64_t steps_seen = 0;
    std::array<Step, kSteps> steps{};
    std::array<Last, kThreads> last{};  // of the threads that were seen last
    std::array<OnCpu, kCpus> on_cpu{};  // in this interval, not settled yet
  };
  using Weights = std::array<double, kPatterns>;

  std::size_t place_of(const AccessSample& sample, double waited);
  void step(Instruction& of, const AccessSample& sample) const;
  void wait(Instruction& of, std::uint32_t cpu, double waited);
  void settle(Instruction& of);

  PatternSettings settings_;
  std::vector<Instruction> instructions_;
  std::unordered_map<Code, std::size_t, CodeHash> places_;
  std::map<std::uint32_t, Weights> by_cpu_;
};

}  // namespace tier
