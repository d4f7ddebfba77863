#include "platform/linux/sampling/program_price.h"

#include <bpf/bpf.h>

#include <algorithm>
#include <vector>

#include "platform/linux/sampling/calibration.h"
#include "platform/linux/sampling/clock_events.h"

namespace tier {
namespace {

constexpr double kFrequency = 5000;  // Hz: 50 interrupts a turn make a difference that shows
constexpr Nanoseconds kTurn = std::chrono::milliseconds(10);
constexpr int kPairs = 9;
constexpr std::uint64_t kSettleAfter = 1000;  // samples

// Work units that take about one turn.
std::uint64_t units_of_a_turn() {
  std::uint64_t units = 1024;
  Nanoseconds taken = time_fixed_work(units);
  while (taken < kTurn / 4) {
    units *= 2;
    taken = time_fixed_work(units);
  }
  return units * static_cast<std::uint64_t>(std::max<std::int64_t>(1, kTurn / taken));
}

}  // namespace

ProgramPrice::ProgramPrice(int program_fd)
    : program_fd_(program_fd), statistics_(bpf_enable_stats(BPF_STATS_RUN_TIME)), begin_(run_time()) {}

Nanoseconds ProgramPrice::run_time() const {
  bpf_prog_info info{};
  std::uint32_t size = sizeof(info);
  if (program_fd_ < 0 || bpf_obj_get_info_by_fd(program_fd_, &info, &size) != 0) return {};
  return Nanoseconds(static_cast<std::int64_t>(info.run_time_ns));
}

Nanoseconds ProgramPrice::per_sample(std::uint64_t samples) const {
  if (settled_.count() > 0) return settled_;
  if (!statistics_.valid() || samples == 0) return {};
  return (run_time() - begin_) / static_cast<std::int64_t>(samples);
}

Nanoseconds ProgramPrice::settle(std::uint64_t samples) {
  if (samples >= kSettleAfter && settled_.count() == 0) {
    settled_ = per_sample(samples);
    statistics_ = UniqueFd();
  }
  return per_sample(samples);
}

Nanoseconds price_of_clock_interrupt(int program_fd) {
  const std::uint64_t units = units_of_a_turn();
  std::vector<double> prices;
  ClockEvents events;
  for (int pair = 0; pair < kPairs; ++pair) {
    if (!events.set_frequency(program_fd, 0)) return {};
    const Nanoseconds without = time_fixed_work(units);
    if (!events.set_frequency(program_fd, kFrequency)) return {};
    const Nanoseconds with = time_fixed_work(units);
    const double interrupts = seconds(with) * kFrequency;
    prices.push_back(static_cast<double>((with - without).count()) / std::max(interrupts, 1.0));
  }
  std::nth_element(prices.begin(), prices.begin() + kPairs / 2, prices.end());
  return Nanoseconds(static_cast<std::int64_t>(std::max(0.0, prices[kPairs / 2])));
}

}  // namespace tier
