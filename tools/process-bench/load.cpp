// Programs that make watching dear: many idle processes, many that share one memory, many mappings, one that
// times its own mmap calls. Each says "ready" on stdout when it is set up and ends when its stdin does.
#include <fcntl.h>
#include <poll.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <atomic>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <new>
#include <random>
#include <thread>
#include <vector>

namespace {

constexpr std::size_t kPage = 4096, kMiB = 1 << 20;
using Clock = std::chrono::steady_clock;

[[noreturn]] void die(const char* what) {
  std::perror(what);
  std::_Exit(1);
}

// Small pages, all of them written, so that every page has an entry of its own in the page table.
char* map_filled(std::size_t bytes, int sharing) {
  void* start = ::mmap(nullptr, bytes, PROT_READ | PROT_WRITE, sharing | MAP_ANONYMOUS, -1, 0);
  if (start == MAP_FAILED) die("mmap");
  ::madvise(start, bytes, MADV_NOHUGEPAGE);
  for (std::size_t at = 0; at < bytes; at += kPage) static_cast<volatile char*>(start)[at] = 1;
  return static_cast<char*>(start);
}

bool stdin_open() {
  pollfd entry{STDIN_FILENO, POLLIN, 0};
  if (::poll(&entry, 1, 0) <= 0) return true;
  char byte;
  return ::read(STDIN_FILENO, &byte, 1) > 0;
}

void say_ready() {
  std::puts("ready");
  std::fflush(stdout);
}

void wait_for_end() {
  while (stdin_open()) std::this_thread::sleep_for(std::chrono::milliseconds(200));
}

// Runs `set_up(i)`, then `go_on(i)` in `count` processes, which end with this one, and waits for the end.
// "ready" is said when all of them are set up.
template <typename SetUp, typename GoOn>
void with_children(int count, SetUp set_up, GoOn go_on) {
  std::vector<pid_t> children;
  auto* done = new (map_filled(kPage, MAP_SHARED)) std::atomic<int>(0);
  for (int i = 0; i < count; ++i) {
    const pid_t pid = ::fork();
    if (pid < 0) die("fork");
    if (pid == 0) {
      ::prctl(PR_SET_PDEATHSIG, SIGKILL);
      set_up(i);
      ++*done;
      go_on(i);
      std::_Exit(0);
    }
    children.push_back(pid);
  }
  while (*done < count) std::this_thread::sleep_for(std::chrono::milliseconds(50));
  say_ready();
  wait_for_end();
  for (const pid_t pid : children) ::kill(pid, SIGKILL);
  for (const pid_t pid : children) ::waitpid(pid, nullptr, 0);
}

[[noreturn]] void sleep_on(int) {
  while (true) ::pause();
}

void idle(int count, std::size_t mib) {
  with_children(
      count, [mib](int) { map_filled(mib * kMiB + kPage, MAP_PRIVATE); }, sleep_on);
}

// Each holds between nothing and `mib`, another size every second.
void fluctuate(int count, std::size_t mib) {
  with_children(
      count, [](int) {},
      [mib](int i) {
        std::mt19937 random(static_cast<unsigned>(i));
        std::uniform_int_distribution<std::size_t> size(1, mib * kMiB / kPage);
        while (true) {
          const std::size_t bytes = size(random) * kPage;
          char* memory = map_filled(bytes, MAP_PRIVATE);
          std::this_thread::sleep_for(std::chrono::seconds(1));
          ::munmap(memory, bytes);
        }
      });
}

// All of them map the same memory and have touched all of it; one in ten goes on reading it.
void share(int count, std::size_t mib) {
  const std::size_t bytes = mib * kMiB;
  char* memory = map_filled(bytes, MAP_SHARED);
  const auto read = [=](std::size_t step) {
    std::uint64_t sum = 0;
    for (std::size_t at = 0; at < bytes; at += step) sum += static_cast<volatile char*>(memory)[at];
    return sum;
  };
  with_children(
      count, [=](int) { read(kPage); },
      [=](int i) {
        if (i % 10 != 0) sleep_on(i);
        while (true) {
          read(16 * kPage);
          std::this_thread::sleep_for(std::chrono::milliseconds(20));
        }
      });
}

// `count` mappings that the kernel cannot merge, of which a hundred go and come every 20 ms.
void mappings(int count) {
  const auto protection = [](int i) { return i % 2 == 0 ? PROT_READ | PROT_WRITE : PROT_READ; };
  char* start = static_cast<char*>(::mmap(nullptr, static_cast<std::size_t>(count) * kPage, PROT_READ,
                                          MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0));
  if (start == MAP_FAILED) die("mmap");
  for (int i = 0; i < count; i += 2)
    if (::mprotect(start + static_cast<std::size_t>(i) * kPage, kPage, protection(i)) != 0) die("mprotect");
  say_ready();
  for (int next = 0; stdin_open(); std::this_thread::sleep_for(std::chrono::milliseconds(20))) {
    for (int i = 0; i < 100; ++i, next = (next + 2) % count) {
      char* page = start + static_cast<std::size_t>(next) * kPage;
      ::munmap(page, kPage);
      if (::mmap(page, kPage, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0) ==
          MAP_FAILED)
        die("mmap");
      *page = 1;
    }
  }
}

// Maps and unmaps areas of 1 MiB beside `mib` of filled memory, one page of it locked, and prints the worst
// of each slice of 50 ms: "SECONDS NANOSECONDS", the time by CLOCK_MONOTONIC.
void mmap_times(std::size_t mib) {
  char* memory = map_filled(mib * kMiB, MAP_PRIVATE);
  if (::mlock(memory + mib * kMiB / 2, kPage) != 0) die("mlock");
  say_ready();
  std::vector<void*> areas;
  while (stdin_open()) {
    const auto slice = Clock::now();
    Clock::duration worst{};
    while (Clock::now() - slice < std::chrono::milliseconds(50)) {
      const auto before = Clock::now();
      void* area = ::mmap(nullptr, kMiB, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
      const auto after = Clock::now();
      worst = std::max(worst, after - before);
      if (area == MAP_FAILED) die("mmap");
      areas.push_back(area);
      // Grows by 64 areas and shrinks again, so that the size differs from look to look.
      if (areas.size() == 64) {
        for (void* each : areas) ::munmap(each, kMiB);
        areas.clear();
      }
      std::this_thread::sleep_for(std::chrono::microseconds(200));
    }
    std::printf("%.3f %lld\n", std::chrono::duration<double>(slice.time_since_epoch()).count(),
                static_cast<long long>(std::chrono::nanoseconds(worst).count()));
    std::fflush(stdout);
  }
}

}  // namespace

int main(int argc, char** argv) {
  CLI::App app{"process-load: loads that make watching processes dear"};
  app.require_subcommand(1);
  int count = 100;
  std::size_t mib = 0;
  const auto command = [&](const char* name, const char* help, bool counted, bool sized) {
    CLI::App* each = app.add_subcommand(name, help);
    if (counted) each->add_option("count", count)->required()->check(CLI::Range(1, 65000));
    if (sized) each->add_option("mib", mib)->required()->check(CLI::Range(0, 65536));
    return each;
  };
  command("idle", "processes that hold so much and sleep", true, true)->callback([&] { idle(count, mib); });
  command("fluctuate", "processes whose size changes every second", true, true)->callback([&] {
    fluctuate(count, std::max<std::size_t>(mib, 1));
  });
  command("share", "processes that share one memory", true, true)->callback([&] { share(count, mib); });
  command("mappings", "a process with so many mappings that come and go", true, false)->callback([&] {
    mappings(count);
  });
  command("mmap-times", "a process that times its own mmap calls", false, true)->callback([&] {
    mmap_times(mib);
  });
  CLI11_PARSE(app, argc, argv);
  return 0;
}
