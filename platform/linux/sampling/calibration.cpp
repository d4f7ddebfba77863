#include "platform/linux/sampling/calibration.h"

#include <cpuid.h>
#include <linux/close_range.h>
#include <numaif.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>

#include "platform/linux/clock_time.h"
#include "platform/linux/file.h"
#include "platform/linux/pages.h"

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
constexpr std::uint64_t kIterationsPerTurn = 4096;  // between looks at the clock: 1 ms of an emulator
constexpr std::uint64_t kCachedIterations = 4 * kIterationsPerTurn;
constexpr std::uint64_t kCacheLineMask = ~std::uint64_t{63};
constexpr Nanoseconds kWallLimit = std::chrono::seconds(30);
constexpr unsigned kFirstInheritedFd = 3;  // the standard three stay

// CPUID: leaf 1, ecx bit 31: a hypervisor runs this; then leaf 0x40000000 names it in ebx, ecx and edx
// (Documentation/virt/kvm/x86/cpuid.rst of the kernel; target/i386/cpu.c of QEMU for the name of its
// emulator).
constexpr unsigned kHypervisorBit = 31;
constexpr unsigned kHypervisorLeaf = 0x40000000;
constexpr std::string_view kEmulator = "TCGTCGTCGTCG";

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

// Only asks: where the node has no room, or this process may not use it, the memory comes from elsewhere. It
// allocates nothing, since the child may not.
void prefer_node(void* memory, std::size_t size, NodeId node) {
  constexpr std::size_t kBits = 8 * sizeof(unsigned long);
  std::array<unsigned long, kMostNodes / kBits> mask{};
  if (node.value < 0 || static_cast<std::size_t>(node.value) >= kMostNodes) return;
  const auto bit = static_cast<std::size_t>(node.value);
  mask[bit / kBits] = 1UL << (bit % kBits);
  syscall(SYS_mbind, memory, size, MPOL_PREFERRED, mask.data(), kMostNodes, 0);
}

// The child. Nothing here may allocate or lock: the parent may have had other threads. It lets go of the
// parent's files (locks and connections would live on in it) and dies with the parent.
[[noreturn]] void child_main(const SamplingSettings& settings, CalibrationChild::Progress& progress,
                             pid_t parent) {
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  if (getppid() != parent) _exit(1);
  syscall(SYS_close_range, kFirstInheritedFd, ~0U, 0);
  void* memory = mmap(nullptr, settings.calibration_buffer.value, PROT_READ | PROT_WRITE,
                      MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (memory == MAP_FAILED) _exit(1);
  if (settings.spare_node) prefer_node(memory, settings.calibration_buffer.value, *settings.spare_node);
  const Nanoseconds wall_begin = clock_time(CLOCK_MONOTONIC);
  const std::size_t usable =
      touch_buffer(static_cast<char*>(memory), settings.calibration_buffer.value, settings.calibration_time);
  progress.buffer = reinterpret_cast<Address>(memory);
  progress.buffer_bytes = usable;
  const Nanoseconds cpu_begin = clock_time(CLOCK_PROCESS_CPUTIME_ID);
  std::uint64_t state = 88172645463325252U;
  Nanoseconds spent{};
  do {
    state = tier_calibration_run(memory, (usable - 1) & kCacheLineMask, kIterationsPerTurn, state);
    spent = clock_time(CLOCK_PROCESS_CPUTIME_ID) - cpu_begin;
    progress.iterations += kIterationsPerTurn;
    progress.cpu_ns = static_cast<std::uint64_t>(spent.count());
  } while (spent < settings.calibration_time && clock_time(CLOCK_MONOTONIC) - wall_begin < kWallLimit);
  _exit(0);
}

}  // namespace

CalibrationLoop calibration_loop() {
  return {reinterpret_cast<Address>(tier_calibration_begin), reinterpret_cast<Address>(tier_calibration_load),
          reinterpret_cast<Address>(tier_calibration_after), reinterpret_cast<Address>(tier_calibration_end),
          kLoopInstructions};
}

WeightMeaning prior_of(std::string_view hypervisor_signature) {
  return hypervisor_signature == kEmulator ? WeightMeaning::kAccesses : WeightMeaning::kStall;
}

WeightMeaning prior_meaning() {
  unsigned eax = 0, ebx = 0, ecx = 0, edx = 0;
  if (__get_cpuid(1, &eax, &ebx, &ecx, &edx) == 0 || (ecx >> kHypervisorBit & 1U) == 0) return prior_of({});
  __cpuid(kHypervisorLeaf, eax, ebx, ecx, edx);
  std::array<char, 12> signature{};
  const std::array<unsigned, 3> words = {ebx, ecx, edx};
  std::memcpy(signature.data(), words.data(), signature.size());
  return prior_of({signature.data(), signature.size()});
}

Nanoseconds kernel_tick_period() {
  timespec resolution{};
  clock_getres(CLOCK_MONOTONIC_COARSE, &resolution);
  return std::chrono::seconds(resolution.tv_sec) + Nanoseconds(resolution.tv_nsec);
}

Result<std::unique_ptr<CalibrationChild>> CalibrationChild::start(const SamplingSettings& settings) {
  void* shared = mmap(nullptr, sizeof(Progress), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  if (shared == MAP_FAILED) return fail_errno("calibration: mmap", errno);
  std::unique_ptr<CalibrationChild> child(new CalibrationChild(new (shared) Progress));
  const pid_t parent = getpid(), pid = fork();
  if (pid < 0) return fail_errno("calibration: fork", errno);
  if (pid == 0) child_main(settings, *child->progress_, parent);
  child->pid_ = Pid{pid};
  return child;
}

CalibrationChild::~CalibrationChild() {
  if (pid_.value > 0) {
    kill(pid_.value, SIGKILL);
    while (waitpid(pid_.value, nullptr, 0) < 0 && errno == EINTR) {
    }
  }
  munmap(progress_, sizeof(Progress));
}

bool CalibrationChild::running() {
  if (pid_.value <= 0) return false;
  if (waitpid(pid_.value, nullptr, WNOHANG) == 0) return true;
  pid_ = Pid{-1};  // reaped: the number may be given to another process
  return false;
}

bool CalibrationChild::in_buffer(Address address) const {
  const Address begin = progress_->buffer;
  return address >= begin && address < begin + progress_->buffer_bytes;
}

double CalibrationChild::instruction_seconds() const {
  const auto cpu = static_cast<double>(progress_->cpu_ns);
  const auto iterations = static_cast<double>(progress_->iterations);
  return iterations == 0 || cpu == 0 ? 0 : cpu * 1e-9 / (iterations * kLoopInstructions);
}

Nanoseconds time_fixed_work(std::uint64_t work_units) {
  std::array<std::uint64_t, 8> buffer{};
  const Nanoseconds begin = clock_time(CLOCK_THREAD_CPUTIME_ID);
  const std::uint64_t state = tier_calibration_run(buffer.data(), 0, work_units, 1);
  const Nanoseconds end = clock_time(CLOCK_THREAD_CPUTIME_ID);
  return end - begin + Nanoseconds(state == 0 ? 1 : 0);  // the state is used, so the work is done
}

double cached_instruction_seconds() {
  return seconds(time_fixed_work(kCachedIterations)) / (kCachedIterations * kLoopInstructions);
}

}  // namespace tier
