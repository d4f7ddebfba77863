#include "tierd/words/words.h"

#include <fmt/format.h>

#include <array>
#include <cmath>
#include <cstdlib>

namespace tier {
namespace {

// Beyond these a figure is wrong, and writing it out would take up to 309 digits.
constexpr double kMostSeconds = 1000 * 365.25 * 86400, kMostCount = 999.5e12, kMostPercent = 1e6;
constexpr const char* kNotANumber = "not a number";

// Three digits that matter: "1.53", "15.3", "153".
std::string digits(double value) {
  const double size = std::fabs(value);
  std::string text = size < 9.995   ? fmt::format("{:.2f}", value)
                     : size < 99.95 ? fmt::format("{:.1f}", value)
                                    : fmt::format("{:.0f}", value);
  if (text.find('.') != std::string::npos) {
    while (text.back() == '0') text.pop_back();
    if (text.back() == '.') text.pop_back();
  }
  return text;
}

}  // namespace

std::string bytes_text(std::uint64_t bytes) {
  static constexpr std::array<const char*, 6> kUnits = {"B", "KiB", "MiB", "GiB", "TiB", "PiB"};
  auto value = static_cast<double>(bytes);
  std::size_t unit = 0;
  while (value >= 1024 && unit + 1 < kUnits.size()) value /= 1024, ++unit;
  return fmt::format("{} {}", digits(value), kUnits[unit]);
}

std::string seconds_text(double seconds) {
  const double size = std::fabs(seconds);
  if (std::isnan(seconds)) return kNotANumber;
  if (size > kMostSeconds) return seconds < 0 ? "less than -1000 years" : "more than 1000 years";
  if (size == 0) return "0 s";
  // Rounded to three digits, each stays below a thousand of its unit.
  if (size < 999.5e-9) return digits(seconds * 1e9) + " ns";
  if (size < 999.5e-6) return digits(seconds * 1e6) + " us";
  if (size < 0.9995) return digits(seconds * 1e3) + " ms";
  if (size < 120) return digits(seconds) + " s";
  const auto minutes = static_cast<long long>(seconds / 60);
  if (size < 7200) return fmt::format("{} min {} s", minutes, static_cast<long long>(seconds) % 60);
  if (size < 172800) return fmt::format("{} h {} min", minutes / 60, std::llabs(minutes) % 60);
  return fmt::format("{} d {} h", minutes / 1440, std::llabs(minutes) / 60 % 24);
}

std::string share_text(std::optional<double> share) {
  if (!share) return "-";
  const double percent = *share * 100;
  if (std::isnan(percent)) return kNotANumber;
  if (std::fabs(percent) >= kMostPercent)
    return fmt::format("{} than {}{:.0f} %", percent < 0 ? "less" : "more", percent < 0 ? "-" : "",
                       kMostPercent);
  return (percent != 0 && std::fabs(percent) < 9.95 ? digits(percent) : fmt::format("{:.0f}", percent)) +
         " %";
}

std::string count_text(double count) {
  static constexpr std::array<const char*, 5> kUnits = {"", " k", " M", " G", " T"};
  if (std::isnan(count)) return kNotANumber;
  if (std::fabs(count) >= kMostCount) return count < 0 ? "less than -999 T" : "more than 999 T";
  std::size_t unit = 0;
  while (std::fabs(count) >= 999.5 && unit + 1 < kUnits.size()) count /= 1000, ++unit;
  return digits(count) + kUnits[unit];
}

std::string plural(std::uint64_t count, std::string_view singular, std::string_view plural) {
  return fmt::format("{} {}", count, count == 1 ? singular : plural);
}

}  // namespace tier
