// A program with a known pattern of accesses, for the recorder's test. Static, so that only its own accesses
// count. Arguments: regions of 2 MiB, rounds of random reads (one for each line of the data).
//   1. writes every line once, in order;
//   2. reads lines at random;
//   3. unmaps the upper half and writes the lower one again, twice;
//   4. forks, and the child does the same.
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdint>
#include <cstdio>
#include <cstdlib>

namespace {

constexpr std::size_t kRegion = 2 << 20, kLine = 64;

std::uint64_t xorshift(std::uint64_t& state) {
  state ^= state << 13;
  state ^= state >> 7;
  state ^= state << 17;
  return state;
}

void write_all(volatile char* data, std::size_t bytes, int turns) {
  for (int turn = 0; turn < turns; ++turn)
    for (std::size_t at = 0; at < bytes; at += kLine) data[at] = 1;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 3) return 2;
  const std::size_t bytes = std::strtoull(argv[1], nullptr, 10) * kRegion;
  const std::uint64_t rounds = std::strtoull(argv[2], nullptr, 10);
  void* mapped = mmap(nullptr, bytes + kRegion, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (mapped == MAP_FAILED) return 1;
  const std::uintptr_t start = (reinterpret_cast<std::uintptr_t>(mapped) + kRegion - 1) & ~(kRegion - 1);
  auto* data = reinterpret_cast<volatile char*>(start);
  write_all(data, bytes, 1);
  std::uint64_t state = 88172645463325252ULL, sum = 0;
  for (std::uint64_t i = 0; i < rounds * (bytes / kLine); ++i)
    sum += static_cast<std::uint64_t>(data[xorshift(state) % (bytes / kLine) * kLine]);
  std::printf("%llu\n", static_cast<unsigned long long>(sum));
  std::fflush(stdout);
  munmap(reinterpret_cast<void*>(start + bytes / 2), bytes / 2);
  write_all(data, bytes / 2, 2);
  const pid_t child = fork();
  if (child == 0) {
    write_all(data, bytes / 2, 2);
    _exit(0);
  }
  int status = 0;
  return waitpid(child, &status, 0) == child && status == 0 ? 0 : 1;
}
