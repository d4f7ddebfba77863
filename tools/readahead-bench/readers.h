// Programs that read files, each in its own way, and how far they get.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "core/clock.h"
#include "core/result.h"
#include "platform/api/meter.h"
#include "tools/readahead-bench/rig.h"

namespace tier {

enum class ReadOrder : std::uint8_t { kSequential, kStrided, kRandom };
enum class ReadCall : std::uint8_t { kRead, kMmap };

struct ReadPattern {
  ReadOrder order = ReadOrder::kSequential;
  ReadCall call = ReadCall::kRead;
  std::size_t pass_bytes = 0;  // that a sequential pass reads, a part of the file in turn; 0: all of it
};
std::string to_string(const ReadPattern& pattern);  // "sequential-read", "random-mmap"
Result<ReadPattern> parse_pattern(const std::string& text);
std::vector<ReadPattern> all_patterns();

// One pass over one file that is not in memory: opens it anew, as jobs do (a read-ahead setting counts from
// the next open on), and uses every byte that it asks for. Sequential: all of it, or a part; strided: one
// piece of every eight; random: sixteen pieces. Pieces are 16 KiB by read(2) and one page by mmap. `asked` is
// told of the bytes of each piece that was read; the pass ends early when it says false. Returns the sum of
// all 64-bit words read: it is the same for the same pass.
Result<std::uint64_t> read_pass(const std::string& file, const ReadPattern& pattern, std::uint64_t seed,
                                const std::function<bool(std::size_t bytes)>& asked);

struct Phase {
  ReadPattern pattern;
  Nanoseconds length{};
};

// What happened up to one call of each_interval.
struct IntervalResult {
  std::size_t phase = 0;
  Nanoseconds length{};
  std::uint64_t asked = 0;    // bytes, by the readers themselves
  std::uint64_t metered = 0;  // the same by the meter; 0 without one
  std::uint64_t metered_sequential = 0, metered_strided = 0;
};

struct RunPlan {
  std::vector<Phase> phases;  // one after the other
  unsigned readers = 1;       // threads, all with the phase's pattern
  Nanoseconds interval = std::chrono::milliseconds(500);
  Meter* meter = nullptr;  // of file demand
  // Called at the end of each interval, from the thread that runs the plan, while the readers go on: it may
  // change the device's setting.
  std::function<void(Nanoseconds now)> each_interval;
};

// kFailed: a reader could not read.
Result<std::vector<IntervalResult>> run_plan(const RigDevice& device, const RunPlan& plan,
                                             const Clock& clock);

}  // namespace tier
