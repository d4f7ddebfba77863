// swapread: what the kernel reads ahead when memory comes back from swap. Usage: swapread MIB, with swap on.
// One line for each page-cluster, order of reading and owner: of pages of their own, and of pages shared with
// a child.
#include <fcntl.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <string>

#ifndef MADV_PAGEOUT
#define MADV_PAGEOUT 21
#endif

namespace {

constexpr std::size_t kPage = 4096;

struct Counts {
  long long swapped_in = 0, ahead = 0, hits = 0;
};

Counts counts() {
  Counts now;
  std::ifstream vmstat("/proc/vmstat");
  std::string name;
  for (long long value = 0; vmstat >> name >> value;) {
    if (name == "pswpin") now.swapped_in = value;
    if (name == "swap_ra") now.ahead = value;
    if (name == "swap_ra_hit") now.hits = value;
  }
  return now;
}

// Pages that are not in memory.
std::size_t absent(void* data, std::size_t pages) {
  std::size_t away = 0;
  auto* in = static_cast<unsigned char*>(std::malloc(pages));
  if (in == nullptr || mincore(data, pages * kPage, in) != 0) return 0;
  for (std::size_t i = 0; i < pages; ++i) away += (in[i] & 1) == 0 ? 1 : 0;
  std::free(in);
  return away;
}

// False: nothing went out, so nothing is told.
bool run(int cluster, bool random, bool shared, std::size_t pages) {
  std::ofstream("/proc/sys/vm/page-cluster") << cluster;
  auto* data = static_cast<volatile std::uint64_t*>(
      mmap(nullptr, pages * kPage, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
  if (data == MAP_FAILED) return std::perror("mmap"), false;
  void* memory = const_cast<std::uint64_t*>(data);
  madvise(memory, pages * kPage, MADV_NOHUGEPAGE);
  std::uint64_t state = 88172645463325252ULL;
  for (std::size_t at = 0; at < pages * kPage / sizeof(*data); ++at) {
    state ^= state << 13;
    state ^= state >> 7;
    state ^= state << 17;
    data[at] = at % 4 == 0 ? state : at;  // compresses, but not to nothing
  }
  // A device that takes its time has them until they are written: the next try lets go of those.
  for (int attempt = 0; attempt < 20 && absent(memory, pages) < pages; ++attempt) {
    madvise(memory, pages * kPage, MADV_PAGEOUT);
    usleep(50'000);
  }
  // The child's copies of the entries make each of them used twice; pages go out before, while they have one
  // owner.
  const pid_t child = shared ? fork() : -1;
  if (child == 0) {
    pause();
    _exit(0);
  }
  const std::size_t away = absent(memory, pages);
  const Counts before = counts();
  std::uint64_t sum = 0;
  for (std::size_t i = 0; i < pages / 4; ++i) {  // a quarter, so that what is read ahead in vain shows
    state = state * 6364136223846793005ULL + 1442695040888963407ULL;
    const std::size_t page = random ? (state >> 32) % pages : i;
    sum += data[page * kPage / sizeof(*data)];
  }
  const Counts after = counts();
  std::printf("page-cluster %d %-10s %-6s out %zu touched %zu pswpin %lld swap_ra %lld swap_ra_hit %lld%s\n",
              cluster, random ? "random" : "sequential", shared ? "shared" : "own", away, pages / 4,
              after.swapped_in - before.swapped_in, after.ahead - before.ahead, after.hits - before.hits,
              sum == 0 ? " (all zero)" : "");
  if (child > 0) {
    kill(child, SIGKILL);
    waitpid(child, nullptr, 0);
  }
  munmap(memory, pages * kPage);
  return away > 0;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 2) return std::fprintf(stderr, "usage: swapread MIB\n"), 2;
  std::setvbuf(stdout, nullptr, _IOLBF, 0);
  const std::size_t pages = (static_cast<std::size_t>(std::atoi(argv[1])) << 20) / kPage;
  for (const int cluster : {0, 3})
    for (const bool random : {false, true})
      for (const bool shared : {false, true})
        if (!run(cluster, random, shared, pages)) return 1;
  return 0;
}
