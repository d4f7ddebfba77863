#include "platform/linux/sampling/source_meter.h"

#include <time.h>

namespace tier {
namespace {
constexpr Nanoseconds kInterval = std::chrono::seconds(1);
}

void SourceMeter::add(const SampleCounters& counters, Nanoseconds cpu_time) {
  totals_ += counters;
  events_ += counters.taken + counters.lost;
  cpu_time_ += cpu_time;
  const Nanoseconds now = clock_.now();
  if (now - begin_ < kInterval) return;
  const double length = seconds(now - begin_);
  events_per_second_ = static_cast<double>(events_) / length;
  user_share_ = seconds(cpu_time_) / length;
  user_price_ = events_ == 0 ? Nanoseconds(0) : cpu_time_ / static_cast<std::int64_t>(events_);
  begin_ = now;
  events_ = 0;
  cpu_time_ = Nanoseconds(0);
}

void SourceMeter::fill(SourceStatus& status, Nanoseconds price) const {
  status.samples_per_second = events_per_second_;
  status.price_per_sample = price + user_price_;
  status.cpu_share = user_share_ + events_per_second_ * seconds(price);
  status.own_share = user_share_;
  status.totals = totals_;
}

}  // namespace tier
