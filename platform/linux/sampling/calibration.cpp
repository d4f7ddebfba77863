#include "platform/linux/sampling/calibration.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <poll.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>

#include "platform/linux/file.h"

// One load from an address that depends on the load before it, between instructions that wait for nothing but
// each other. rdi = buffer, rsi = mask of byte offsets, rdx = iterations, rcx = state; returns the state.
asm(R"(
.pushsection .text
.balign 64
.globl tier_calibration_begin, tier_calibration_load, tier_calibration_after, tier_calibration_end
.hidden tier_calibration_begin, tier_calibration_load, tier_calibration_after, tier_calibration_end
.globl tier_calibration_run
.hidden tier_calibration_run
.type tier_calibration_run, @function
tier_calibration_run:
  movabs $6364136223846793005, %r11
  mov %rcx, %rax
  xor %r9d, %r9d
  xor %r10d, %r10d
tier_calibration_begin:
  imul %r11, %rax
  add $1442695041, %rax
  add %r9, %rax
  mov %rax, %r8
  shr $24, %r8
  and %rsi, %r8
  lea 3(%r10), %r10
  xor %rdx, %r10
  add $7, %r10
  rol $5, %r10
tier_calibration_load:
  movq (%rdi,%r8,1), %r9
tier_calibration_after:
  lea 1(%r10), %r10
  xor %rcx, %r10
  add $3, %r10
  rol $9, %r10
  sub %rdx, %r10
  xor $85, %r10
  lea 5(%r10), %r10
  add %rcx, %r10
  rol $3, %r10
  xor $51, %r10
  sub $1, %rdx
  jne tier_calibration_begin
tier_calibration_end:
  ret
.size tier_calibration_run, . - tier_calibration_run
.popsection
)");

extern "C" {
extern const char tier_calibration_begin[], tier_calibration_load[], tier_calibration_after[],
    tier_calibration_end[];
std::uint64_t tier_calibration_run(void* buffer, std::uint64_t mask, std::uint64_t iterations,
                                   std::uint64_t state);
}

namespace tier {
namespace {

constexpr unsigned kLoopInstructions = 23;
constexpr unsigned kMinimumSamples = 20;
constexpr std::uint64_t kIterationsPerTurn = 4096;  // between looks at the clock: 1 ms of an emulator
constexpr std::uint64_t kCacheLineMask = ~std::uint64_t{63};
constexpr Nanoseconds kWallLimit = std::chrono::seconds(5);  // only a machine under heavy load gets near it
constexpr int kDrainMilliseconds = 30;
constexpr Nanoseconds kParentPatience = std::chrono::seconds(20);  // for a machine under heavy load

Nanoseconds clock_time(clockid_t clock) {
  timespec now{};
  clock_gettime(clock, &now);
  return std::chrono::seconds(now.tv_sec) + Nanoseconds(now.tv_nsec);
}

// Largest power of two of pages that could be touched within a third of the time; emulators zero memory
// slowly.
std::size_t touch_buffer(char* buffer, std::size_t size, Nanoseconds time_limit) {
  const std::size_t page = 4096;
  const Nanoseconds begin = clock_time(CLOCK_PROCESS_CPUTIME_ID);
  std::size_t usable = page;
  for (std::size_t offset = 0; offset < size; offset += page) {
    buffer[offset] = 0;
    if (offset + page == usable * 2) usable *= 2;
    if (offset % (256 * page) == 0 && clock_time(CLOCK_PROCESS_CPUTIME_ID) - begin > time_limit / 3) break;
  }
  return usable;
}

// The child. Nothing here may allocate or lock: the parent may have had other threads.
[[noreturn]] void child_main(const SamplingSettings& settings, int start_fd, int report_fd) {
  char go = 0;
  if (read(start_fd, &go, 1) != 1) _exit(1);
  CalibrationRun run;
  void* memory = mmap(nullptr, settings.calibration_buffer.value, PROT_READ | PROT_WRITE,
                      MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (memory == MAP_FAILED) _exit(1);
  const std::size_t usable =
      touch_buffer(static_cast<char*>(memory), settings.calibration_buffer.value, settings.calibration_time);
  run.buffer = reinterpret_cast<Address>(memory);
  run.buffer_size = {usable};
  const Nanoseconds wall_begin = clock_time(CLOCK_MONOTONIC);
  const Nanoseconds cpu_begin = clock_time(CLOCK_PROCESS_CPUTIME_ID);
  std::uint64_t state = 88172645463325252U;
  do {
    state = tier_calibration_run(memory, (usable - 1) & kCacheLineMask, kIterationsPerTurn, state);
    run.iterations += kIterationsPerTurn;
    run.cpu_time = clock_time(CLOCK_PROCESS_CPUTIME_ID) - cpu_begin;
  } while (run.cpu_time < settings.calibration_time && clock_time(CLOCK_MONOTONIC) - wall_begin < kWallLimit);
  run.cpu_time = clock_time(CLOCK_PROCESS_CPUTIME_ID);  // all of it: interrupts are counted from the start
  _exit(write(report_fd, &run, sizeof(run)) == static_cast<ssize_t>(sizeof(run)) ? 0 : 1);
}

// Owns the child: killed and reaped whatever happens.
class Child {
 public:
  explicit Child(pid_t pid) : pid_(pid) {}
  Child(const Child&) = delete;
  Child& operator=(const Child&) = delete;
  ~Child() {
    kill(pid_, SIGKILL);
    while (waitpid(pid_, nullptr, 0) < 0 && errno == EINTR) {
    }
  }

 private:
  pid_t pid_;
};

}  // namespace

CalibrationLoop calibration_loop() {
  return {reinterpret_cast<Address>(tier_calibration_begin), reinterpret_cast<Address>(tier_calibration_load),
          reinterpret_cast<Address>(tier_calibration_after), reinterpret_cast<Address>(tier_calibration_end),
          kLoopInstructions};
}

Nanoseconds kernel_tick_period() {
  timespec resolution{};
  clock_getres(CLOCK_MONOTONIC_COARSE, &resolution);
  return std::chrono::seconds(resolution.tv_sec) + Nanoseconds(resolution.tv_nsec);
}

std::string StallCalibration::describe() const {
  const std::string what =
      meaning == WeightMeaning::kStall
          ? "samples follow waiting time"
          : "this machine shows no waiting (an emulator): samples follow access frequency";
  return fmt::format(
      "{}: the calibration load drew {:.1f} times its share of {} samples, {:.1f} % of them decoded to the "
      "right address; "
      "the saved pointer is {} the access",
      what, concentration, samples, 100 * right_share, ip_is_behind ? "behind" : "at");
}

Result<StallCalibration> analyse_calibration(const CalibrationLoop& loop, const CalibrationRun& run,
                                             std::span<const CalibrationSample> samples,
                                             std::uint64_t interrupts, double stall_concentration) {
  StallCalibration result;
  unsigned at_load = 0, behind_load = 0, right_behind = 0, right_at = 0;
  for (const CalibrationSample& sample : samples) {
    if (sample.ip < loop.begin || sample.ip >= loop.end) continue;
    ++result.samples;
    if (sample.ip == loop.load) ++at_load, right_at += sample.right ? 1U : 0U;
    if (sample.ip == loop.after) ++behind_load, right_behind += sample.right ? 1U : 0U;
  }
  if (result.samples < kMinimumSamples || interrupts == 0)
    return fail(
        ErrorKind::kFailed,
        fmt::format("calibration of the stall samples got {} samples, {} are needed", result.samples,
                    kMinimumSamples),
        "a less loaded machine, or a kernel whose timer interrupt shows at irq_vectors:local_timer_entry");
  result.ip_is_behind = behind_load >= at_load;
  const unsigned hits = result.ip_is_behind ? behind_load : at_load;
  result.concentration = static_cast<double>(hits) / result.samples * loop.instructions;
  result.right_share =
      hits == 0 ? 0 : static_cast<double>(result.ip_is_behind ? right_behind : right_at) / hits;
  const double in_loop = static_cast<double>(result.samples) / static_cast<double>(interrupts);
  result.instruction_seconds = seconds(run.cpu_time) * std::min(in_loop, 1.0) /
                               (static_cast<double>(run.iterations) * loop.instructions);
  result.meaning =
      result.concentration >= stall_concentration ? WeightMeaning::kStall : WeightMeaning::kAccesses;
  return result;
}

Result<CalibrationRun> run_calibration_child(const SamplingSettings& settings,
                                             const std::function<Result<void>(Pid)>& watch,
                                             const std::function<void()>& drain) {
  std::array<int, 2> start{}, report{};
  if (pipe2(start.data(), O_CLOEXEC) != 0) return fail_errno("calibration: pipe", errno);
  UniqueFd start_read(start[0]), start_write(start[1]);
  if (pipe2(report.data(), O_CLOEXEC) != 0) return fail_errno("calibration: pipe", errno);
  UniqueFd report_read(report[0]), report_write(report[1]);
  const pid_t pid = fork();
  if (pid < 0) return fail_errno("calibration: fork", errno);
  if (pid == 0) child_main(settings, start_read.get(), report_write.get());
  const Child child(pid);
  report_write = UniqueFd();
  if (const Result<void> watched = watch(Pid{pid}); !watched) return tl::make_unexpected(watched.error());
  if (write(start_write.get(), "g", 1) != 1) return fail_errno("calibration: starting the child", errno);
  pollfd wait{report_read.get(), POLLIN, 0};
  const Nanoseconds give_up = clock_time(CLOCK_MONOTONIC) + kParentPatience + settings.calibration_time * 4;
  while (poll(&wait, 1, kDrainMilliseconds) == 0) {
    drain();
    if (clock_time(CLOCK_MONOTONIC) > give_up)
      return fail(ErrorKind::kFailed, "calibration: the child did not finish in time",
                  "a less loaded machine");
  }
  CalibrationRun run;
  if (read(report_read.get(), &run, sizeof(run)) != static_cast<ssize_t>(sizeof(run)))
    return fail(ErrorKind::kFailed, "calibration: the child ended without a report",
                fmt::format("allow the daemon {} MiB more memory", settings.calibration_buffer.value >> 20));
  return run;
}

Nanoseconds time_fixed_work(std::uint64_t work_units) {
  std::array<std::uint64_t, 8> buffer{};
  const Nanoseconds begin = clock_time(CLOCK_THREAD_CPUTIME_ID);
  const std::uint64_t state = tier_calibration_run(buffer.data(), 0, work_units, 1);
  const Nanoseconds end = clock_time(CLOCK_THREAD_CPUTIME_ID);
  return end - begin + Nanoseconds(state == 0 ? 1 : 0);  // the state is used, so the work is done
}

}  // namespace tier
