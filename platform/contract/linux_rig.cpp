#include <fcntl.h>
#include <numaif.h>
#include <sched.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstdint>
#include <stdexcept>
#include <system_error>
#include <utility>
#include <vector>

#include "platform/contract/rig.h"
#include "platform/linux/file.h"
#include "platform/linux/latency_probe.h"
#include "platform/linux/machine.h"
#include "platform/linux/mappings/vma_iterator.h"
#include "platform/linux/marked_pages.h"
#include "platform/linux/metrics.h"
#include "platform/linux/pages.h"
#include "platform/linux/process_table.h"
#include "platform/linux/topology_reader.h"

namespace tier {
namespace {

constexpr std::size_t kHuge = 2U << 20;
// Scans of a process begin a second after its start and come at most a minute apart (sched(7),
// numa_balancing_scan_period_max_ms).
constexpr int kSecondsToMark = 90;

void must(bool ok, const char* what) {
  if (!ok) throw std::system_error(errno, std::generic_category(), what);
}

struct Pipe {
  FileDescriptor out, in;
  Pipe() {
    int ends[2];
    must(::pipe(ends) == 0, "pipe");
    out.reset(ends[0]);
    in.reset(ends[1]);
  }
};

void touch(char* start, std::size_t size) {
  for (std::size_t offset = 0; offset < size; offset += 4096) start[offset] = 1;
}

// A pipe holds sixteen pages (pipe(7)); both ends stay open until the process ends.
void pin(char* start) {
  int ends[2];
  if (::pipe(ends) != 0) return;
  for (std::size_t page = 0; page < 1024; page += 64) {
    ::iovec one{start + page * 4096, 4096};
    if (::vmsplice(ends[1], &one, 1, 0) != 4096) return;
  }
}

int sleep_for_ever(void*) {
  for (;;) ::pause();
}

// Of a process with one thread NUMA balancing leaves alone what lies on the node where it runs
// (mm/mprotect.c, change_pte_range). A thread by clone(2), since pthread_create(3) would take locks that the
// fork may have left.
void start_second_thread() {
  alignas(16) static char stack[16384];
  static bool started = false;
  if (std::exchange(started, true)) return;
  constexpr int kThread = CLONE_VM | CLONE_FS | CLONE_FILES | CLONE_SIGHAND | CLONE_THREAD | CLONE_SYSVSEM;
  ::clone(sleep_for_ever, stack + sizeof(stack), kThread, nullptr);
}

// NUMA balancing looks at those who run.
void use_cpu() {
  const auto until = std::chrono::steady_clock::now() + std::chrono::seconds(1);
  while (std::chrono::steady_clock::now() < until) {
  }
}

// What the child does: no allocation and no locks, because it was forked from a test that may have threads.
[[noreturn]] void run_child(char* start, const ProgramOptions& options, bool at_end, int commands,
                            int answers) {
  ::prctl(PR_SET_PDEATHSIG, SIGKILL);
  ::madvise(start, options.size.value, options.huge ? MADV_HUGEPAGE : MADV_NOHUGEPAGE);
  const unsigned long first_node = 1;
  if (options.own_policy) ::mbind(start, options.size.value, MPOL_BIND, &first_node, 64, 0);
  touch(at_end ? start + options.size.value - options.touched.value : start, options.touched.value);
  // Past the sanitizers' own mlock, which does nothing.
  if (options.mlocked) ::syscall(SYS_mlock, start, options.size.value);
  char command = 'r';
  while (::write(answers, &command, 1) == 1 && ::read(commands, &command, 1) == 1) {
    if (command == 'g') {
      void* more = ::mmap(nullptr, 32U << 20, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
      if (more != MAP_FAILED) touch(static_cast<char*>(more), 32U << 20);
    }
    // References of a pipe to pages of the program hold them where they are (vmsplice(2)): the kernel refuses
    // to move a page whose users it cannot all find.
    if (command == 'p') pin(start);
    if (command == 'b') {
      start_second_thread();
      use_cpu();
    }
    // The answer to 'x' is given by the program that replaces this one.
    if (command == 'x') {
      ::dup2(answers, STDOUT_FILENO);
      ::dup2(commands, STDIN_FILENO);
      ::execlp("cat", "cat", nullptr);
      ::execlp("busybox", "busybox", "cat", nullptr);
    }
  }
  ::_exit(0);
}

// Mapped before the fork, touched after it: the address is known here, and private pages are the child's own.
class Memory {
 public:
  Memory(Bytes size, int sharing) : size_(size.value + kHuge) {
    map_ = ::mmap(nullptr, size_, PROT_READ | PROT_WRITE, sharing | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    must(map_ != MAP_FAILED, "mmap");
  }
  ~Memory() { ::munmap(map_, size_); }
  Memory(const Memory&) = delete;
  Memory& operator=(const Memory&) = delete;
  Address start() const { return (reinterpret_cast<Address>(map_) + kHuge - 1) / kHuge * kHuge; }

 private:
  std::size_t size_;
  void* map_ = nullptr;
};

class LinuxProgram final : public Program {
 public:
  explicit LinuxProgram(const ProgramOptions& options)
      : LinuxProgram(options, std::make_shared<Memory>(options.size, MAP_PRIVATE), false) {}
  LinuxProgram(const ProgramOptions& options, std::shared_ptr<Memory> memory, bool at_end)
      : memory_(std::move(memory)) {
    const Address start = memory_->start();
    range_ = {start, start + options.size.value};
    touched_ = options.touched;
    const ::pid_t child = ::fork();
    must(child >= 0, "fork");
    if (child == 0)
      run_child(reinterpret_cast<char*>(start), options, at_end, commands_.out.get(), answers_.in.get());
    pid_ = child;
    answers_.in.reset();  // so that a dead child reads as end of file, not as silence
    wait_for_answer();
  }
  ~LinuxProgram() override { end(); }
  LinuxProgram(const LinuxProgram&) = delete;
  LinuxProgram& operator=(const LinuxProgram&) = delete;

  Pid pid() const override { return {pid_}; }
  AddressRange range() const override { return range_; }
  void grow() override { command('g'); }
  void replace() override {
    command('x', false);
    command('!');  // echoed by the new program: exec is over
  }
  void pin_some() override { command('p'); }
  bool get_marked() override {
    const MarkingFacts facts = read_marking_facts();
    if (!facts.hides || facts.balancing.value_or(0) == 0) return false;
    std::vector<Address> pages;
    for (Address page = range_.start; page < range_.start + touched_.value; page += 4096)
      pages.push_back(page);
    const std::vector<Address> first{pages.front()};
    const int node = LinuxPages().locate({pid_}, first).status.at(0);
    for (int tried = 0; tried < kSecondsToMark; ++tried) {
      command('b');
      // A move to where it is takes all pages off the CPUs' lists, on which none is marked.
      if (node >= 0) LinuxPages().move({pid_}, first, NodeId{node});
      const auto status = LinuxPages().locate({pid_}, pages).status;
      if (std::all_of(status.begin(), status.end(), [](int s) { return s < 0; })) return true;
    }
    return false;
  }
  void end() override {
    if (ended_) return;
    ended_ = true;
    ::kill(pid_, SIGKILL);
    ::waitpid(pid_, nullptr, 0);
  }

 private:
  void command(char c, bool answered = true) {
    must(::write(commands_.in.get(), &c, 1) == 1, "command");
    if (answered) wait_for_answer();
  }
  void wait_for_answer() const {
    char answer;
    const ssize_t n = ::read(answers_.out.get(), &answer, 1);
    if (n != 1) throw std::runtime_error("the child ended too early");
  }

  Pipe commands_, answers_;
  std::shared_ptr<Memory> memory_;
  AddressRange range_;
  ::pid_t pid_ = 0;
  Bytes touched_;
  bool ended_ = false;
};

class LinuxRig final : public Rig {
 public:
  explicit LinuxRig(std::unique_ptr<VmaReader> vmas = nullptr) : processes_("/", std::move(vmas)) {}
  ProcessTable& processes() override { return processes_; }
  PageLocator& locator() override { return pages_; }
  PageMover& mover() override { return pages_; }
  MarkedPages& marked() override { return marked_; }
  TopologyReader& topology() override { return topology_; }
  LatencyProbe& latency() override { return latency_; }
  MetricReader& metrics() override { return metrics_; }
  PressureReader& pressure() override { return pressure_; }
  SelfMeter& self() override { return self_; }
  RivalFinder& rivals() override { return rivals_; }
  std::unique_ptr<Program> start(ProgramOptions options) override {
    return std::make_unique<LinuxProgram>(options);
  }
  std::pair<std::unique_ptr<Program>, std::unique_ptr<Program>> start_pair(ProgramOptions options) override {
    const auto memory = std::make_shared<Memory>(options.size, MAP_SHARED);
    auto first = std::make_unique<LinuxProgram>(options, memory, false);
    return {std::move(first), std::make_unique<LinuxProgram>(options, memory, true)};
  }

 private:
  LinuxProcessTable processes_;
  LinuxPages pages_;
  LinuxMarkedPages marked_;
  LinuxTopologyReader topology_;
  LinuxLatencyProbe latency_;
  LinuxPressureReader pressure_;
  MonotonicClock clock_;
  LinuxMetrics metrics_{clock_};
  LinuxSelfMeter self_;
  LinuxRivalFinder rivals_;
};

}  // namespace

std::unique_ptr<Rig> linux_rig() { return std::make_unique<LinuxRig>(); }

std::unique_ptr<Rig> linux_vma_rig() {
  auto vmas = VmaIterator::load();
  return vmas ? std::make_unique<LinuxRig>(std::move(*vmas)) : nullptr;
}

}  // namespace tier
