// What sampling at the default setting costs a memory-bound program: paired runs, with and without, in turn.
#include <fmt/format.h>
#include <sys/mman.h>

#include <algorithm>
#include <vector>

#include "tools/sampler-bench/bench_support.h"

namespace tier {
namespace {

constexpr std::size_t kWords = (std::size_t{512} << 20) / sizeof(std::uint64_t);
constexpr int kPairs = 21;
constexpr std::uint64_t kLoadsAtFirst = 1U << 20;
constexpr Nanoseconds kRunTime = std::chrono::milliseconds(900);
constexpr double kTarget = 1.0;  // percent

// Dependent random loads, a fixed number.
void work(const std::uint64_t* data, std::uint64_t loads) {
  std::uint64_t state = 1;
  for (std::uint64_t i = 0; i < loads; ++i) {
    state = state * 6364136223846793005U + 1442695040888963407U + data[(state >> 20U) % kWords];
    asm volatile("" : "+r"(state));
  }
}

// CPU time of one run in a child: the time that interrupts take is charged to it, that of other programs is
// not.
Nanoseconds run(const std::uint64_t* data, std::uint64_t loads, AccessSource* source) {
  Program program = Program::fork_body([&] { work(data, loads); });
  if (source == nullptr) return program.wait_cpu_time();
  const Result<Target> target = program.target();
  if (target) static_cast<void>(source->set_targets({&*target, 1}));
  const Nanoseconds time = program.wait_cpu_time();
  static_cast<void>(source->collect());
  return time;
}

}  // namespace

int bench_cost() {
  const SteadyClock clock;
  Result<std::unique_ptr<StallSource>> measured = start_stall({}, clock);
  if (!measured) return cannot(measured.error());
  StallOptions options;
  options.calibration = (*measured)->calibration();
  measured->reset();
  void* memory = mmap(nullptr, kWords * sizeof(std::uint64_t), PROT_READ | PROT_WRITE,
                      MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (memory == MAP_FAILED) return cannot({ErrorKind::kFailed, "512 MiB of memory cannot be mapped", {}});
  auto* data = static_cast<std::uint64_t*>(memory);
  std::fill(data, data + kWords, 0);
  const double first = seconds(run(data, kLoadsAtFirst, nullptr));
  const auto loads =
      static_cast<std::uint64_t>(seconds(kRunTime) / first * static_cast<double>(kLoadsAtFirst));
  std::vector<double> costs;
  std::uint64_t samples = 0;
  for (int pair = 0; pair < kPairs; ++pair) {
    double with = 0, without = 0;
    for (int turn = 0; turn < 2; ++turn) {
      if ((turn == 0) == (pair % 2 == 0)) {
        StallSource source(options, clock);
        if (Result<void> started = source.start(); !started) return cannot(started.error());
        with = seconds(run(data, loads, &source));
        samples += source.status().totals.taken;
      } else {
        without = seconds(run(data, loads, nullptr));
      }
    }
    costs.push_back(100 * (with - without) / without);
    fmt::print("pair {:>2}: {:.3f} s with, {:.3f} s without, {:+.2f} %\n", pair + 1, with, without,
               costs.back());
    std::fflush(stdout);
  }
  munmap(memory, kWords * sizeof(std::uint64_t));
  std::sort(costs.begin(), costs.end());
  const double median = costs[costs.size() / 2];
  fmt::print("{} samples; quartiles {:+.2f} % and {:+.2f} %\n", samples, costs[costs.size() / 4],
             costs[costs.size() * 3 / 4]);
  std::fflush(stdout);
  return verdict("cost", median, "% of the program's CPU time, median of 21 paired runs", "< 1",
                 median < kTarget && samples > 0);
}

}  // namespace tier
