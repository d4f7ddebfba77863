// bound: random reads over memory bound to one node, so that a test knows what the counting plugin must say.
// Usage: bound NODE MIB. Prints "ready", waits for SIGUSR1, prints "ops N" (a running total of reads).
#include <linux/mempolicy.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include <cstdint>
#include <cstdio>
#include <cstdlib>

int main(int argc, char** argv) {
  if (argc != 3) return std::fprintf(stderr, "usage: bound NODE MIB\n"), 2;
  const unsigned long mask = 1UL << std::atoi(argv[1]);
  const std::size_t bytes = static_cast<std::size_t>(std::atoi(argv[2])) << 20;
  sigset_t go;
  sigemptyset(&go);
  sigaddset(&go, SIGUSR1);
  sigprocmask(SIG_BLOCK, &go, nullptr);
  signal(SIGUSR1, SIG_DFL);
  auto* data = static_cast<volatile std::uint64_t*>(
      mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
  if (data == MAP_FAILED || syscall(SYS_mbind, data, bytes, MPOL_BIND, &mask, 64, 0) != 0)
    return std::perror("bound"), 1;
  const std::size_t words = bytes / sizeof(std::uint64_t);
  for (std::size_t at = 0; at < words; at += 512) data[at] = at;
  std::setvbuf(stdout, nullptr, _IOLBF, 0);
  std::puts("ready");
  sigwaitinfo(&go, nullptr);
  std::uint64_t state = 88172645463325252ULL, sum = 0, reads = 0;
  while (true) {
    for (int i = 0; i < 50'000; ++i) {
      state ^= state << 13;
      state ^= state >> 7;
      state ^= state << 17;
      sum += data[state % words];
    }
    reads += 50'000;
    std::printf("ops %llu\n", static_cast<unsigned long long>(reads));
    if (sum == 0) std::puts("all zero");
  }
}
