#include "tools/tier-lab/agent/self_check.h"

#include <linux/perf_event.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <cstring>
#include <string>
#include <vector>

#include "platform/api/file_descriptor.h"

// lab_pair(fast circle, slow circle, turns): one load of each in turn. Each address rests on the load before
// it (by a register that is zero), so that none waits in another's shadow. A random pause of 2 to 64
// instructions keeps samples from meeting a loop of constant length in few places again and again.
asm(R"(
  .text
  .globl lab_pair, lab_after_fast, lab_after_slow, lab_pair_end
lab_pair:
  xor %eax, %eax
  mov $1, %r8d
lab_pair_turn:
  mov (%rdi,%rax), %rdi
lab_after_fast:
  mov %edi, %eax
  and $0, %eax
  mov (%rsi,%rax), %rsi
lab_after_slow:
  mov %esi, %eax
  and $0, %eax
  imul $1103515245, %r8d, %r8d
  add $12345, %r8d
  mov %r8d, %ecx
  shr $27, %ecx
lab_pair_pause:
  dec %ecx
  jns lab_pair_pause
  dec %rdx
  jnz lab_pair_turn
  ret
lab_pair_end:
)");
extern "C" {
void lab_pair(void* fast, void* slow, std::uint64_t turns);
extern char lab_after_fast[], lab_after_slow[], lab_pair_end[];
}

namespace tier::lab {
namespace {

using nlohmann::json;

constexpr std::size_t kLine = 64;
constexpr std::size_t kChaseBytes = 1 << 20;  // any cache could hold it, were it not flushed
constexpr std::size_t kUnrolled = 16;         // loads in one turn of the chase's loop
constexpr double kSampledNs = 0.4e9;          // 4000 samples: shares of them are then right within a point
constexpr std::uint64_t kSamplePeriodNs = 100'000;  // 10 kHz
constexpr std::size_t kRingPages = 64;
constexpr int kBind = 2;  // MPOL_BIND

std::uint64_t now_ns() {
  timespec t{};
  clock_gettime(CLOCK_MONOTONIC, &t);
  return static_cast<std::uint64_t>(t.tv_sec) * 1'000'000'000 + static_cast<std::uint64_t>(t.tv_nsec);
}

// Lines of one node, each of which points to another, in one circle.
class Circle {
 public:
  Circle(int node, std::size_t bytes) : lines_(bytes / kLine) {
    void* mapped = mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (mapped == MAP_FAILED) return;
    memory_ = static_cast<char*>(mapped);
    const unsigned long mask = 1UL << node;
    if (syscall(SYS_mbind, mapped, bytes, kBind, &mask, sizeof mask * 8, 0) != 0) return;
    if (mlock(mapped, bytes) != 0) return;
    link();
    ready_ = true;
  }
  ~Circle() {
    if (memory_ != nullptr) munmap(memory_, lines_ * kLine);
  }
  Circle(const Circle&) = delete;
  Circle& operator=(const Circle&) = delete;

  bool ready() const { return ready_; }
  void* start() const { return memory_; }
  std::size_t lines() const { return lines_; }
  void flush() const {
    for (std::size_t i = 0; i < lines_; ++i) __builtin_ia32_clflush(memory_ + i * kLine);
    __builtin_ia32_mfence();
  }

 private:
  // Sattolo's shuffle gives one circle through all lines.
  void link() {
    std::vector<std::uint32_t> order(lines_);
    for (std::uint32_t i = 0; i < lines_; ++i) order[i] = i;
    std::uint64_t state = 0x9e3779b97f4a7c15ULL;
    for (std::size_t i = lines_ - 1; i > 0; --i) {
      state ^= state << 13;
      state ^= state >> 7;
      state ^= state << 17;
      std::swap(order[i], order[state % i]);
    }
    for (std::uint32_t i = 0; i < lines_; ++i)
      *reinterpret_cast<void**>(memory_ + i * kLine) = memory_ + order[i] * kLine;
  }

  std::size_t lines_;
  char* memory_ = nullptr;
  bool ready_ = false;
};

// Nanoseconds of one load whose address the load before it gives. The lines are flushed first, since a tool's
// own probe of latencies rests on that.
double chase(const Circle& circle) {
  circle.flush();
  void* at = circle.start();
  const std::uint64_t start = now_ns();
  for (std::size_t i = 0; i < circle.lines() / kUnrolled; ++i)
    asm volatile(".rept 16\n mov (%0), %0\n .endr" : "+r"(at) : : "memory");
  const std::uint64_t elapsed = now_ns() - start;
  return static_cast<double>(elapsed) / static_cast<double>(circle.lines());
}

// Samples of the clock in this thread's user code.
class Samples {
 public:
  Samples() {
    perf_event_attr attributes{};
    attributes.size = sizeof attributes;
    attributes.type = PERF_TYPE_SOFTWARE;
    attributes.config = PERF_COUNT_SW_CPU_CLOCK;
    attributes.sample_period = kSamplePeriodNs;
    attributes.sample_type = PERF_SAMPLE_IP;
    attributes.exclude_kernel = 1;
    attributes.disabled = 1;
    event_.reset(static_cast<int>(syscall(SYS_perf_event_open, &attributes, 0, -1, -1, 0)));
    if (!event_.valid()) return;
    page_ = static_cast<std::size_t>(sysconf(_SC_PAGESIZE));
    void* mapped =
        mmap(nullptr, (1 + kRingPages) * page_, PROT_READ | PROT_WRITE, MAP_SHARED, event_.get(), 0);
    if (mapped != MAP_FAILED) ring_ = static_cast<char*>(mapped);
  }
  ~Samples() {
    if (ring_ != nullptr) munmap(ring_, (1 + kRingPages) * page_);
  }
  Samples(const Samples&) = delete;
  Samples& operator=(const Samples&) = delete;

  bool ready() const { return ring_ != nullptr; }
  void start() const { ioctl(event_.get(), PERF_EVENT_IOC_ENABLE, 0); }
  void stop() const { ioctl(event_.get(), PERF_EVENT_IOC_DISABLE, 0); }

  // Counts what has come by where it fell.
  void take() {
    auto* control = reinterpret_cast<perf_event_mmap_page*>(ring_);
    const std::uint64_t head = std::atomic_ref(control->data_head).load(std::memory_order_acquire);
    std::uint64_t at = control->data_tail;
    while (at < head) {
      perf_event_header header{};
      copy(at, &header, sizeof header);
      std::uint64_t ip = 0;
      if (header.type == PERF_RECORD_SAMPLE) {
        copy(at + sizeof header, &ip, sizeof ip);
        count(ip);
      }
      at += header.size;
    }
    std::atomic_ref(control->data_tail).store(head, std::memory_order_release);
  }
  json counts() const { return {{"all", all_}, {"fast", fast_}, {"slow", slow_}}; }

 private:
  void copy(std::uint64_t from, void* to, std::size_t size) const {
    const std::size_t bytes = kRingPages * page_;
    for (std::size_t i = 0; i < size; ++i) static_cast<char*>(to)[i] = ring_[page_ + (from + i) % bytes];
  }
  void count(std::uint64_t ip) {
    const auto is = [ip](const void* place) { return ip == reinterpret_cast<std::uint64_t>(place); };
    if (ip < reinterpret_cast<std::uint64_t>(&lab_pair) ||
        ip >= reinterpret_cast<std::uint64_t>(lab_pair_end))
      return;
    ++all_;
    fast_ += is(lab_after_fast) ? 1 : 0;
    slow_ += is(lab_after_slow) ? 1 : 0;
  }

  FileDescriptor event_;
  std::size_t page_ = 0;
  char* ring_ = nullptr;
  std::uint64_t all_ = 0, fast_ = 0, slow_ = 0;
};

std::string reason(const std::string& what) { return what + ": " + std::strerror(errno); }

// One circle through both, nanoseconds.
std::uint64_t walk(const Circle& fast, const Circle& slow, bool flush) {
  if (flush) {
    fast.flush();
    slow.flush();
  }
  const std::uint64_t start = now_ns();
  lab_pair(fast.start(), slow.start(), fast.lines());
  return now_ns() - start;
}

// Adds where samples fall in a loop that waits for both nodes, and how long a turn of it takes unsampled.
json sample_pair(const Circle& fast, const Circle& slow, bool flush, json measured) {
  walk(fast, slow, flush);  // from here on no line of the circles is left in the cache
  measured["pair_ns"] = static_cast<double>(walk(fast, slow, flush)) / static_cast<double>(fast.lines());
  Samples samples;
  if (!samples.ready()) return {{"error", reason("no samples of the clock")}};
  for (double taken_ns = 0; taken_ns < kSampledNs;) {
    samples.start();
    taken_ns += static_cast<double>(walk(fast, slow, flush));
    samples.stop();
    samples.take();
  }
  measured["samples"] = samples.counts();
  return measured;
}

json measure(const json& expected) {
  json measured = {{"nodes", json::array()}};
  const std::size_t bytes = expected.at("circle_kib").get<std::size_t>() * 1024;
  for (const json& one : expected.at("nodes")) {
    const int node = one.at("node").get<int>();
    const Circle circle(node, kChaseBytes);
    if (!circle.ready()) return {{"error", reason("no memory on node " + std::to_string(node))}};
    measured["nodes"].push_back({{"node", node}, {"read_ns", chase(circle)}});
  }
  const int fast = expected.at("fast").get<int>(), slow = expected.at("slow").get<int>();
  if (fast == slow) return measured;
  const Circle fast_circle(fast, bytes), slow_circle(slow, bytes);
  if (!fast_circle.ready() || !slow_circle.ready()) return {{"error", reason("no memory to sample")}};
  return sample_pair(fast_circle, slow_circle, expected.at("flush").get<bool>(), std::move(measured));
}

}  // namespace

json measure_waiting(const json& expected) {
  cpu_set_t before, first;
  sched_getaffinity(0, sizeof before, &before);
  CPU_ZERO(&first);
  CPU_SET(0, &first);
  sched_setaffinity(0, sizeof first, &first);
  json measured = measure(expected);
  sched_setaffinity(0, sizeof before, &before);
  return measured;
}

}  // namespace tier::lab
