// The readers' threads, and who looks on.
#include <algorithm>
#include <atomic>
#include <mutex>
#include <optional>
#include <thread>

#include "tools/readahead-bench/readers.h"

namespace tier {
namespace {

// What the readers share with who looks on.
struct Progress {
  std::atomic<std::uint64_t> asked{0};
  std::atomic<std::size_t> phase{0};
  std::atomic<bool> stop{false};
  std::mutex mutex;
  std::optional<Error> failed;
};

// Files in turn; readers begin at different ones, so that none finds what another has read.
void read_on(const RigDevice& device, const RunPlan& plan, unsigned reader, Progress& progress) {
  for (std::uint64_t turn = 0; !progress.stop; ++turn) {
    const std::size_t file = (turn + reader * device.files.size() / plan.readers) % device.files.size();
    const std::size_t phase = progress.phase;
    const auto pass = read_pass(device.files[file], plan.phases[phase].pattern, turn * plan.readers + reader,
                                [&](std::size_t bytes) {
                                  progress.asked.fetch_add(bytes, std::memory_order_relaxed);
                                  return !progress.stop && progress.phase == phase;
                                });
    if (pass) continue;
    const std::lock_guard<std::mutex> lock(progress.mutex);
    progress.failed = pass.error();
    return;
  }
}

// Totals at one time; differences of two are an interval.
IntervalResult totals(const RigDevice& device, const RunPlan& plan, const Progress& progress) {
  IntervalResult now;
  now.asked = progress.asked;
  if (plan.meter == nullptr) return now;
  for (const CounterReading& reading : plan.meter->read()) {
    if (reading.unit != device.number) continue;
    if (reading.signal == Signal::kFileDemand) now.metered = reading.value;
    if (reading.signal == Signal::kFileSequential) now.metered_sequential = reading.value;
    if (reading.signal == Signal::kFileStrided) now.metered_strided = reading.value;
  }
  return now;
}

std::vector<IntervalResult> look_on(const RigDevice& device, const RunPlan& plan, Progress& progress,
                                    const Clock& clock) {
  std::vector<IntervalResult> results;
  Nanoseconds begin = clock.now();
  IntervalResult before = totals(device, plan, progress);
  for (std::size_t phase = 0; phase < plan.phases.size(); ++phase) {
    progress.phase = phase;
    const Nanoseconds end = begin + plan.phases[phase].length;
    while (begin < end) {
      std::this_thread::sleep_for(std::min(plan.interval, end - begin));
      const Nanoseconds now = clock.now();
      const IntervalResult after = totals(device, plan, progress);
      results.push_back({phase, now - begin, after.asked - before.asked, after.metered - before.metered,
                         after.metered_sequential - before.metered_sequential,
                         after.metered_strided - before.metered_strided});
      begin = now;
      before = after;
      if (plan.each_interval) plan.each_interval(now);
    }
  }
  return results;
}

}  // namespace

Result<std::vector<IntervalResult>> run_plan(const RigDevice& device, const RunPlan& plan,
                                             const Clock& clock) {
  if (plan.phases.empty() || plan.readers == 0 || plan.interval <= Nanoseconds{} || device.files.empty())
    return fail(ErrorKind::kUsage, "a run needs phases, readers, an interval and files", "give each of them");
  Progress progress;
  std::vector<std::thread> readers;
  for (unsigned reader = 0; reader < plan.readers; ++reader)
    readers.emplace_back([&, reader] { read_on(device, plan, reader, progress); });
  std::vector<IntervalResult> results = look_on(device, plan, progress, clock);
  progress.stop = true;
  for (std::thread& reader : readers) reader.join();
  if (progress.failed) return tl::make_unexpected(*progress.failed);
  return results;
}

}  // namespace tier
