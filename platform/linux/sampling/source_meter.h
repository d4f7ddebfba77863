// Rate and cost of a source over the last interval, for its status.
#pragma once

#include "core/access_sample.h"
#include "core/clock.h"

namespace tier {

class SourceMeter {
 public:
  explicit SourceMeter(const Clock& clock) : clock_(clock), begin_(clock.now()) {}

  // After each collect(): what it brought and what CPU time it took here.
  void add(const SampleCounters& counters, Nanoseconds cpu_time);
  // Fills rate, share and totals; `price`: CPU time in the kernel per sample.
  void fill(SourceStatus& status, Nanoseconds price) const;

 private:
  const Clock& clock_;
  Nanoseconds begin_{}, cpu_time_{};
  std::uint64_t events_ = 0;
  double events_per_second_ = 0, user_share_ = 0;
  Nanoseconds user_price_{};
  SampleCounters totals_;
};

}  // namespace tier
