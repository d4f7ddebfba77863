#include <linux/mempolicy.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstdint>
#include <stdexcept>
#include <system_error>

#include "platform/contract/rig.h"
#include "platform/linux/file.h"
#include "platform/linux/latency_probe.h"
#include "platform/linux/machine.h"
#include "platform/linux/mappings/vma_iterator.h"
#include "platform/linux/metrics.h"
#include "platform/linux/pages.h"
#include "platform/linux/process_table.h"
#include "platform/linux/topology_reader.h"

namespace tier {
namespace {

constexpr std::size_t kHuge = 2U << 20;

void must(bool ok, const char* what) {
  if (!ok) throw std::system_error(errno, std::generic_category(), what);
}

struct Pipe {
  UniqueFd out, in;
  Pipe() {
    int ends[2];
    must(::pipe(ends) == 0, "pipe");
    out = UniqueFd(ends[0]);
    in = UniqueFd(ends[1]);
  }
};

void touch(char* start, std::size_t size) {
  for (std::size_t offset = 0; offset < size; offset += 4096) start[offset] = 1;
}

// What the child does: no allocation and no locks, because it was forked from a test that may have threads.
[[noreturn]] void run_child(char* start, const ProgramOptions& options, int commands, int answers) {
  ::prctl(PR_SET_PDEATHSIG, SIGKILL);
  ::madvise(start, options.size.value, options.huge ? MADV_HUGEPAGE : MADV_NOHUGEPAGE);
  const unsigned long first_node = 1;
  if (options.own_policy) ::syscall(SYS_mbind, start, options.size.value, MPOL_BIND, &first_node, 64, 0);
  touch(start, options.touched.value);
  // Past the sanitizers' own mlock, which does nothing.
  if (options.mlocked) ::syscall(SYS_mlock, start, options.size.value);
  char command = 'r';
  while (::write(answers, &command, 1) == 1 && ::read(commands, &command, 1) == 1) {
    if (command == 'g') {
      void* more = ::mmap(nullptr, 32U << 20, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
      if (more != MAP_FAILED) touch(static_cast<char*>(more), 32U << 20);
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

class LinuxProgram final : public Program {
 public:
  explicit LinuxProgram(const ProgramOptions& options) {
    // Mapped before the fork, touched after it: the address is known here and the pages are the child's own.
    map_size_ = options.size.value + kHuge;
    map_ = ::mmap(nullptr, map_size_, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1,
                  0);
    must(map_ != MAP_FAILED, "mmap");
    const auto start = (reinterpret_cast<Address>(map_) + kHuge - 1) / kHuge * kHuge;
    range_ = {start, start + options.size.value};
    const ::pid_t child = ::fork();
    must(child >= 0, "fork");
    if (child == 0)
      run_child(reinterpret_cast<char*>(start), options, commands_.out.get(), answers_.in.get());
    pid_ = child;
    answers_.in = UniqueFd();  // so that a dead child reads as end of file, not as silence
    wait_for_answer();
  }
  ~LinuxProgram() override {
    end();
    ::munmap(map_, map_size_);
  }
  LinuxProgram(const LinuxProgram&) = delete;
  LinuxProgram& operator=(const LinuxProgram&) = delete;

  Pid pid() const override { return {pid_}; }
  AddressRange range() const override { return range_; }
  void grow() override { command('g'); }
  void replace() override {
    command('x', false);
    command('!');  // echoed by the new program: exec is over
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
  void wait_for_answer() {
    char answer;
    const ssize_t n = ::read(answers_.out.get(), &answer, 1);
    if (n != 1) throw std::runtime_error("the child ended too early");
  }

  Pipe commands_, answers_;
  void* map_ = nullptr;
  std::size_t map_size_ = 0;
  AddressRange range_;
  ::pid_t pid_ = 0;
  bool ended_ = false;
};

class LinuxRig final : public Rig {
 public:
  explicit LinuxRig(std::unique_ptr<VmaReader> vmas = nullptr) : processes_("/", std::move(vmas)) {}
  ProcessTable& processes() override { return processes_; }
  PageLocator& locator() override { return pages_; }
  PageMover& mover() override { return pages_; }
  TopologyReader& topology() override { return topology_; }
  LatencyProbe& latency() override { return latency_; }
  MetricReader& metrics() override { return metrics_; }
  PressureReader& pressure() override { return pressure_; }
  SelfMeter& self() override { return self_; }
  RivalFinder& rivals() override { return rivals_; }
  std::unique_ptr<Program> start(ProgramOptions options) override {
    return std::make_unique<LinuxProgram>(options);
  }

 private:
  LinuxProcessTable processes_;
  LinuxPages pages_;
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
