// The recording plugin: last-level misses of one program under QEMU's user-mode emulation, by period and
// 2 MiB region, loads and stores apart, misses that a prefetcher would have seen coming apart.
//
// Arguments (key=value): out=PREFIX, interval=INSTRUCTIONS, llc=BYTES, ways=N, periods=MOST (0: all). Each
// process writes PREFIX.PID, JSON lines (recording.h reads them); a forked child starts its own file with its
// first period. Programs started by exec run natively and are not seen, nor is what the kernel does for the
// program. Addresses are the program's virtual ones.
//
// Instructions are counted by a callback at the head of each translated block. An iteration of a repeated
// string instruction is a block of its own to QEMU, hence counts as one instruction.
#include <pthread.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cinttypes>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

#include "tools/tier-lab/plugin/llc_model.h"
#include "tools/tier-lab/plugin/qemu_plugin_api.h"
#include "tools/tier-lab/plugin/region_table.h"
#include "tools/tier-lab/plugin/stream_table.h"

namespace tier::lab {
namespace {

// Instructions that a processor looks ahead (reorder buffers: Skylake 224, Zen 4 320, Golden Cove 512):
// misses further apart cannot be in flight together, whatever depends on what.
constexpr std::uint64_t kWindow = 256;
// Threads settle their counts this many times a period, so that a period ends when all together have run it.
constexpr std::uint64_t kSettlements = 256;

struct Options {
  std::string out;
  std::uint64_t interval = 100'000'000;
  std::uint64_t periods = 0;
  LlcGeometry llc{1 << 20, 16, 64};
};

// System calls that change mappings, by their x86-64 numbers.
enum class Call : std::int64_t { kMmap = 9, kMunmap = 11, kBrk = 12, kMremap = 25, kMadvise = 28 };
constexpr std::uint64_t kDontNeed = 4;  // MADV_DONTNEED

struct Mapping {
  bool mapped = false;
  std::uint64_t start = 0, bytes = 0;
};

// Of one thread of the program. Kept when the thread ends: there are few.
struct Thread {
  LineFilter filter;
  StreamTable streams;
  // Instructions of the current grant not yet run; the exit handler reads those of other threads.
  std::atomic<std::int64_t> credit{0};
  std::int64_t granted = 0;
  std::uint64_t settled = 0;  // instructions before the current grant
  std::uint64_t window_start = 0;
  std::uint64_t seen = 0;           // the last period in which it ran, plus one
  std::uint64_t in_period = 0;      // instructions that it ran in that one
  std::uint64_t arguments[3] = {};  // of the system call it is in

  std::int64_t running() const { return granted - credit.load(std::memory_order_relaxed); }
};

struct Recorder {
  explicit Recorder(Options given)
      : options(std::move(given)), llc(options.llc), period_end(options.interval) {}

  const Options options;
  std::mutex mutex;  // everything below
  LlcModel llc;
  RegionTable<KindMisses> regions;
  std::vector<Mapping> mappings;
  std::vector<std::unique_ptr<Thread>> threads;
  std::FILE* out = nullptr;  // opened with the first line, so that short-lived children leave no file
  std::uint64_t settled = 0, period_start = 0, period_end;
  std::uint64_t period = 0;
  std::uint64_t windows = 0, window_loads = 0;
  std::uint64_t longest = 0;  // instructions of the thread that ran most in this period
  std::uint64_t brk = 0;
  int parent = 0;          // pid, 0 for the program itself
  std::uint64_t born = 0;  // the parent's period at the fork
};

Recorder* recorder = nullptr;  // as long as QEMU; callbacks may still come while the process exits
__attribute__((tls_model("initial-exec"))) thread_local Thread* own = nullptr;

Thread& own_thread() {
  if (own == nullptr) {
    auto made = std::make_unique<Thread>();
    made->filter.clear();
    own = made.get();
    const std::lock_guard<std::mutex> lock(recorder->mutex);
    recorder->threads.push_back(std::move(made));
  }
  return *own;
}

bool open_output(Recorder& shared) {
  if (shared.out != nullptr) return true;
  const std::string path = shared.options.out + "." + std::to_string(getpid());
  shared.out = std::fopen(path.c_str(), "w");
  if (shared.out == nullptr) {
    std::fprintf(stderr, "tier_record: cannot write %s\n", path.c_str());
    return false;
  }
  std::fprintf(shared.out,
               "{\"record\":\"process\",\"pid\":%d,\"parent\":%d,\"born\":%" PRIu64 ",\"interval\":%" PRIu64
               ",\"llc\":%" PRIu64 ",\"ways\":%" PRIu32 "}\n",
               static_cast<int>(getpid()), shared.parent, shared.born, shared.options.interval,
               shared.options.llc.size_bytes, shared.options.llc.ways);
  return true;
}

void write_regions(Recorder& shared) {
  const char* separator = "";
  shared.regions.for_each([&](std::uint64_t region, const KindMisses& misses) {
    std::fprintf(shared.out, "%s[%" PRIu64 ",%" PRIu32 ",%" PRIu32 ",%" PRIu32 ",%" PRIu32 "]", separator,
                 region, misses.random_loads, misses.random_stores, misses.sequential_loads,
                 misses.sequential_stores);
    separator = ",";
  });
}

// Writes the period's counts as one line and clears them. With the lock held.
void end_period(Recorder& shared) {
  if (!open_output(shared)) std::_Exit(1);
  std::fprintf(shared.out,
               "{\"record\":\"period\",\"index\":%" PRIu64 ",\"instructions\":%" PRIu64
               ",\"longest\":%" PRIu64 ",\"windows\":%" PRIu64 ",\"window_loads\":%" PRIu64 ",\"regions\":[",
               shared.period, shared.settled - shared.period_start, shared.longest, shared.windows,
               shared.window_loads);
  write_regions(shared);
  std::fputs("],\"mappings\":[", shared.out);
  const char* separator = "";
  for (const Mapping& mapping : shared.mappings) {
    std::fprintf(shared.out, "%s[%d,%" PRIu64 ",%" PRIu64 "]", separator, mapping.mapped ? 1 : 0,
                 mapping.start, mapping.bytes);
    separator = ",";
  }
  std::fputs("]}\n", shared.out);
  std::fflush(shared.out);
  shared.regions.clear();
  shared.mappings.clear();
  shared.windows = shared.window_loads = 0;
  shared.longest = 0;
  shared.period_start = shared.settled;
  ++shared.period;
}

[[noreturn]] void end_recording(Recorder& shared) {
  std::fputs("{\"record\":\"limit\"}\n", shared.out);
  std::fclose(shared.out);
  std::_Exit(0);
}

// Takes what the thread has run since it settled last into the common count. With the lock held.
void take_count(Recorder& shared, Thread& thread) {
  const auto ran = static_cast<std::uint64_t>(thread.running());
  shared.settled += ran;
  thread.settled += ran;
  if (thread.seen != shared.period + 1) thread.in_period = 0;
  thread.seen = shared.period + 1;
  thread.in_period += ran;
  shared.longest = std::max(shared.longest, thread.in_period);
}

// The thread has run its piece: ends the period when that is full, and grants the next piece.
void settle(Recorder& shared, Thread& thread) {
  const std::lock_guard<std::mutex> lock(shared.mutex);
  take_count(shared, thread);
  if (shared.settled >= shared.period_end) {
    end_period(shared);
    while (shared.period_end <= shared.settled) shared.period_end += shared.options.interval;
    if (shared.period == shared.options.periods) end_recording(shared);
  }
  const std::uint64_t piece = std::min(shared.period_end - shared.settled,
                                       std::max<std::uint64_t>(1, shared.options.interval / kSettlements));
  thread.granted = static_cast<std::int64_t>(piece);
  thread.credit.store(thread.granted, std::memory_order_relaxed);
}

void on_block(unsigned int, void* instructions) {
  Thread& thread = own_thread();
  const std::int64_t left = thread.credit.load(std::memory_order_relaxed) -
                            static_cast<std::int64_t>(reinterpret_cast<std::uintptr_t>(instructions));
  thread.credit.store(left, std::memory_order_relaxed);
  if (left <= 0) settle(*recorder, thread);
}

void on_access(unsigned int, qemu_plugin_meminfo_t info, std::uint64_t address, void*) {
  Thread& thread = own_thread();
  if (thread.filter.hit(address)) return;
  Recorder& shared = *recorder;
  const std::lock_guard<std::mutex> lock(shared.mutex);
  if (shared.llc.access(address)) return;
  const bool store = qemu_plugin_mem_is_store(info);
  const bool sequential = thread.streams.predicted(address);
  shared.regions.at(address >> kRegionShift).count(sequential, store);
  if (store || sequential) return;
  const std::uint64_t now = thread.settled + static_cast<std::uint64_t>(thread.running());
  if (now - thread.window_start >= kWindow || shared.windows == 0) {
    thread.window_start = now;
    ++shared.windows;
  }
  ++shared.window_loads;
}

void on_call(qemu_plugin_id_t, unsigned int, std::int64_t, std::uint64_t first, std::uint64_t second,
             std::uint64_t third, std::uint64_t, std::uint64_t, std::uint64_t, std::uint64_t, std::uint64_t) {
  Thread& thread = own_thread();
  thread.arguments[0] = first;
  thread.arguments[1] = second;
  thread.arguments[2] = third;
}

// A call that came back without error changed the mappings; `result` is what it returned.
void on_mapped(Recorder& shared, const Thread& thread, Call call, std::uint64_t result) {
  const std::uint64_t first = thread.arguments[0], second = thread.arguments[1], third = thread.arguments[2];
  switch (call) {
    case Call::kMmap:
      shared.mappings.push_back({true, result, second});
      break;
    case Call::kMunmap:
      shared.mappings.push_back({false, first, second});
      break;
    case Call::kMremap:
      shared.mappings.push_back({false, first, second});
      shared.mappings.push_back({true, result, third});
      break;
    case Call::kMadvise:
      if (third == kDontNeed) shared.mappings.push_back({false, first, second});
      break;
    case Call::kBrk:
      if (shared.brk != 0 && result > shared.brk)
        shared.mappings.push_back({true, shared.brk, result - shared.brk});
      if (shared.brk != 0 && result < shared.brk)
        shared.mappings.push_back({false, result, shared.brk - result});
      shared.brk = result;
      break;
  }
}

void on_call_back(qemu_plugin_id_t, unsigned int, std::int64_t number, std::int64_t result) {
  const auto call = static_cast<Call>(number);
  if (call != Call::kMmap && call != Call::kMunmap && call != Call::kBrk && call != Call::kMremap &&
      call != Call::kMadvise)
    return;
  if (result < 0 && result >= -4095) return;  // an errno
  const std::lock_guard<std::mutex> lock(recorder->mutex);
  on_mapped(*recorder, *own, call, static_cast<std::uint64_t>(result));
}

void on_translate(qemu_plugin_id_t, qemu_plugin_tb* block) {
  const std::size_t instructions = qemu_plugin_tb_n_insns(block);
  qemu_plugin_register_vcpu_tb_exec_cb(block, on_block, QEMU_PLUGIN_CB_NO_REGS,
                                       reinterpret_cast<void*>(instructions));
  for (std::size_t i = 0; i < instructions; ++i)
    qemu_plugin_register_vcpu_mem_cb(qemu_plugin_tb_get_insn(block, i), on_access, QEMU_PLUGIN_CB_NO_REGS,
                                     QEMU_PLUGIN_MEM_RW, nullptr);
}

// The program's fork is QEMU's own. The child counts from zero; its parent's cache is its cache.
void before_fork() { recorder->mutex.lock(); }
void in_parent() { recorder->mutex.unlock(); }
void in_child() {
  Recorder& shared = *recorder;
  shared.parent = getppid();
  shared.born += shared.period;
  shared.out = nullptr;  // the parent's; closing it would write the parent's buffer twice
  shared.regions.clear();
  shared.mappings.clear();
  shared.settled = shared.period_start = shared.period = shared.windows = shared.window_loads = 0;
  shared.longest = 0;
  shared.period_end = shared.options.interval;
  Thread* const survivor = own;
  for (auto& thread : shared.threads) static_cast<void>(thread.release());  // too little memory to mind
  shared.threads.clear();
  if (survivor != nullptr) {
    survivor->settled = survivor->seen = 0;
    survivor->window_start = 0;
    survivor->granted = 0;
    survivor->credit.store(0, std::memory_order_relaxed);
    shared.threads.emplace_back(survivor);
  }
  shared.mutex.unlock();
}

// Writes the last, shorter period.
void on_exit(qemu_plugin_id_t, void*) {
  Recorder& shared = *recorder;
  const std::lock_guard<std::mutex> lock(shared.mutex);
  for (const auto& thread : shared.threads) take_count(shared, *thread);
  if (shared.out == nullptr && shared.parent != 0) return;  // a child that did not live for a period
  end_period(shared);
  std::fputs("{\"record\":\"exit\"}\n", shared.out);
  std::fclose(shared.out);
  shared.out = nullptr;
}

// One key=value argument into `options`; false when the key or the value is not understood.
bool parse_argument(std::string_view argument, Options& options) {
  const std::size_t equals = argument.find('=');
  if (equals == std::string_view::npos) return false;
  const std::string_view key = argument.substr(0, equals);
  const std::string value(argument.substr(equals + 1));
  if (key == "out") return options.out = value, !value.empty();
  char* end = nullptr;
  const std::uint64_t number = std::strtoull(value.c_str(), &end, 10);
  if (value.empty() || *end != '\0') return false;
  if (key == "interval") return options.interval = number, number > 0;
  if (key == "periods") return options.periods = number, true;
  if (key == "llc") return options.llc.size_bytes = number, true;
  if (key == "ways") return options.llc.ways = static_cast<std::uint32_t>(number), true;
  return false;
}

int install(qemu_plugin_id_t id, const qemu_info_t* info, int argc, char** argv) {
  Options options;
  for (int i = 0; i < argc; ++i) {
    if (parse_argument(argv[i], options)) continue;
    std::fprintf(stderr, "tier_record: bad argument '%s'\n", argv[i]);
    return 1;
  }
  if (info->system_emulation || options.out.empty() || !options.llc.valid()) {
    std::fprintf(
        stderr,
        "tier_record: needs user-mode emulation, out=PREFIX and a cache whose sets are a power of two\n");
    return 1;
  }
  recorder = new Recorder(std::move(options));
  if (!open_output(*recorder)) return 1;
  pthread_atfork(before_fork, in_parent, in_child);
  qemu_plugin_register_vcpu_tb_trans_cb(id, on_translate);
  qemu_plugin_register_vcpu_syscall_cb(id, on_call);
  qemu_plugin_register_vcpu_syscall_ret_cb(id, on_call_back);
  qemu_plugin_register_atexit_cb(id, on_exit, nullptr);
  return 0;
}

}  // namespace
}  // namespace tier::lab

extern "C" {
// Only functions that look the same in all of them are used: 1 is QEMU 7.2's, later ones accept nothing so
// old.
__attribute__((visibility("default"))) int qemu_plugin_version = 1;
__attribute__((visibility("default"))) int qemu_plugin_install(qemu_plugin_id_t id, const qemu_info_t* info,
                                                               int argc, char** argv) {
  return tier::lab::install(id, info, argc, argv);
}
}
