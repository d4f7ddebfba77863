#include "platform/linux/meters/uncore_meter.h"

#include <linux/perf_event.h>
#include <unistd.h>

#include <array>
#include <map>

#include "platform/linux/meters/uncore_events.h"
#include "platform/linux/sampling/clock_events.h"

namespace tier {
namespace {

class LinuxPerfCounter final : public PerfCounter {
 public:
  explicit LinuxPerfCounter(FileDescriptor fd) : fd_(std::move(fd)) {}
  Result<PerfCount> read() override {
    std::array<std::uint64_t, 3> words{};  // the order of read_format's bits
    const ssize_t n = ::read(fd_.get(), words.data(), sizeof words);
    if (n < 0) return fail_errno("reading a perf event", errno);
    if (n != sizeof words) return fail(ErrorKind::kFailed, "a perf event was read short");
    return PerfCount{words[0], Nanoseconds(words[1]), Nanoseconds(words[2])};
  }

 private:
  FileDescriptor fd_;
};

class UncoreMeter final : public Meter {
 public:
  struct Channel {
    UncoreEvent event;
    std::unique_ptr<PerfCounter> counter;
  };
  UncoreMeter(const Clock& clock, std::vector<Channel> channels)
      : clock_(clock), channels_(std::move(channels)) {}
  const char* name() const override { return "uncore"; }

  // The counters of a node are added with their times: memory is interleaved over its channels, so that each
  // stands for the others while it does not count.
  std::vector<CounterReading> read() override {
    struct Sum {
      double bytes = 0;
      Nanoseconds enabled{}, running{};
      bool all = true;
    };
    const Nanoseconds at = clock_.now();
    std::map<std::pair<Signal, std::uint32_t>, Sum> sums;
    for (const Channel& channel : channels_) {
      Sum& sum = sums[{channel.event.signal, channel.event.node}];
      const auto count = channel.counter->read();
      if (!count) sum.all = false;
      if (!sum.all) continue;
      sum.bytes += static_cast<double>(count->value) * channel.event.bytes;
      sum.enabled += count->enabled, sum.running += count->running;
    }
    std::vector<CounterReading> out;
    for (const auto& [counter, sum] : sums)
      if (sum.all && sum.bytes < 0x1p63)
        out.push_back({counter.first, counter.second, static_cast<std::uint64_t>(sum.bytes), at, sum.enabled,
                       sum.running});
    return out;
  }

 private:
  const Clock& clock_;
  std::vector<Channel> channels_;
};

}  // namespace

Result<std::unique_ptr<PerfCounter>> open_perf_counter(const HardwareEncoding& event, int cpu) {
  perf_event_attr attributes{};
  attributes.size = sizeof attributes;
  attributes.type = event.type;
  attributes.config = event.config, attributes.config1 = event.config1, attributes.config2 = event.config2;
  attributes.read_format = PERF_FORMAT_TOTAL_TIME_ENABLED | PERF_FORMAT_TOTAL_TIME_RUNNING;
  auto fd = TIER_TRY(open_perf_event(&attributes, -1, cpu));
  return std::make_unique<LinuxPerfCounter>(std::move(fd));
}

MeterResult make_uncore_meter(const Clock& clock, const std::string& root, const OpenPerfCounter& open) {
  auto events = TIER_TRY(find_uncore_events(root));
  std::vector<UncoreMeter::Channel> channels;
  for (UncoreEvent& event : events) {
    auto counter = open(event.encoding, event.cpu);
    if (!counter)
      return fail(counter.error().kind, event.name + ": " + counter.error().message, counter.error().fix);
    channels.push_back({std::move(event), *std::move(counter)});
  }
  return std::make_unique<UncoreMeter>(clock, std::move(channels));
}

}  // namespace tier
