#include "platform/linux/latency_probe.h"

#include <linux/mempolicy.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <vector>

#include "platform/linux/file.h"
#include "platform/linux/machine.h"
#include "platform/linux/pages.h"

namespace tier {
namespace {

// Two cache lines apart: the adjacent-line prefetcher of x86 fetches pairs, and must not fetch the next step.
constexpr std::size_t kSlot = 128;

// The median of this many parts is reported, so that a preemption in one of them does not show.
constexpr std::uint32_t kParts = 8;

struct alignas(kSlot) Slot {
  Slot* next;
};

void evict(const void* line) {
#if defined(__x86_64__)
  __builtin_ia32_clflush(line);
#elif defined(__aarch64__)
  asm volatile("dc civac, %0" ::"r"(line) : "memory");
#else
  (void)line;
#endif
}

void fence() {
#if defined(__x86_64__)
  __builtin_ia32_mfence();
#elif defined(__aarch64__)
  asm volatile("dsb sy" ::: "memory");
#endif
}

Nanoseconds thread_cpu() {
  timespec t{};
  ::clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
  return std::chrono::seconds(t.tv_sec) + Nanoseconds(t.tv_nsec);
}

// xorshift64: any fixed shuffle serves, as long as no prefetcher knows it.
std::uint64_t next_random(std::uint64_t& state) {
  state ^= state << 13;
  state ^= state >> 7;
  state ^= state << 17;
  return state;
}

class MemoryMap {
 public:
  explicit MemoryMap(std::size_t size)
      : size_(size),
        start_(::mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0)) {}
  ~MemoryMap() {
    if (valid()) ::munmap(start_, size_);
  }
  MemoryMap(const MemoryMap&) = delete;
  MemoryMap& operator=(const MemoryMap&) = delete;
  bool valid() const { return start_ != MAP_FAILED; }
  void* start() const { return start_; }
  std::size_t size() const { return size_; }

 private:
  std::size_t size_;
  void* start_;
};

}  // namespace

// One cycle through all slots of a buffer on one node.
class LinuxLatencyProbe::Chase {
 public:
  explicit Chase(std::size_t size) : memory_(size) {}

  Result<void> build(NodeId node);
  bool still_on(NodeId node) const;
  Nanoseconds walk(std::uint32_t steps);

 private:
  std::vector<Address> pages(std::size_t stride) const;
  void link();
  void keep(NodeId node);

  MemoryMap memory_;
  Slot* position_ = nullptr;
};

std::vector<Address> LinuxLatencyProbe::Chase::pages(std::size_t stride) const {
  const auto page = static_cast<std::size_t>(::sysconf(_SC_PAGESIZE));
  std::vector<Address> addresses;
  for (std::size_t offset = 0; offset < memory_.size(); offset += page * stride)
    addresses.push_back(reinterpret_cast<Address>(memory_.start()) + offset);
  return addresses;
}

// Fills the buffer wherever memory is free and moves it then. Binding before the first touch would let the
// kernel kill a process when the node is full; a refused move is only an error.
Result<void> LinuxLatencyProbe::Chase::build(NodeId node) {
  const std::string what = "latency probe on node " + std::to_string(node.value);
  if (!memory_.valid()) return fail_errno(what, errno);
  // Small pages everywhere: whether a huge page was to be had must not change what is measured.
  ::madvise(memory_.start(), memory_.size(), MADV_NOHUGEPAGE);
  link();
  LinuxPages mover;
  const PageCall call = mover.move({static_cast<int>(::getpid())}, pages(1), node);
  if (call.value < 0) {
    const bool full = call.error_number == ENOMEM;
    return fail_errno(
        what, call.error_number,
        full ? "free memory on that node" : "the node must be online and in this process's cpuset");
  }
  if (!still_on(node))
    return fail(ErrorKind::kFailed, what + ": its buffer could not be moved there",
                "free memory on that node");
  keep(node);
  return {};
}

void LinuxLatencyProbe::Chase::link() {
  auto* slots = static_cast<Slot*>(memory_.start());
  const std::size_t count = memory_.size() / kSlot;
  std::vector<std::uint32_t> order(count);
  for (std::size_t i = 0; i < count; ++i) order[i] = static_cast<std::uint32_t>(i);
  std::uint64_t random = 0x9E3779B97F4A7C15;
  for (std::size_t i = count - 1; i > 0; --i) std::swap(order[i], order[next_random(random) % (i + 1)]);
  for (std::size_t i = 0; i < count; ++i) slots[order[i]].next = &slots[order[(i + 1) % count]];
  for (std::size_t i = 0; i < count; ++i) evict(&slots[i]);
  position_ = slots;
}

// Locked against reclaim and demotion; a policy keeps NUMA balancing away. Where locking is not allowed the
// policy only prefers, because a fault on a bound and full node would end in an out-of-memory kill.
void LinuxLatencyProbe::Chase::keep(NodeId node) {
  const bool locked = ::mlock(memory_.start(), memory_.size()) == 0;
  constexpr std::size_t kMostNodes = 1024;
  std::array<unsigned long, kMostNodes / (8 * sizeof(unsigned long))> mask{};
  if (node.value < 0 || static_cast<std::size_t>(node.value) >= kMostNodes) return;
  const auto bit = static_cast<std::size_t>(node.value);
  mask[bit / (8 * sizeof(unsigned long))] = 1UL << (bit % (8 * sizeof(unsigned long)));
  ::syscall(SYS_mbind, memory_.start(), memory_.size(), locked ? MPOL_BIND : MPOL_PREFERRED, mask.data(),
            kMostNodes, 0);
}

bool LinuxLatencyProbe::Chase::still_on(NodeId node) const {
  constexpr std::size_t kStride = 61;  // prime: a sample of the pages, at a fraction of the price of all
  const PageCall call = LinuxPages().locate({static_cast<int>(::getpid())}, pages(kStride));
  return call.value == 0 && std::all_of(call.status.begin(), call.status.end(),
                                        [&](int status) { return status == node.value; });
}

Nanoseconds LinuxLatencyProbe::Chase::walk(std::uint32_t steps) {
  const MonotonicClock clock;
  const std::uint32_t part = std::max(1U, steps / kParts);
  std::array<Nanoseconds, kParts> times{};
  Slot* const begin = position_;
  Slot* at = begin;
  fence();
  for (Nanoseconds& time : times) {
    const Nanoseconds before = clock.now();
    for (std::uint32_t i = 0; i < part; ++i) {
      at = at->next;
      asm volatile("" : "+r"(at));  // one load after the other, none left out
    }
    time = clock.now() - before;
  }
  position_ = at;
  // Out of the caches again, so that the next visit goes to memory however large the caches are.
  Slot* behind = begin;
  for (std::uint32_t i = 0; i < part * kParts; ++i) {
    Slot* const next = behind->next;
    evict(behind);
    behind = next;
  }
  fence();
  std::nth_element(times.begin(), times.begin() + kParts / 2, times.end());
  return times[kParts / 2] / part;
}

LinuxLatencyProbe::LinuxLatencyProbe(LatencyProbeSettings settings) : settings_(settings) {}

LinuxLatencyProbe::~LinuxLatencyProbe() = default;

Result<Nanoseconds> LinuxLatencyProbe::measure(NodeId node) {
  const Nanoseconds before = thread_cpu();
  auto latency = chase_on(node).map([&](Chase* chase) { return chase->walk(settings_.steps); });
  cost_ += thread_cpu() - before;
  return latency;
}

// The node's chase, built at the first call and again when its pages were taken elsewhere.
Result<LinuxLatencyProbe::Chase*> LinuxLatencyProbe::chase_on(NodeId node) {
  std::unique_ptr<Chase>& slot = chases_[node];
  if (slot && slot->still_on(node)) return slot.get();
  const auto page = static_cast<std::size_t>(::sysconf(_SC_PAGESIZE));
  const std::size_t size = std::max(page, settings_.buffer.value / page * page);
  slot = std::make_unique<Chase>(size);
  const Result<void> built = slot->build(node);
  if (!built) {
    slot.reset();
    return tl::make_unexpected(built.error());
  }
  return slot.get();
}

}  // namespace tier
