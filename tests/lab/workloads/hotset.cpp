// Random updates with a scattered hot set: a share of all updates falls on a few 2 MiB regions at random
// places, the rest on all others.
//   hotset SIZE_MIB HOT_REGIONS HOT_SHARE SEED [MOVE_EVERY_SECONDS]
// Touches its memory in address order first (so first touch fills the fast tier with whatever comes first),
// prints "ready", then "ops N" every second. With MOVE_EVERY_SECONDS the hot set jumps to other places that
// often, counted from "ready".
#include <sys/mman.h>

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <numeric>
#include <random>
#include <vector>

namespace {

constexpr std::size_t kRegion = 2U << 20;
constexpr std::size_t kWordsPerRegion = kRegion / sizeof(std::uint64_t);

struct Options {
  std::size_t regions = 0, hot = 0;
  double share = 0;
  std::uint64_t seed = 0;
  double move_every = 0;
};

double now() {
  return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

// 2 MiB aligned, so that a region here is a huge page and a region of whoever watches.
std::uint64_t* map_regions(std::size_t regions) {
  void* raw = mmap(nullptr, (regions + 1) * kRegion, PROT_READ | PROT_WRITE,
                   MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (raw == MAP_FAILED) return nullptr;
  const auto aligned = (reinterpret_cast<std::uintptr_t>(raw) + kRegion - 1) & ~(kRegion - 1);
  return reinterpret_cast<std::uint64_t*>(aligned);
}

// The hot regions first, the cold ones after: one random permutation.
void choose_hot(std::vector<std::uint32_t>& order, std::mt19937_64& random) {
  std::iota(order.begin(), order.end(), 0U);
  std::shuffle(order.begin(), order.end(), random);
}

[[noreturn]] void update_for_ever(std::uint64_t* memory, const Options& options) {
  std::mt19937_64 random(options.seed);
  std::vector<std::uint32_t> order(options.regions);
  choose_hot(order, random);
  const auto threshold = static_cast<std::uint32_t>(options.share * 4294967295.0);
  const std::size_t cold = options.regions - options.hot;
  std::uint64_t x = options.seed * 0x9E3779B97F4A7C15ULL + 1, ops = 0;
  const double started = now();
  double next_report = started + 1, next_move = started + options.move_every;
  for (;;) {
    for (int i = 0; i < 4096; ++i) {
      x ^= x << 13, x ^= x >> 7, x ^= x << 17;  // xorshift64 (Marsaglia 2003)
      const auto dice = static_cast<std::uint32_t>(x >> 32);
      const std::uint64_t pick = (x & 0xffffffff) * 0x9E3779B1U;
      const std::size_t index =
          dice < threshold ? (pick >> 16) % options.hot : options.hot + (pick >> 16) % cold;
      memory[order[index] * kWordsPerRegion + (x >> 20) % kWordsPerRegion] += x;
    }
    ops += 4096;
    const double t = now();
    if (t >= next_report) {
      std::printf("ops %llu\n", static_cast<unsigned long long>(ops));
      next_report += 1;
    }
    if (options.move_every > 0 && t >= next_move) {
      choose_hot(order, random);
      next_move += options.move_every;
    }
  }
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 5) {
    std::fprintf(stderr, "usage: hotset SIZE_MIB HOT_REGIONS HOT_SHARE SEED [MOVE_EVERY_SECONDS]\n");
    return 2;
  }
  Options options;
  options.regions = std::strtoull(argv[1], nullptr, 10) * (1U << 20) / kRegion;
  options.hot = std::strtoull(argv[2], nullptr, 10);
  options.share = std::strtod(argv[3], nullptr);
  options.seed = std::strtoull(argv[4], nullptr, 10);
  if (argc > 5) options.move_every = std::strtod(argv[5], nullptr);
  if (options.hot == 0 || options.hot >= options.regions || options.share <= 0 || options.share > 1) {
    std::fprintf(stderr, "hotset: needs 0 < HOT_REGIONS < SIZE_MIB / 2 and 0 < HOT_SHARE <= 1\n");
    return 2;
  }
  std::setvbuf(stdout, nullptr, _IOLBF, 0);
  std::uint64_t* memory = map_regions(options.regions);
  if (memory == nullptr) {
    std::perror("hotset: mmap");
    return 1;
  }
  // One write a page: the kernel zeroes, we need not.
  for (std::size_t word = 0; word < options.regions * kWordsPerRegion; word += 512) memory[word] = word;
  std::printf("ready\n");
  update_for_ever(memory, options);
}
