#include "tools/readahead-bench/cost.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <ctime>
#include <filesystem>
#include <functional>
#include <vector>

#include "platform/linux/file.h"
#include "platform/linux/meters/file_demand.h"

namespace tier {
namespace {

constexpr std::size_t kBytes = std::size_t{64} << 20;
constexpr std::size_t kRead = 4096;
constexpr std::size_t kReads = kBytes / kRead;
constexpr std::size_t kFaultAround = std::size_t{64} << 10;  // mm/memory.c, fault_around_bytes
constexpr int kRounds = 31;

double cpu_ns() {
  timespec time{};
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
  return static_cast<double>(time.tv_sec) * 1e9 + static_cast<double>(time.tv_nsec);
}

// Each returns ns of one event.
double sequential_reads(int file) {
  std::array<char, kRead> into{};
  const double begin = cpu_ns();
  for (std::size_t at = 0; at < kBytes; at += kRead)
    if (pread(file, into.data(), kRead, static_cast<off_t>(at)) != kRead) return 0;
  return (cpu_ns() - begin) / kReads;
}

double random_reads(int file) {
  std::array<char, kRead> into{};
  std::uint64_t state = 1;
  const double begin = cpu_ns();
  for (std::size_t i = 0; i < kReads; ++i) {
    state = state * 6364136223846793005ULL + 1442695040888963407ULL;
    const auto at = static_cast<off_t>((state >> 32) % kReads * kRead);
    if (pread(file, into.data(), kRead, at) != kRead) return 0;
  }
  return (cpu_ns() - begin) / kReads;
}

double touch(int file, int flags, std::size_t step) {
  void* memory = mmap(nullptr, kBytes, PROT_READ | PROT_WRITE, flags, file, 0);
  if (memory == MAP_FAILED) return 0;
  auto* bytes = static_cast<volatile char*>(memory);
  const double begin = cpu_ns();
  for (std::size_t at = 0; at < kBytes; at += step) {
    if (file < 0)
      bytes[at] = 1;
    else
      static_cast<void>(bytes[at]);
  }
  const std::size_t touches = kBytes / step;
  const double each = (cpu_ns() - begin) / static_cast<double>(touches);
  munmap(memory, kBytes);
  return each;
}

struct Kind {
  const char* name;
  std::function<double(int)> once;
  std::vector<double> without, with;
};

std::vector<Kind> kinds() {
  return {
      {"read(2), 4 KiB, sequential", sequential_reads, {}, {}},
      {"read(2), 4 KiB, random", random_reads, {}, {}},
      {"fault on a file, mapping 64 KiB", [](int f) { return touch(f, MAP_SHARED, kFaultAround); }, {}, {}},
      {"fault on other memory", [](int) { return touch(-1, MAP_PRIVATE | MAP_ANONYMOUS, kRead); }, {}, {}}};
}

Result<FileDescriptor> cached_file(const std::string& folder) {
  std::error_code failed;
  std::string path =
      ((folder.empty() ? std::filesystem::temp_directory_path(failed) : std::filesystem::path(folder)) /
       "readahead-cost-XXXXXX")
          .string();
  FileDescriptor file(mkostemp(path.data(), O_CLOEXEC));
  if (!file.valid()) return fail_errno(path, errno);
  unlink(path.c_str());
  const std::array<char, kRead> bytes{};
  for (std::size_t at = 0; at < kBytes;
       at += kRead)  // page by page: large writes make large folios, which fault once
    if (write(file.get(), bytes.data(), kRead) != static_cast<ssize_t>(kRead))
      return fail_errno(path, errno, "see that there is room for 64 MiB");
  return file;
}

double median(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  return values[values.size() / 2];
}

}  // namespace

Result<void> print_cost(const std::string& folder, const Clock& clock) {
  const auto file = TIER_TRY(cached_file(folder));
  std::vector<Kind> all = kinds();
  for (int round = 0; round < kRounds; ++round) {
    for (Kind& kind : all) kind.without.push_back(kind.once(file.get()));
    const auto meter = TIER_TRY(FileDemandMeter::start(clock));  // lives while the second half is measured
    for (Kind& kind : all) kind.with.push_back(kind.once(file.get()));
  }
  fmt::print("{:<34}{:>12}{:>12}{:>12}\n", "ns of CPU time", "without", "with", "difference");
  for (const Kind& kind : all)
    fmt::print("{:<34}{:>12.0f}{:>12.0f}{:>12.0f}\n", kind.name, median(kind.without), median(kind.with),
               median(kind.with) - median(kind.without));
  return {};
}

}  // namespace tier
