// That a long trace is read and written in the memory of a short one: every C++ allocation is counted.
#include <malloc.h>

#include <atomic>
#include <cstdlib>
#include <new>

#include "sim/trace/trace_fixture.h"

namespace {

std::atomic<std::size_t> live = 0, peak = 0;

void* counted(std::size_t size) {
  void* memory = std::malloc(size == 0 ? 1 : size);
  if (memory == nullptr) throw std::bad_alloc();
  const std::size_t now = live += malloc_usable_size(memory);
  std::size_t before = peak;
  while (now > before && !peak.compare_exchange_weak(before, now)) {
  }
  return memory;
}

void uncounted(void* memory) noexcept {
  live -= malloc_usable_size(memory);
  std::free(memory);
}

}  // namespace

void* operator new(std::size_t size) { return counted(size); }
void* operator new[](std::size_t size) { return counted(size); }
void operator delete(void* memory) noexcept { uncounted(memory); }
void operator delete[](void* memory) noexcept { uncounted(memory); }
void operator delete(void* memory, std::size_t) noexcept { uncounted(memory); }
void operator delete[](void* memory, std::size_t) noexcept { uncounted(memory); }

namespace tier::sim {
namespace {

constexpr std::uint32_t kRegions = 4096;

// No interval like the one before, nothing that compresses to nothing.
std::shared_ptr<const Demand> busy_demand(std::uint32_t seed) {
  auto demand = std::make_shared<Demand>();
  demand->streams.resize(1);
  for (std::uint32_t region = 0; region < kRegions; ++region)
    demand->streams[0].push_back(
        {region, static_cast<float>((region * 2654435761U + seed * 40503U) >> 8), 0, 0});
  return demand;
}

std::size_t peak_of(const std::function<void()>& work) {
  peak = live.load();
  const std::size_t before = live;
  work();
  return peak - before;
}

void write_busy(const std::filesystem::path& path, std::uint32_t intervals) {
  TraceHeader header;
  header.workload.regions = kRegions;
  header.workload.targets = {{"busy", 1}};
  header.workload.streams = {{"all", 0, 1, 0}};
  auto writer = create_trace(path, header);
  ASSERT_TRUE(writer);
  for (std::uint32_t i = 0; i < intervals; ++i)
    ASSERT_TRUE((*writer)->append({Nanoseconds(1), {0}, {}, busy_demand(i)}));
  ASSERT_TRUE((*writer)->finish());
}

void read_through(const std::filesystem::path& path, std::uint32_t intervals) {
  auto reader = open_trace(path);
  ASSERT_TRUE(reader);
  std::uint32_t seen = 0;
  for (;; ++seen) {
    const auto interval = (*reader)->next();
    ASSERT_TRUE(interval);
    if (!*interval) break;
  }
  EXPECT_EQ(seen, intervals);
}

TEST_F(TraceTest, ALongTraceTakesTheMemoryOfAShortOne) {
  constexpr std::uint32_t kShort = 100, kLong = 1600;  // 2 MB and 32 MB of demand
  const std::size_t write_short = peak_of([&] { write_busy(file("short"), kShort); });
  const std::size_t write_long = peak_of([&] { write_busy(file("long"), kLong); });
  const std::size_t read_short = peak_of([&] { read_through(file("short"), kShort); });
  const std::size_t read_long = peak_of([&] { read_through(file("long"), kLong); });
  ASSERT_GT(std::filesystem::file_size(file("long")), 8U << 20) << "else the test shows nothing";
  EXPECT_LE(write_long, write_short + write_short / 10);
  EXPECT_LE(read_long, read_short + read_short / 10);
  EXPECT_LT(read_long, 6U << 20) << "one chunk, compressed and not, and an interval";
}

}  // namespace
}  // namespace tier::sim
