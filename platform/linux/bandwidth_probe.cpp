#include "platform/linux/bandwidth_probe.h"

#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <thread>

#include "platform/linux/affinity.h"
#include "platform/linux/clock_time.h"
#include "platform/linux/machine.h"
#include "platform/linux/probe_memory.h"

namespace tier {
namespace {

// A quadrant of Xeon Max has 14 cores; a DDR channel is full with five. More threads than this only take
// longer to come together.
constexpr std::size_t kMostReaders = 32;
constexpr std::size_t kFewestPages = 256;  // 1 MiB: a hundred microseconds of one core
constexpr int kPasses = 8;
constexpr std::size_t kLine = 64;
// For all threads to come to run; beyond it the CPUs are busy with others, and the pass shows nothing.
constexpr Nanoseconds kPatience = std::chrono::milliseconds(5);

struct Pass {
  std::atomic<std::size_t> ready{0}, done{0};
  std::atomic<bool> late{false};
};

struct Reader {
  std::span<const Address> pages;
  int cpu = 0;
  Nanoseconds begin[kPasses]{}, end[kPasses]{};
  Nanoseconds cpu_time{};
};

// Spins, so that all begin within a microsecond. False: not everyone came in time.
bool meet(std::atomic<std::size_t>& arrived, std::size_t all, std::atomic<bool>& late) {
  const MonotonicClock clock;
  const Nanoseconds until = clock.now() + kPatience;
  ++arrived;
  while (arrived.load(std::memory_order_acquire) < all) {
    if (clock.now() > until) late = true;
    if (late) return false;
  }
  return !late;
}

void evict_pages(std::span<const Address> pages, std::size_t page_size) {
  for (const Address page : pages)
    for (std::size_t offset = 0; offset < page_size; offset += kLine)
      evict_line(reinterpret_cast<const void*>(page + offset));
  evictions_done();
}

void read_pages(std::span<const Address> pages, std::size_t page_size) {
  std::uint64_t sum = 0;
  for (const Address page : pages)
    for (std::size_t offset = 0; offset < page_size; offset += kLine)
      sum += *reinterpret_cast<const volatile std::uint64_t*>(page + offset);
  asm volatile("" ::"r"(sum) : "memory");
}

void run(Reader& reader, std::vector<Pass>& passes, std::size_t readers, std::size_t page_size) {
  const PinnedThread pinned(std::span<const int>(&reader.cpu, 1));
  const MonotonicClock clock;
  for (std::size_t i = 0; i < passes.size(); ++i) {
    evict_pages(reader.pages, page_size);
    if (!meet(passes[i].ready, readers, passes[i].late)) break;
    reader.begin[i] = clock.now();
    read_pages(reader.pages, page_size);
    reader.end[i] = clock.now();
    if (!meet(passes[i].done, readers, passes[i].late)) break;
  }
  reader.cpu_time = clock_time(CLOCK_THREAD_CPUTIME_ID);
}

// From when the first began until the last had ended.
Nanoseconds duration(const std::vector<Reader>& readers, std::size_t pass) {
  Nanoseconds begin = readers[0].begin[pass], end{};
  for (const Reader& reader : readers) {
    begin = std::min(begin, reader.begin[pass]);
    end = std::max(end, reader.end[pass]);
  }
  return end - begin;
}

std::vector<Reader> share_out(const std::vector<Address>& pages, const std::vector<int>& cpus) {
  std::vector<Reader> readers(std::min({cpus.size(), kMostReaders, pages.size() / 16}));
  const std::size_t each = pages.size() / readers.size();
  for (std::size_t i = 0; i < readers.size(); ++i) {
    readers[i].cpu = cpus[i];
    readers[i].pages = std::span(pages).subspan(i * each, each);
  }
  return readers;
}

}  // namespace

Result<Bytes> read_bandwidth(const std::vector<Address>& pages, std::span<const int> cpus,
                             BandwidthReading& reading) {
  const std::vector<int> allowed = allowed_cpus(cpus);
  if (allowed.empty())
    return fail(ErrorKind::kPermission, "this process may run on none of the node's CPUs",
                "let it use them, or give tiers.bandwidths");
  if (pages.size() < kFewestPages)
    return fail(ErrorKind::kFailed,
                "bandwidth probe: " + std::to_string(pages.size()) + " pages, " +
                    std::to_string(kFewestPages) + " are needed",
                "free memory on that node, or give tiers.bandwidths");
  const auto page_size = static_cast<std::size_t>(::sysconf(_SC_PAGESIZE));
  std::vector<Reader> readers = share_out(pages, allowed);
  std::vector<Pass> passes(kPasses);
  std::vector<std::thread> threads;
  threads.reserve(readers.size());
  for (Reader& reader : readers)
    threads.emplace_back(run, std::ref(reader), std::ref(passes), readers.size(), page_size);
  for (std::thread& thread : threads) thread.join();
  double best = 0;
  const double bytes = static_cast<double>(readers[0].pages.size() * readers.size() * page_size);
  for (std::size_t i = 0; i < passes.size(); ++i) {
    if (passes[i].done != readers.size() || passes[i].late) break;
    best = std::max(best, bytes / std::max(seconds(duration(readers, i)), 1e-9));
  }
  for (const Reader& reader : readers) reading.cpu += reader.cpu_time;
  if (best <= 0)
    return fail(ErrorKind::kFailed, "bandwidth probe: the CPUs are busy", "give tiers.bandwidths");
  return Bytes{static_cast<std::uint64_t>(best)};
}

}  // namespace tier
