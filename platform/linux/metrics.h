// Sensors of the machine as a whole, from small text files. What meters count is not here (meters/meters.h).
#pragma once

#include <string>
#include <vector>

#include "core/clock.h"
#include "platform/api/machine.h"

namespace tier {

// A counter's rise per second between two readings; none at the first, and where it went backwards.
class CounterRate {
 public:
  // `wraps_at`: the counter's values lie below it; 0: it does not wrap.
  std::optional<double> next(std::optional<std::uint64_t> value, Nanoseconds now, std::uint64_t wraps_at = 0);

 private:
  std::optional<std::uint64_t> last_;
  Nanoseconds at_{};
};

// Power by RAPL (powercap), temperature by hwmon or thermal zones. Which there are is looked up once, at
// start. The clock must outlive it.
class LinuxMetrics final : public MetricReader {
 public:
  explicit LinuxMetrics(const Clock& clock, std::string root = "/");
  MachineReadings read() override;

 private:
  struct Package {
    std::string energy;  // file: microjoules
    std::uint64_t wraps_at = 0;
    CounterRate rate;
  };
  void find_power();
  void find_temperature();
  std::optional<double> power(Nanoseconds now);
  std::optional<double> temperature() const;

  const Clock& clock_;
  std::string root_;
  std::vector<Package> packages_;
  std::vector<std::string> thermometers_;  // files: thousandths of a degree Celsius
};

}  // namespace tier
