#include "platform/linux/file.h"
#include "platform/linux/meters/file_meters.h"
#include "platform/linux/proc_text.h"

namespace tier {
namespace {

// swap_ra and swap_ra_hit: Linux 4.14 and later, where the kernel has swap.
constexpr struct {
  Signal signal;
  const char* key;
} kCounters[] = {{Signal::kMajorFaults, "pgmajfault"},
                 {Signal::kSwapIns, "pswpin"},
                 {Signal::kSwapReadahead, "swap_ra"},
                 {Signal::kSwapReadaheadHits, "swap_ra_hit"}};

class VmstatMeter final : public Meter {
 public:
  VmstatMeter(const Clock& clock, std::string path) : clock_(clock), path_(std::move(path)) {}
  const char* name() const override { return "vmstat"; }
  std::vector<CounterReading> read() override {
    CounterReading reading;
    reading.at = clock_.now();
    std::vector<CounterReading> out;
    const auto text = read_file(path_, 1 << 20);
    if (!text) return out;
    const auto add = [&](Signal signal, std::optional<std::uint64_t> value) {
      reading.signal = signal, reading.value = value.value_or(0);
      if (value) out.push_back(reading);
    };
    add(Signal::kRefaults, parse_refaults(*text));
    for (const auto& row : kCounters) add(row.signal, parse_counter(*text, row.key));
    return out;
  }

 private:
  const Clock& clock_;
  std::string path_;
};

}  // namespace

MeterResult make_vmstat_meter(const Clock& clock, const std::string& root) {
  auto meter = std::make_unique<VmstatMeter>(clock, under(root, "/proc/vmstat"));
  if (meter->read().empty())
    return fail(ErrorKind::kUnsupported, under(root, "/proc/vmstat") + " has no counter of faults or swap",
                "a kernel with CONFIG_VM_EVENT_COUNTERS, and procfs mounted");
  return meter;
}

}  // namespace tier
