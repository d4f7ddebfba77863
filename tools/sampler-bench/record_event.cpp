#include "tools/sampler-bench/record_event.h"

#include <asm/perf_regs.h>
#include <fcntl.h>
#include <linux/perf_event.h>
#include <pthread.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <cmath>
#include <thread>
#include <vector>

#include "platform/linux/clock_time.h"
#include "platform/linux/file.h"
#include "platform/linux/sampling/clock_events.h"
#include "platform/linux/sampling/interrupt_price.h"

namespace tier {
namespace {

constexpr std::size_t kDataPages = 128;  // perf's default for a CPU
constexpr std::size_t kPrices = 21;      // each differs by what else the machine does meanwhile

constexpr int kRounds = 5000;  // of two threads that wake each other: some 30 ms
constexpr std::size_t kSwitchPairs = 9;

constexpr std::uint64_t bit(unsigned number) { return std::uint64_t{1} << number; }

// The registers of kRecordedRegisters.
std::uint64_t register_mask() {
  std::uint64_t mask = 0;
  for (unsigned number = PERF_REG_X86_AX; number <= PERF_REG_X86_FLAGS; ++number) mask |= bit(number);
  for (unsigned number = PERF_REG_X86_R8; number <= PERF_REG_X86_R15; ++number) mask |= bit(number);
  return mask;
}

// As perf 6 fills them (`perf evlist -v` shows it), but for inheritance, which a ring of one thread forbids
// and which is no part of an interrupt.
perf_event_attr attributes(double frequency) {
  perf_event_attr attributes{};
  attributes.size = sizeof(attributes);
  attributes.type = PERF_TYPE_SOFTWARE;
  attributes.config = PERF_COUNT_SW_CPU_CLOCK;
  attributes.freq = 1;
  attributes.sample_freq = static_cast<std::uint64_t>(std::llround(frequency));
  attributes.sample_type = PERF_SAMPLE_IP | PERF_SAMPLE_TID | PERF_SAMPLE_TIME | PERF_SAMPLE_PERIOD |
                           PERF_SAMPLE_REGS_USER | PERF_SAMPLE_IDENTIFIER;
  attributes.sample_regs_user = register_mask();
  attributes.sample_id_all = 1;
  attributes.exclude_kernel = 1;
  attributes.exclude_hv = 1;
  attributes.exclude_guest = 1;
  attributes.disabled = 1;
  return attributes;
}

Result<FileDescriptor> open_disabled(double frequency) {
  perf_event_attr wanted = attributes(frequency);
  return open_perf_event(&wanted, 0, -1);
}

Result<FileDescriptor> open_running(double frequency) {
  FileDescriptor event = TIER_TRY(open_disabled(frequency));
  if (ioctl(event.get(), PERF_EVENT_IOC_ENABLE, 0) != 0) return fail_errno("enabling a perf event", errno);
  return event;
}

// A ring buffer of this thread that events write their samples to.
class RecordRing {
 public:
  static Result<RecordRing> open() {
    RecordRing ring;
    ring.owner_ = TIER_TRY(open_disabled(1));
    void* memory = mmap(nullptr, ring.bytes_, PROT_READ | PROT_WRITE, MAP_SHARED, ring.owner_.get(), 0);
    if (memory == MAP_FAILED) return fail_errno("mapping a perf ring buffer", errno);
    ring.page_ = static_cast<perf_event_mmap_page*>(memory);
    return ring;
  }
  RecordRing(RecordRing&& other) noexcept
      : owner_(std::move(other.owner_)), page_(std::exchange(other.page_, nullptr)) {}
  RecordRing& operator=(RecordRing&&) = delete;
  ~RecordRing() {
    if (page_ != nullptr) munmap(page_, bytes_);
  }

  // An event that samples the calling thread into this ring, running. What was written before is given up, so
  // that the ring never gets full: a full one makes samples cheap.
  Result<FileDescriptor> open_event(double frequency) {
    std::atomic_ref(page_->data_tail).store(written(), std::memory_order_release);
    FileDescriptor event = TIER_TRY(open_disabled(frequency));
    if (ioctl(event.get(), PERF_EVENT_IOC_SET_OUTPUT, owner_.get()) != 0)
      return fail_errno("sending samples to another event's ring buffer", errno);
    if (ioctl(event.get(), PERF_EVENT_IOC_ENABLE, 0) != 0) return fail_errno("enabling a perf event", errno);
    return event;
  }

  std::uint64_t written() const {  // bytes, so far
    return std::atomic_ref(page_->data_head).load(std::memory_order_acquire);
  }

 private:
  RecordRing() = default;

  const std::size_t bytes_ = (1 + kDataPages) * static_cast<std::size_t>(sysconf(_SC_PAGESIZE));
  FileDescriptor owner_;
  perf_event_mmap_page* page_ = nullptr;
};

Result<Nanoseconds> price_once(RecordRing& ring) {
  InterruptPrice price;
  for (;;) {
    const std::optional<Nanoseconds> known =
        TIER_TRY(price.step([&ring](double frequency) { return ring.open_event(frequency); }));
    if (known) return *known;
  }
}

// One of two threads that wake each other through pipes, a byte each way a round.
struct Player {
  int in, out;
  bool begins;
  Nanoseconds time{};  // CPU time of its rounds
  Result<void> done;
};

void play(Player& player, std::size_t cpu, double frequency) {
  cpu_set_t one;
  CPU_ZERO(&one);
  CPU_SET(cpu, &one);
  if (pthread_setaffinity_np(pthread_self(), sizeof(one), &one) != 0)
    player.done = fail(ErrorKind::kFailed, "a thread cannot be held on one CPU");
  FileDescriptor event;
  if (frequency > 0) {
    Result<FileDescriptor> opened = open_running(frequency);
    if (opened) event = std::move(*opened);
    if (!opened) player.done = tl::make_unexpected(opened.error());
  }
  const Nanoseconds begun = clock_time(CLOCK_THREAD_CPUTIME_ID);
  char byte = 0;
  for (int round = 0; round < kRounds; ++round) {
    // The other plays on whatever befalls this one, so that neither waits for good.
    if (player.begins) static_cast<void>(!write(player.out, &byte, 1));
    static_cast<void>(!read(player.in, &byte, 1));
    if (!player.begins) static_cast<void>(!write(player.out, &byte, 1));
  }
  player.time = clock_time(CLOCK_THREAD_CPUTIME_ID) - begun;
}

// CPU time of both threads. They never wait at once, so that all that switching costs is one's or the
// other's.
Result<Nanoseconds> time_switches(double frequency) {
  int there[2], back[2];
  if (pipe2(there, O_CLOEXEC) != 0) return fail_errno("making a pipe", errno);
  const FileDescriptor there_in(there[0]), there_out(there[1]);
  if (pipe2(back, O_CLOEXEC) != 0) return fail_errno("making a pipe", errno);
  const FileDescriptor back_in(back[0]), back_out(back[1]);
  Player first{back[0], there[1], true, {}, {}}, second{there[0], back[1], false, {}, {}};
  const auto cpu = static_cast<std::size_t>(std::max(0, sched_getcpu()));
  std::thread other([&] { play(second, cpu, frequency); });
  std::thread one([&] { play(first, cpu, frequency); });
  one.join();
  other.join();
  TIER_TRY(first.done);
  TIER_TRY(second.done);
  return first.time + second.time;
}

}  // namespace

Result<Nanoseconds> record_switch_price(double frequency) {
  std::vector<std::int64_t> prices;
  while (prices.size() < kSwitchPairs) {
    const Nanoseconds with = TIER_TRY(time_switches(frequency)), without = TIER_TRY(time_switches(0));
    prices.push_back((with - without).count() / (2 * kRounds));  // each thread comes to the CPU once a round
  }
  std::nth_element(prices.begin(), prices.begin() + kSwitchPairs / 2, prices.end());
  return Nanoseconds(std::max<std::int64_t>(0, prices[kSwitchPairs / 2]));
}

Result<Nanoseconds> record_interrupt_price() {
  RecordRing ring = TIER_TRY(RecordRing::open());
  std::vector<Nanoseconds> prices;
  while (prices.size() < kPrices) prices.push_back(TIER_TRY(price_once(ring)));
  if (ring.written() == 0)
    return fail(ErrorKind::kFailed, "the event as perf record opens it wrote no sample");
  std::nth_element(prices.begin(), prices.begin() + kPrices / 2, prices.end());
  return prices[kPrices / 2];
}

}  // namespace tier
