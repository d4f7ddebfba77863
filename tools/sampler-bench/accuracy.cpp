// How many samples that decode to an address fall where the program really reads.
#include <fmt/format.h>
#include <sys/mman.h>

#include <array>

#include "tools/sampler-bench/bench_support.h"

namespace tier {
namespace {

constexpr std::size_t kBytes = std::size_t{1} << 30;  // several times any last-level cache
constexpr std::size_t kWords = kBytes / sizeof(std::uint64_t);
constexpr Nanoseconds kFill = std::chrono::seconds(4);
constexpr Nanoseconds kMeasured = std::chrono::seconds(5);
constexpr std::uint64_t kMultiplier = 6364136223846793005U, kIncrement = 1442695040888963407U;
constexpr double kTarget = 0.95;

using Words = std::uint64_t*;

void keep(std::uint64_t& value) { asm volatile("" : "+r"(value)); }  // counts as used

void fill(Words data) {
  for (std::size_t word = 0; word < kWords; word += 512) data[word] = 0;
}

[[noreturn]] void independent(Words data) {
  std::uint64_t state = 1, sum = 0;
  for (;;) {
    state = state * kMultiplier + kIncrement;
    sum += data[(state >> 20U) % kWords];
    keep(sum);
  }
}

[[noreturn]] void dependent(Words data) {
  std::uint64_t state = 1, last = 0;
  for (;;) {
    state = state * kMultiplier + kIncrement + last;
    last = data[(state >> 20U) % kWords];
    keep(last);
  }
}

[[noreturn]] void update(Words data) {
  std::uint64_t state = 1;
  for (;;) {
    state = state * kMultiplier + kIncrement;
    data[(state >> 20U) % kWords] ^= state;
  }
}

[[noreturn]] void stream(Words data) {
  auto* numbers = reinterpret_cast<double*>(data);
  const std::size_t third = kWords / 3;
  double scale = 3;
  for (;;) {
    for (std::size_t i = 0; i < third; ++i) numbers[i] = numbers[third + i] + scale * numbers[2 * third + i];
    asm volatile("" : "+m"(*numbers), "+m"(scale));
  }
}

// A ring through the array in random order; each word holds the address of the next.
[[noreturn]] void chase(Words data) {
  constexpr std::size_t kStep = 64 / sizeof(std::uint64_t);
  const std::size_t lines = kWords / kStep / 4;  // a quarter, to have it built in time
  std::uint64_t line = 0;
  for (std::size_t i = 0; i < lines; ++i) {
    const std::uint64_t next = (line * 5 + 12345) % lines;  // full period: lines is a power of two
    data[line * kStep] = reinterpret_cast<std::uint64_t>(data + next * kStep);
    line = next;
  }
  auto address = reinterpret_cast<std::uint64_t>(data);
  for (;;) {
    address = *reinterpret_cast<std::uint64_t*>(address);
    keep(address);
  }
}

struct Load {
  const char* name;
  void (*body)(Words);
};

constexpr std::array<Load, 5> kLoads = {{{"independent random loads", independent},
                                         {"dependent random loads", dependent},
                                         {"random updates", update},
                                         {"stream a = b + s * c", stream},
                                         {"pointer chase", chase}}};

}  // namespace

int bench_accuracy() {
  const SteadyClock clock;
  Result<std::unique_ptr<StallSource>> source = start_stall({}, clock);
  if (!source) return cannot(source.error());
  void* memory =
      mmap(nullptr, kBytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (memory == MAP_FAILED) return cannot({ErrorKind::kFailed, "1 GiB of memory cannot be mapped", {}});
  const auto start = reinterpret_cast<Address>(memory);
  fmt::print("{}\n{:<28}{:>9}{:>10}{:>9}\n", (*source)->status().fidelity, "load", "samples", "decoded",
             "right");
  double worst = 1;
  for (const Load& load : kLoads) {
    const Program program = Program::fork_body([&] {
      fill(static_cast<Words>(memory));
      load.body(static_cast<Words>(memory));
    });
    watch(**source, program, kFill);
    const SampleBatch batch = watch(**source, program, kMeasured);
    std::size_t right = 0;
    for (const AccessSample& sample : batch.samples)
      right += sample.address >= start && sample.address < start + kBytes ? 1U : 0U;
    const double taken = static_cast<double>(std::max<std::uint64_t>(batch.counters.taken, 1));
    const double share =
        batch.samples.empty() ? 0 : static_cast<double>(right) / static_cast<double>(batch.samples.size());
    worst = std::min(worst, share);
    fmt::print("{:<28}{:>9}{:>9.1f}%{:>8.2f}%\n", load.name, batch.counters.taken,
               100 * static_cast<double>(batch.counters.delivered) / taken, 100 * share);
  }
  munmap(memory, kBytes);
  std::fflush(stdout);
  return verdict("accuracy", worst, "share of decoded samples in the right region, worst load", ">= 0.95",
                 worst >= kTarget);
}

}  // namespace tier
