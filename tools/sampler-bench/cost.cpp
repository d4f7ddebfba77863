// What sampling at the default setting costs a memory-bound program. Paired in short slices, with and without
// in turn: on a shared machine speed drifts by several percent within a second, which slices see alike.
#include <fmt/format.h>
#include <sys/mman.h>

#include <algorithm>
#include <atomic>
#include <new>
#include <thread>
#include <vector>

#include "tools/sampler-bench/bench_support.h"

namespace tier {
namespace {

constexpr std::size_t kWords = (std::size_t{512} << 20) / sizeof(std::uint64_t);
constexpr int kPairs = 41;              // paired runs
constexpr int kSlices = 20;             // of one, half of them with sampling
constexpr std::uint64_t kChunk = 4096;  // loads between two looks at the counter
constexpr auto kSlice = std::chrono::milliseconds(100);
constexpr double kTarget = 1.0;  // percent

using Progress = std::atomic<std::uint64_t>;  // loads done, shared between the processes

// Dependent random loads without end.
void work(const std::uint64_t* data, Progress& progress) {
  std::uint64_t state = 1;
  while (true) {
    for (std::uint64_t i = 0; i < kChunk; ++i) {
      state = state * 6364136223846793005U + 1442695040888963407U + data[(state >> 20U) % kWords];
      asm volatile("" : "+r"(state));
    }
    progress.fetch_add(kChunk, std::memory_order_relaxed);
  }
}

struct Work {
  double loads = 0, cpu_seconds = 0;
  double rate() const { return loads / cpu_seconds; }
};

// CPU time of the program: what interrupts take is charged to it, what other programs take is not.
void add_slice(const Program& program, const Progress& progress, Work& sum) {
  const std::uint64_t loads = progress.load(std::memory_order_relaxed);
  const Nanoseconds cpu = program.cpu_time();
  std::this_thread::sleep_for(kSlice);
  sum.loads += static_cast<double>(progress.load(std::memory_order_relaxed) - loads);
  sum.cpu_seconds += seconds(program.cpu_time() - cpu);
}

struct Pair {
  Work with, without;
  std::uint64_t samples = 0;
  double cost() const { return 100 * (without.rate() / with.rate() - 1); }  // percent of the run time
};

// The source stays attached throughout, as in the daemon, and is told to watch nothing in the slices without:
// what a tick then costs (the look at the watch list, 0.1 us) counts on both sides, starting and stopping on
// neither.
Result<Pair> run_pair(const Program& program, const Progress& progress, AccessSource& source,
                      bool sampled_first) {
  Pair pair;
  const auto target = TIER_TRY(program.target());
  for (int slice = 0; slice < kSlices; ++slice) {
    const bool sampled = (slice % 2 == 0) == sampled_first;
    TIER_TRY(source.set_targets({&target, sampled ? 1U : 0U}));
    add_slice(program, progress, sampled ? pair.with : pair.without);
    const auto batch = TIER_TRY(source.collect());
    pair.samples += batch.counters.taken;
  }
  return pair;
}

// An anonymous mapping, shared with children where asked for; null when there is no memory.
void* map_memory(std::size_t bytes, int sharing) {
  void* memory = mmap(nullptr, bytes, PROT_READ | PROT_WRITE, sharing | MAP_ANONYMOUS, -1, 0);
  return memory == MAP_FAILED ? nullptr : memory;
}

}  // namespace

int bench_cost() {
  const SteadyClock clock;
  Result<std::unique_ptr<StallSource>> source = start_stall({}, clock);
  if (!source) return cannot(source.error());
  auto* data = static_cast<std::uint64_t*>(map_memory(kWords * sizeof(std::uint64_t), MAP_PRIVATE));
  void* shared = map_memory(sizeof(Progress), MAP_SHARED);
  if (data == nullptr || shared == nullptr)
    return cannot({ErrorKind::kFailed, "512 MiB of memory cannot be mapped", {}});
  std::fill(data, data + kWords, 0);
  auto* progress = new (shared) Progress(0);
  const Program program = Program::fork_body([&] { work(data, *progress); });
  std::vector<double> costs;
  std::uint64_t samples = 0;
  for (int i = 0; i < kPairs; ++i) {
    const Result<Pair> pair = run_pair(program, *progress, **source, i % 2 == 0);
    if (!pair) return cannot(pair.error());
    costs.push_back(pair->cost());
    samples += pair->samples;
    fmt::print("pair {:>2}: {:.2f} M loads a CPU second with, {:.2f} without, {:+.2f} %\n", i + 1,
               pair->with.rate() / 1e6, pair->without.rate() / 1e6, costs.back());
    std::fflush(stdout);
  }
  std::sort(costs.begin(), costs.end());
  const double median = costs[costs.size() / 2];
  fmt::print("{} samples; quartiles {:+.2f} % and {:+.2f} %\n", samples, costs[costs.size() / 4],
             costs[costs.size() * 3 / 4]);
  std::fflush(stdout);
  return verdict("cost", median, "% of the program's CPU time, median of 41 paired runs", "< 1",
                 median < kTarget && samples > 0);
}

}  // namespace tier
