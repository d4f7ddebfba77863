#include "platform/linux/metrics.h"

#include <algorithm>
#include <filesystem>

#include "platform/linux/file.h"
#include "platform/linux/proc_text.h"

namespace tier {
namespace {

constexpr std::size_t kSmall = 65536;

std::optional<std::string> text_of(const std::string& path) {
  const auto text = read_file(path, kSmall);
  if (!text) return std::nullopt;
  return std::string(trimmed(*text));
}

// Names in a folder, in order; empty when it cannot be read.
std::vector<std::string> names_in(const std::string& folder) {
  std::vector<std::string> names;
  std::error_code error;
  for (auto it = std::filesystem::directory_iterator(folder, error);
       !error && it != std::filesystem::directory_iterator(); it.increment(error))
    names.push_back(it->path().filename().string());
  std::sort(names.begin(), names.end());
  return names;
}

// Whole CPU packages as the drivers name them: coretemp, k10temp and zenpower.
bool is_package(const std::string& label) {
  return label.starts_with("Package id") || label == "Tctl" || label == "Tdie";
}

}  // namespace

std::optional<double> CounterRate::next(std::optional<std::uint64_t> value, Nanoseconds now,
                                        std::uint64_t wraps_at) {
  const auto before = last_;
  const double passed = seconds(now - at_);
  last_ = value, at_ = now;
  if (!before || !value || passed <= 0) return std::nullopt;
  if (*value >= *before) return static_cast<double>(*value - *before) / passed;
  if (wraps_at <= *before) return std::nullopt;
  return static_cast<double>(wraps_at - *before + *value) / passed;
}

LinuxMetrics::LinuxMetrics(const Clock& clock, std::string root) : clock_(clock), root_(std::move(root)) {
  find_power();
  find_temperature();
}

// "intel-rapl:0" is a package, AMD's too; "intel-rapl:0:1" a part of one.
void LinuxMetrics::find_power() {
  const std::string folder = under(root_, "/sys/class/powercap");
  for (const std::string& name : names_in(folder)) {
    if (!name.starts_with("intel-rapl:") || std::count(name.begin(), name.end(), ':') != 1) continue;
    const std::string zone = folder + "/" + name;
    if (const auto label = text_of(zone + "/name"); !label || !label->starts_with("package")) continue;
    packages_.push_back({zone + "/energy_uj", read_number(zone + "/max_energy_range_uj").value_or(0), {}});
  }
}

void LinuxMetrics::find_temperature() {
  const std::string hwmon = under(root_, "/sys/class/hwmon");
  for (const std::string& chip : names_in(hwmon)) {
    const std::string folder = hwmon + "/" + chip;
    const std::string driver = text_of(folder + "/name").value_or("");
    if (driver != "coretemp" && driver != "k10temp" && driver != "zenpower") continue;
    for (const std::string& name : names_in(folder)) {
      if (!name.ends_with("_label") || !is_package(text_of(folder + "/" + name).value_or(""))) continue;
      thermometers_.push_back(folder + "/" + name.substr(0, name.size() - 5) + "input");
    }
  }
  if (!thermometers_.empty()) return;
  const std::string zones = under(root_, "/sys/class/thermal");
  for (const std::string& zone : names_in(zones))
    if (text_of(zones + "/" + zone + "/type") == "x86_pkg_temp")
      thermometers_.push_back(zones + "/" + zone + "/temp");
}

// Of all packages or of none: a part of the power would look like less work.
std::optional<double> LinuxMetrics::power(Nanoseconds now) {
  double watts = 0;
  bool all = !packages_.empty();
  for (Package& package : packages_) {
    const auto microwatts = package.rate.next(read_number(package.energy), now, package.wraps_at);
    if (!microwatts) all = false;
    watts += microwatts.value_or(0) * 1e-6;
  }
  return all ? std::optional(watts) : std::nullopt;
}

std::optional<double> LinuxMetrics::temperature() const {
  std::optional<double> hottest;
  for (const std::string& file : thermometers_) {
    const auto thousandths = read_number(file);
    // Beyond 150 degrees it is a sensor that is not connected.
    if (!thousandths || *thousandths > 150'000) continue;
    hottest = std::max(hottest.value_or(-1e9), static_cast<double>(*thousandths) / 1000);
  }
  return hottest;
}

MachineReadings LinuxMetrics::read() {
  const Nanoseconds now = clock_.now();
  MachineReadings out;
  out.power = power(now);
  out.temperature = temperature();
  return out;
}

}  // namespace tier
