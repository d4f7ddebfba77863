#include <algorithm>
#include <map>

#include "platform/linux/meters/file_meters.h"
#include "platform/linux/resctrl.h"

namespace tier {
namespace {

class ResctrlMeter final : public Meter {
 public:
  ResctrlMeter(const Clock& clock, const std::string& root) : clock_(clock), traffic_(root) {}
  const char* name() const override { return "resctrl"; }
  std::vector<CounterReading> read() override {
    std::vector<CounterReading> out;
    CounterReading reading;
    reading.at = clock_.now();
    for (const CacheTraffic& now : traffic_.read()) {
      reading.unit = now.cache;
      reading.signal = Signal::kLocalTraffic, reading.value = now.local.value_or(0);
      if (now.local) out.push_back(reading);
      const auto far = remote(now);
      reading.signal = Signal::kRemoteTraffic, reading.value = far.value_or(0);
      if (far) out.push_back(reading);
    }
    return out;
  }

 private:
  // The files are read one after the other, so the difference of two counters that rise may fall by what
  // passed in between; only where one of them fell itself may it, too.
  std::optional<std::uint64_t> remote(const CacheTraffic& now) {
    if (!now.total || !now.local) return last_.erase(now.cache), std::nullopt;
    Last& last = last_[now.cache];
    std::uint64_t far = *now.total - std::min(*now.total, *now.local);
    if (*now.total >= last.total && *now.local >= last.local) far = std::max(far, last.remote);
    last = {*now.total, *now.local, far};
    return far;
  }

  struct Last {
    std::uint64_t total = 0, local = 0, remote = 0;
  };
  const Clock& clock_;
  ResctrlTraffic traffic_;
  std::map<std::uint32_t, Last> last_;  // by cache
};

}  // namespace

MeterResult make_resctrl_meter(const Clock& clock, const std::string& root) {
  auto meter = std::make_unique<ResctrlMeter>(clock, root);
  if (meter->read().empty())
    return fail(ErrorKind::kUnsupported, "no mbm_local_bytes in /sys/fs/resctrl/mon_data/mon_L3_*",
                "on a CPU that monitors bandwidth: mount -t resctrl resctrl /sys/fs/resctrl");
  return meter;
}

}  // namespace tier
