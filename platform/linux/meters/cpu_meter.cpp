#include <unistd.h>

#include "platform/linux/file.h"
#include "platform/linux/meters/file_meters.h"
#include "platform/linux/proc_text.h"

namespace tier {
namespace {

class CpuMeter final : public Meter {
 public:
  CpuMeter(const Clock& clock, std::string path) : clock_(clock), path_(std::move(path)) {}
  const char* name() const override { return "cpu"; }
  std::vector<CounterReading> read() override {
    CounterReading reading;
    reading.signal = Signal::kUserTime, reading.at = clock_.now();
    std::vector<CounterReading> out;
    const auto text = read_file(path_);
    if (!text) return out;
    for (const CpuTime& cpu : parse_cpu_times(*text)) {
      if (cpu.user_ticks > UINT64_MAX / tick_ns_) continue;
      reading.unit = cpu.cpu, reading.value = cpu.user_ticks * tick_ns_;
      out.push_back(reading);
    }
    return out;
  }

 private:
  const Clock& clock_;
  std::string path_;
  const std::uint64_t tick_ns_ = 1'000'000'000U / static_cast<std::uint64_t>(sysconf(_SC_CLK_TCK));
};

}  // namespace

MeterResult make_cpu_meter(const Clock& clock, const std::string& root) {
  auto meter = std::make_unique<CpuMeter>(clock, under(root, "/proc/stat"));
  if (meter->read().empty())
    return fail(ErrorKind::kUnsupported, under(root, "/proc/stat") + " tells of no CPU's time",
                "procfs must be mounted");
  return meter;
}

}  // namespace tier
