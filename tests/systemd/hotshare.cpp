// hotshare: reads a hot set at random and says where it lies.
//
// The data are first placed on the node asked for, by the thread's policy and not by mbind, so that everybody
// may move them later. Each half second the state file gets one line of fixed width: the share of the hot
// set's pages on node 0 in percent, as move_pages(2) tells it, and the reads done so far. With --fill it
// reads nothing: it takes memory of node 0 until only so much of it is free, and keeps it so.
#include <fcntl.h>
#include <numaif.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <string>
#include <vector>

namespace {

constexpr std::size_t kMib = 1 << 20;
constexpr std::size_t kPage = 4096;
constexpr double kReportEvery = 0.5;  // seconds

struct Options {
  std::size_t mib = 192;     // size of the data
  std::size_t hot_mib = 48;  // of the hot set: every (mib/hot_mib)-th 2 MiB of the data
  std::size_t fill_mib = 0;  // with --fill: what is left free on node 0
  int node = 1;              // where the data are placed first
  std::uint64_t seed = 1;
  std::string state;  // file
};

double now() {
  timespec t{};
  clock_gettime(CLOCK_MONOTONIC, &t);
  return static_cast<double>(t.tv_sec) + static_cast<double>(t.tv_nsec) * 1e-9;
}

Options parse(int argc, char** argv) {
  Options options;
  for (int i = 1; i + 1 < argc; i += 2) {
    const std::string key = argv[i];
    const auto value = static_cast<std::size_t>(std::atoll(argv[i + 1]));
    if (key == "--mib")
      options.mib = value;
    else if (key == "--hot")
      options.hot_mib = value;
    else if (key == "--fill")
      options.fill_mib = value;
    else if (key == "--node")
      options.node = static_cast<int>(value);
    else if (key == "--seed")
      options.seed = value;
    else if (key == "--state")
      options.state = argv[i + 1];
    else
      std::fprintf(stderr, "hotshare: unknown option %s\n", key.c_str()), std::exit(2);
  }
  return options;
}

// `bytes` of memory on 2 MiB, every page touched; on `node` as far as there is room.
char* place(std::size_t bytes, int node) {
  constexpr std::size_t kHuge = 2 * kMib;
  void* mapped = mmap(nullptr, bytes + kHuge, PROT_READ | PROT_WRITE,
                      MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (mapped == MAP_FAILED) std::perror("hotshare: mmap"), std::exit(1);
  auto* data = reinterpret_cast<char*>((reinterpret_cast<std::uintptr_t>(mapped) + kHuge - 1) & ~(kHuge - 1));
  if (madvise(data, bytes, MADV_HUGEPAGE) != 0) std::perror("hotshare: no huge pages");
  const unsigned long mask = 1UL << node;
  if (set_mempolicy(MPOL_PREFERRED, &mask, 8 * sizeof mask) != 0)
    std::perror("hotshare: set_mempolicy"), std::exit(1);
  for (std::size_t at = 0; at < bytes; at += kPage) data[at] = 1;
  set_mempolicy(MPOL_DEFAULT, nullptr, 0);
  return data;
}

std::size_t node0_free_kib() {
  std::ifstream file("/sys/devices/system/node/node0/meminfo");
  for (std::string word; file >> word;)
    if (word == "MemFree:") {
      std::size_t kib = 0;
      file >> kib;
      return kib;
    }
  std::fprintf(stderr, "hotshare: node 0 does not say what is free\n");
  std::exit(1);
}

// The kernel keeps some of a node back from programs, so that the wanted rest may be out of reach: what came
// from the other node is given back.
[[noreturn]] void fill(std::size_t left_mib) {
  constexpr std::size_t kPiece = 4 * kMib;
  for (;;) {
    std::size_t before = node0_free_kib();
    while (before > left_mib * 1024) {
      char* piece = place(kPiece, 0);
      const std::size_t after = node0_free_kib();
      // The kernel's counters may be wrong by half a MiB for each CPU.
      if (after + kPiece / 1024 / 2 > before) {
        munmap(piece, kPiece);
        break;
      }
      before = after;
    }
    usleep(500'000);
  }
}

std::uint64_t xorshift(std::uint64_t& state) {
  state ^= state << 13;
  state ^= state >> 7;
  state ^= state << 17;
  return state;
}

// A function of its own, which begins with the load: without -icount the emulator takes a timer interrupt
// only between two blocks of translated code, so a load in the middle of a block is never the one
// interrupted.
[[gnu::noinline]] unsigned read_byte(const char* at) {
  unsigned value;
  asm volatile("movzbl (%1), %0" : "=r"(value) : "r"(at) : "memory");
  return value;
}

// Percent of the pages that lie on node 0. Every eighth is asked for: regions move whole.
double share_on_node0(const std::vector<char*>& hot) {
  std::vector<void*> pages;
  for (char* region : hot)
    for (std::size_t at = 0; at < 2 * kMib; at += 8 * kPage) pages.push_back(region + at);
  std::vector<int> status(pages.size(), -1);
  if (move_pages(0, pages.size(), pages.data(), nullptr, status.data(), 0) != 0)
    std::perror("hotshare: move_pages"), std::exit(1);
  std::size_t on = 0;
  for (int node : status) on += node == 0 ? 1 : 0;
  return 100.0 * static_cast<double>(on) / static_cast<double>(pages.size());
}

}  // namespace

int main(int argc, char** argv) {
  const Options options = parse(argc, argv);
  if (options.fill_mib > 0) fill(options.fill_mib);
  if (options.hot_mib < 2 || options.mib < options.hot_mib || options.state.empty())
    return std::fprintf(
               stderr,
               "usage: hotshare --state FILE [--mib N] [--hot N] [--node N] [--seed N] | --fill MIB\n"),
           2;
  const int state = open(options.state.c_str(), O_WRONLY | O_CREAT | O_TRUNC, 0644);
  if (state < 0) return std::perror("hotshare: state"), 1;
  char* data = place(options.mib * kMib, options.node);
  std::vector<char*> hot;
  const std::size_t regions = options.mib / 2, wanted = options.hot_mib / 2;
  for (std::size_t i = 0; i < wanted; ++i) hot.push_back(data + i * regions / wanted * 2 * kMib);

  std::uint64_t random = options.seed * 0x9e3779b97f4a7c15ULL + 1, reads = 0, sum = 0;
  double report = 0;
  for (;;) {
    for (int i = 0; i < 20'000; ++i) {
      const std::uint64_t value = xorshift(random);
      sum += read_byte(&hot[(value >> 32) % hot.size()][value % (2 * kMib)]);
    }
    reads += 20'000;
    if (now() < report) continue;
    char line[64];
    const int size =
        std::snprintf(line, sizeof line, "%5.1f %14llu %2llu\n", share_on_node0(hot),
                      static_cast<unsigned long long>(reads), static_cast<unsigned long long>(sum % 100));
    if (pwrite(state, line, static_cast<std::size_t>(size), 0) != size)
      return std::perror("hotshare: state"), 1;
    report = now() + kReportEvery;
  }
}
