#include "platform/linux/machine.h"

#include <malloc.h>
#include <pthread.h>
#include <sched.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#include "platform/linux/clock_time.h"
#include "platform/linux/file.h"
#include "platform/linux/proc_text.h"

namespace tier {
namespace {

Nanoseconds from(const timeval& t) {
  return std::chrono::seconds(t.tv_sec) + std::chrono::microseconds(t.tv_usec);
}

}  // namespace

Nanoseconds MonotonicClock::now() const { return clock_time(CLOCK_MONOTONIC); }

LinuxPressureReader::LinuxPressureReader(std::string root) : root_(std::move(root)) {}

std::optional<double> LinuxPressureReader::cpu_some_avg10() const {
  const auto text = read_file(under(root_, "/proc/pressure/cpu"), 65536);
  return text ? parse_pressure(*text, "some") : std::nullopt;
}

MemoryPressure LinuxPressureReader::memory_avg10() const {
  const auto text = read_file(under(root_, "/proc/pressure/memory"), 65536);
  if (!text) return {};
  return {parse_pressure(*text, "some"), parse_pressure(*text, "full")};
}

SelfUsage LinuxSelfMeter::usage() const {
  SelfUsage usage;
  rusage used{};
  ::getrusage(RUSAGE_SELF, &used);
  usage.cpu = from(used.ru_utime) + from(used.ru_stime);
  if (const auto text = read_file("/proc/self/statm")) {
    const std::string_view view = *text;
    const std::size_t begin = view.find(' ');
    const std::size_t end = begin == std::string_view::npos ? begin : view.find(' ', begin + 1);
    if (end != std::string_view::npos) {
      const auto pages = parse_number(view.substr(begin + 1, end - begin - 1));
      usage.resident = {pages.value_or(0) * static_cast<std::uint64_t>(::sysconf(_SC_PAGESIZE))};
    }
  }
  return usage;
}

Nanoseconds LinuxSelfMeter::thread_cpu() const { return clock_time(CLOCK_THREAD_CPUTIME_ID); }

void become_background_thread(const char* name) {
  ::pthread_setname_np(::pthread_self(), name);
  const sched_param parameters{};
  ::sched_setscheduler(0, SCHED_BATCH, &parameters);
}

void give_back_freed_memory() { ::malloc_trim(0); }

}  // namespace tier
