// A program with a known distribution of data addresses, run in a forked child.
#pragma once

#include <signal.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdint>
#include <fstream>
#include <iterator>
#include <sstream>
#include <string>

#include "core/target.h"

namespace tier {

// Field 22 of /proc/PID/stat.
inline std::uint64_t start_time_of(pid_t pid) {
  std::ifstream file("/proc/" + std::to_string(pid) + "/stat");
  const std::string text((std::istreambuf_iterator<char>(file)), std::istreambuf_iterator<char>());
  std::istringstream fields(text.substr(text.rfind(')') + 2));
  std::string field;
  for (int number = 3; number <= 22; ++number) fields >> field;
  return std::stoull(field);
}

inline Target target_of(pid_t pid, std::uint32_t id) {
  Target target;
  target.id = TargetId{id};
  target.pid = Pid{pid};
  target.start_time = start_time_of(pid);
  return target;
}

// Memory that parent and child see at the same address, so that the parent knows what is right.
class SharedArray {
 public:
  explicit SharedArray(std::size_t bytes)
      : bytes_(bytes),
        memory_(static_cast<std::uint64_t*>(mmap(nullptr, bytes, PROT_READ | PROT_WRITE,
                                                 MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0))) {}
  SharedArray(const SharedArray&) = delete;
  SharedArray& operator=(const SharedArray&) = delete;
  ~SharedArray() { munmap(memory_, bytes_); }
  std::uint64_t* data() const { return memory_; }
  std::size_t words() const { return bytes_ / sizeof(std::uint64_t); }
  AddressRange range() const {
    const auto start = reinterpret_cast<Address>(memory_);
    return {start, start + bytes_};
  }

 private:
  std::size_t bytes_;
  std::uint64_t* memory_;
};

// Runs `body` in a child until destroyed.
class WatchedProgram {
 public:
  template <typename Body>
  explicit WatchedProgram(Body body) : pid_(fork()) {
    if (pid_ == 0) {
      body();
      _exit(0);
    }
  }
  WatchedProgram(const WatchedProgram&) = delete;
  WatchedProgram& operator=(const WatchedProgram&) = delete;
  ~WatchedProgram() { end(); }
  void end() {
    if (pid_ <= 0) return;
    kill(pid_, SIGKILL);
    waitpid(pid_, nullptr, 0);
    pid_ = -1;
  }
  pid_t pid() const { return pid_; }

 private:
  pid_t pid_;
};

inline std::uint64_t next_random(std::uint64_t& state) {
  state ^= state << 13U;
  state ^= state >> 7U;
  state ^= state << 17U;
  return state;
}

// Random reads for ever: 90 % of them in the first 1/16 of the array.
[[noreturn]] inline void read_at_random(const SharedArray& array) {
  std::uint64_t state = 88172645463325252U, sum = 0;
  for (std::size_t word = 0; word < array.words(); word += 512) array.data()[word] = 0;
  for (;;) {
    const std::uint64_t random = next_random(state);
    const std::size_t span = random % 10 != 0 ? array.words() / 16 : array.words();
    sum += array.data()[((random >> 8U) + (sum & 1U)) % span];
    asm volatile("" : "+r"(sum));  // the sum counts as used, else the compiler drops the reads
  }
}

}  // namespace tier
