#include "platform/linux/sampling/task_clocks.h"

#include <algorithm>

namespace tier {

void TaskClocks::read(const Key& key, Nanoseconds now) {
  const std::optional<RunTime> run = machine_.run_time(key.pid, key.tid);
  if (!run) {
    threads_.erase(key);
    return;
  }
  const auto [found, is_new] = threads_.try_emplace(key);
  Thread& thread = found->second;
  thread.unseen = 0;
  const double ran = seconds(run->ran - thread.last.ran), passed = seconds(now - thread.read_at);
  if (!is_new && ran > 0 && passed > 0) {
    thread.busy = std::min(1.0, ran / passed);
    thread.switches = static_cast<double>(run->slices - thread.last.slices) / ran;
  }
  thread.last = *run;
  thread.read_at = now;
}

void TaskClocks::look(std::span<const SeenThread> seen, Nanoseconds now) {
  for (auto& [key, thread] : threads_) ++thread.unseen;
  std::vector<SeenThread> order(seen.begin(), seen.end());
  std::sort(order.begin(), order.end(),
            [](const SeenThread& a, const SeenThread& b) { return a.samples > b.samples; });
  std::map<Pid, std::size_t> of_program;
  std::size_t looked_at = 0;
  for (const SeenThread& thread : order) {
    if (looked_at == kMostRead) break;
    if (++of_program[thread.pid] > kMostOfProgram) continue;
    read({thread.pid, thread.tid}, now);
    ++looked_at;
  }
  std::erase_if(threads_, [](const auto& known) { return known.second.unseen > kForgetAfter; });
}

double TaskClocks::bearable(const Thread& thread, Nanoseconds price) {
  return highest_frequency(price) - thread.switches;
}

ClockReach TaskClocks::reach(Nanoseconds price) const {
  ClockReach reach;
  for (const auto& [key, thread] : threads_) {
    if (thread.busy <= 0 || bearable(thread, price) < kLowestFrequency) continue;
    reach.useful += thread.busy;
    reach.paid += thread.busy;
    reach.spent += thread.busy * thread.switches * seconds(price);
  }
  return reach;
}

Result<void> TaskClocks::set_frequency(double frequency, Nanoseconds price) {
  std::size_t open = 0;
  Result<void> refused;
  for (auto& [key, thread] : threads_) {
    const double bound = std::min(frequency, bearable(thread, price));
    const double wanted = thread.busy > 0 && bound >= kLowestFrequency && open < kMostEvents ? bound : 0;
    if (worth_changing(thread.frequency, wanted)) {
      thread.event = {};
      thread.frequency = 0;
      if (wanted > 0) {
        Result<FileDescriptor> event = machine_.open(key.tid, wanted);
        if (event) {
          thread.event = std::move(*event);
          thread.frequency = wanted;
        } else {
          refused = tl::make_unexpected(event.error());
        }
      }
    }
    open += thread.frequency > 0;
  }
  return open > 0 || frequency == 0 ? Result<void>{} : refused;
}

std::size_t TaskClocks::events() const {
  return static_cast<std::size_t>(std::count_if(
      threads_.begin(), threads_.end(), [](const auto& known) { return known.second.frequency > 0; }));
}

double TaskClocks::interrupts() const {
  double interrupts = 0;
  for (const auto& [key, thread] : threads_)
    if (thread.frequency > 0) interrupts += thread.busy * (thread.frequency + thread.switches);
  return interrupts;
}

}  // namespace tier
