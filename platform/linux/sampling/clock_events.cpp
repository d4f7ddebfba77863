#include "platform/linux/sampling/clock_events.h"

#include <linux/perf_event.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <cmath>
#include <cstdio>
#include <sstream>

#include "platform/linux/sampling/refusal.h"

namespace tier {

std::vector<int> online_cpus() {
  std::vector<int> cpus;
  const Result<std::string> text = read_file("/sys/devices/system/cpu/online");
  std::istringstream ranges(text ? *text : "0");
  for (std::string range; std::getline(ranges, range, ',');) {
    int first = 0, last = 0;
    const int fields = std::sscanf(range.c_str(), "%d-%d", &first, &last);
    if (fields < 1) continue;
    for (int cpu = first; cpu <= (fields == 2 ? last : first); ++cpu) cpus.push_back(cpu);
  }
  return cpus;
}

Result<FileDescriptor> open_perf_event(void* perf_event_attributes, int pid, int cpu, int group_fd) {
  const long fd =
      syscall(SYS_perf_event_open, perf_event_attributes, pid, cpu, group_fd, PERF_FLAG_FD_CLOEXEC);
  if (fd < 0) {
    const int error_number = errno;  // reading the facts sets it again
    return tl::make_unexpected(perf_event_error(error_number, read_permission_facts()));
  }
  return FileDescriptor(static_cast<int>(fd));
}

Result<void> attach_program(const FileDescriptor& event, int program_fd) {
  if (ioctl(event.get(), PERF_EVENT_IOC_SET_BPF, program_fd) != 0)
    return fail_errno("attaching a BPF program to a perf event", errno);
  if (ioctl(event.get(), PERF_EVENT_IOC_ENABLE, 0) != 0) return fail_errno("enabling a perf event", errno);
  return {};
}

Result<FileDescriptor> open_clock_event(int program_fd, double frequency, int pid, int cpu) {
  perf_event_attr attributes{};
  attributes.size = sizeof(attributes);
  attributes.type = PERF_TYPE_SOFTWARE;
  attributes.config = PERF_COUNT_SW_CPU_CLOCK;
  attributes.sample_period = static_cast<std::uint64_t>(std::llround(1e9 / frequency));
  attributes.disabled = 1;
  attributes.exclude_kernel = 1;
  attributes.exclude_hv = 1;
  FileDescriptor event = TIER_TRY(open_perf_event(&attributes, pid, cpu));
  TIER_TRY(attach_program(event, program_fd));
  return event;
}

Result<void> ClockEvents::set_frequency(int program_fd, double frequency) {
  std::vector<FileDescriptor> events;
  if (frequency > 0)
    for (const int cpu : online_cpus())
      events.push_back(TIER_TRY(open_clock_event(program_fd, frequency, -1, cpu)));
  events_ = std::move(events);
  frequency_ = frequency;
  return {};
}

}  // namespace tier
