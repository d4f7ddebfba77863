// hotset: random updates over many 2 MiB regions, most of them in a hot set at random places; the hot set may
// move, for ever to new places or round a few. With --chase each update must wait for the one before it, as
// in a tree, a list or a hash table; without, as many overlap as the processor can hold. Prints "ready" after
// touching everything in address order (with --hot-first the hot set first), waits for SIGUSR1 with --wait,
// then prints "ops N" (a running total) each second. With --sharers N the data is shared memory and N
// processes update it alike; the first one prints.
#include <signal.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <numeric>
#include <random>
#include <string>
#include <utility>
#include <vector>

namespace {

constexpr std::size_t kRegion = 2 << 20;
constexpr double kPrintEvery = 0.2;  // seconds

struct Options {
  std::size_t mib = 64;       // size of the data
  std::size_t hot = 8;        // regions in the hot set
  unsigned hot_percent = 90;  // of the updates
  double move_s = 0;          // seconds between moves of the hot set; 0: never
  std::size_t places = 0;     // it comes back after so many; 0: never
  std::uint64_t seed = 1;
  std::size_t sharers = 0;  // processes; 0: one, and memory of its own
  bool wait = false;
  bool chase = false;      // the next place comes from the value found at the last one
  bool hot_first = false;  // the first hot set is touched first: memory nearest by is given to it
};

std::uint64_t xorshift(std::uint64_t& state) {
  state ^= state << 13;
  state ^= state >> 7;
  state ^= state << 17;
  return state;
}

double now() {
  timespec t{};
  clock_gettime(CLOCK_MONOTONIC, &t);
  return static_cast<double>(t.tv_sec) + static_cast<double>(t.tv_nsec) * 1e-9;
}

Options parse(int argc, char** argv) {
  Options options;
  for (int i = 1; i < argc; ++i) {
    const std::string key = argv[i];
    if (key == "--wait") {
      options.wait = true;
      continue;
    }
    if (key == "--chase" || key == "--hot-first") {
      (key == "--chase" ? options.chase : options.hot_first) = true;
      continue;
    }
    if (i + 1 >= argc) {
      std::fprintf(stderr, "hotset: %s needs a value\n", key.c_str());
      std::exit(2);
    }
    const double value = std::atof(argv[++i]);
    if (key == "--mib")
      options.mib = static_cast<std::size_t>(value);
    else if (key == "--hot")
      options.hot = static_cast<std::size_t>(value);
    else if (key == "--hot-percent")
      options.hot_percent = static_cast<unsigned>(value);
    else if (key == "--move")
      options.move_s = value;
    else if (key == "--sharers")
      options.sharers = static_cast<std::size_t>(value);
    else if (key == "--places")
      options.places = static_cast<std::size_t>(value);
    else if (key == "--seed")
      options.seed = static_cast<std::uint64_t>(value);
    else {
      std::fprintf(stderr, "hotset: unknown option %s\n", key.c_str());
      std::exit(2);
    }
  }
  return options;
}

// The hot regions of one phase: `hot` of all regions, at random places.
std::vector<std::uint32_t> hot_regions(std::size_t regions, std::size_t hot, std::mt19937_64& random) {
  std::vector<std::uint32_t> all(regions);
  std::iota(all.begin(), all.end(), 0U);
  std::shuffle(all.begin(), all.end(), random);
  all.resize(std::min(hot, regions));
  return all;
}

// One word of each page is enough to have it; the kernel zeroes the rest.
void touch(std::uint64_t* data, std::size_t from, std::size_t bytes) {
  for (std::size_t at = from; at < from + bytes; at += 4096) data[at / sizeof *data] = at;
}

// One batch of updates; small enough that the clock is looked at often, large enough that looking costs
// nothing. Both choices of a region are looked up, so that no branch parts a value from the place that comes
// of it.
template <bool kChase>
void update(std::uint64_t* data, std::size_t regions, const std::vector<std::uint32_t>& hot, unsigned percent,
            std::uint64_t& state) {
  constexpr std::size_t kWords = kRegion / sizeof(std::uint64_t);
  const std::uint64_t threshold = percent * (std::uint64_t{1} << 16) / 100;
  for (int i = 0; i < 20'000; ++i) {
    const std::uint64_t value = xorshift(state);
    const std::uint64_t pick = (value >> 16) & 0xffffffff;
    const std::size_t among_hot = hot[(pick * hot.size()) >> 32], among_all = (pick * regions) >> 32;
    const std::size_t region = (value & 0xffff) < threshold ? among_hot : among_all;
    std::uint64_t& word = data[region * kWords + (value >> 48) % kWords + ((pick & 3) << 16) % kWords];
    const std::uint64_t found = word;
    word = found + value;
    if (kChase) state = (state ^ found) | 1;
  }
}

// Aligned to regions; nullptr and a message where there is no room.
std::uint64_t* map_data(std::size_t regions, bool shared) {
  void* mapped = mmap(nullptr, (regions + 1) * kRegion, PROT_READ | PROT_WRITE,
                      (shared ? MAP_SHARED : MAP_PRIVATE) | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (mapped == MAP_FAILED) return std::perror("hotset: mmap"), nullptr;
  auto* data = reinterpret_cast<std::uint64_t*>((reinterpret_cast<std::uintptr_t>(mapped) + kRegion - 1) &
                                                ~(kRegion - 1));
  // Without this the kernel gives huge pages on the nearest node only and crumbs everywhere else.
  if (madvise(data, regions * kRegion, MADV_HUGEPAGE) != 0) std::perror("hotset: no huge pages");
  return data;
}

// Where the hot set is, and where it goes next.
class HotSet {
 public:
  HotSet(const Options& options, std::size_t regions)
      : options_(options),
        regions_(regions),
        random_(options.seed),
        places_({hot_regions(regions, options.hot, random_)}) {}
  const std::vector<std::uint32_t>& here() const { return places_[place_]; }
  void move() {
    if (places_.size() == options_.places) {
      place_ = (place_ + 1) % places_.size();
      return;
    }
    if (options_.places == 0) places_.clear();
    places_.push_back(hot_regions(regions_, options_.hot, random_));
    place_ = places_.size() - 1;
  }

 private:
  const Options& options_;
  std::size_t regions_;
  std::mt19937_64 random_;
  std::vector<std::vector<std::uint32_t>> places_;
  std::size_t place_ = 0;
};

// For ever. `self`: which of the sharers this is; all have the same hot set and visit it in another order.
[[noreturn]] void run(std::uint64_t* data, std::size_t regions, HotSet hot, const Options& options,
                      std::size_t self) {
  const auto batch = options.chase ? update<true> : update<false>;
  std::uint64_t state = (options.seed + 1000 * self) * 0x9e3779b97f4a7c15ULL + 1, operations = 0;
  const double start = now();
  double next_move = options.move_s > 0 ? start + options.move_s : 1e18, next_print = start + kPrintEvery;
  while (true) {
    batch(data, regions, hot.here(), options.hot_percent, state);
    operations += 20'000;
    const double time = now();
    if (time >= next_move) {
      hot.move();
      next_move += options.move_s;
    }
    if (self == 0 && time >= next_print) {
      std::printf("ops %llu\n", static_cast<unsigned long long>(operations));
      next_print += kPrintEvery;
    }
  }
}

}  // namespace

int main(int argc, char** argv) {
  const Options options = parse(argc, argv);
  const std::size_t regions = options.mib * (1 << 20) / kRegion;
  if (regions == 0 || options.hot == 0)
    return std::fprintf(stderr, "hotset: --mib and --hot must be at least 2 and 1\n"), 2;
  sigset_t go;
  sigemptyset(&go);
  sigaddset(&go, SIGUSR1);
  sigprocmask(SIG_BLOCK, &go, nullptr);
  signal(SIGUSR1, SIG_DFL);  // blocked, so it stays pending until it is waited for
  std::uint64_t* data = map_data(regions, options.sharers > 0);
  if (data == nullptr) return 1;
  HotSet hot(options, regions);
  if (options.hot_first)
    for (const std::uint32_t region : hot.here()) touch(data, region * kRegion, kRegion);
  touch(data, 0, regions * kRegion);
  std::setvbuf(stdout, nullptr, _IOLBF, 0);
  std::puts("ready");
  if (options.wait) sigwaitinfo(&go, nullptr);
  std::size_t self = 0;
  while (self + 1 < options.sharers && fork() == 0) {
    ++self;
    prctl(PR_SET_PDEATHSIG, SIGKILL);
  }
  run(data, regions, std::move(hot), options, self);
}
