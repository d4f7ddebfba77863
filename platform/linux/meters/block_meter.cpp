#include <set>

#include "platform/linux/file.h"
#include "platform/linux/meters/file_meters.h"
#include "platform/linux/prefetch_machine.h"
#include "platform/linux/proc_text.h"

namespace tier {
namespace {

class BlockMeter final : public Meter {
 public:
  BlockMeter(const Clock& clock, std::string root) : clock_(clock), root_(std::move(root)) {}
  const char* name() const override { return "block"; }
  std::vector<CounterReading> read() override {
    CounterReading reading;
    reading.signal = Signal::kDeviceRead, reading.at = clock_.now();
    const auto text = read_file(under(root_, "/proc/diskstats"));
    if (!text) return {};
    const auto stats = parse_diskstats(*text);
    // One file tells of all devices; which of them are whole, sysfs tells with one for each.
    std::vector<std::uint32_t> units;
    units.reserve(stats.size());
    for (const DiskStat& stat : stats) units.push_back(stat.major << 20 | stat.minor);
    if (units != units_) find_devices(std::move(units));
    std::vector<CounterReading> out;
    std::set<std::uint32_t> seen;
    for (const DiskStat& stat : stats) {
      reading.unit = stat.major << 20 | stat.minor, reading.value = stat.read_bytes;
      if (devices_.contains(reading.unit) && seen.insert(reading.unit).second) out.push_back(reading);
    }
    return out;
  }

 private:
  void find_devices(std::vector<std::uint32_t> units) {
    devices_.clear(), units_ = std::move(units);
    for (const BlockDevice& device : read_block_devices(root_))
      devices_.insert(device.major << 20 | device.minor);
  }

  const Clock& clock_;
  std::string root_;
  std::set<std::uint32_t> devices_;
  std::vector<std::uint32_t> units_;  // all of /proc/diskstats when they were found
};

}  // namespace

MeterResult make_block_meter(const Clock& clock, const std::string& root) {
  auto meter = std::make_unique<BlockMeter>(clock, root);
  if (meter->read().empty())
    return fail(ErrorKind::kUnsupported, "no block device with read-ahead in /proc/diskstats and /sys/block");
  return meter;
}

}  // namespace tier
