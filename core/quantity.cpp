#include "core/quantity.h"

#include <fmt/format.h>

#include <array>
#include <charconv>
#include <cmath>
#include <limits>

namespace tier {
namespace {

struct Unit {
  std::string_view name;
  double factor;
};
constexpr std::array<Unit, 6> kTimes = {
    {{"ns", 1}, {"us", 1e3}, {"ms", 1e6}, {"s", 1e9}, {"min", 60e9}, {"h", 3600e9}}};
constexpr double kKibi = 1024;
constexpr std::array<Unit, 13> kSizes = {{{"B", 1},
                                          {"K", kKibi},
                                          {"M", kKibi* kKibi},
                                          {"G", kKibi* kKibi* kKibi},
                                          {"T", kKibi* kKibi* kKibi* kKibi},
                                          {"KiB", kKibi},
                                          {"MiB", kKibi* kKibi},
                                          {"GiB", kKibi* kKibi* kKibi},
                                          {"TiB", kKibi* kKibi* kKibi* kKibi},
                                          {"KB", 1e3},
                                          {"MB", 1e6},
                                          {"GB", 1e9},
                                          {"TB", 1e12}}};

// The number in front and the rest after it, spaces between them dropped.
Result<std::pair<double, std::string_view>> split(std::string_view text) {
  double number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc{} || !std::isfinite(number))
    return fail(ErrorKind::kUsage, fmt::format("\"{}\" does not begin with a number", text));
  if (std::signbit(number)) return fail(ErrorKind::kUsage, fmt::format("\"{}\" is negative", text));
  std::string_view rest = text.substr(static_cast<std::size_t>(end - text.data()));
  while (!rest.empty() && rest.front() == ' ') rest.remove_prefix(1);
  return std::pair{number, rest};
}

template <std::size_t N>
Result<double> scale(std::string_view text, const std::array<Unit, N>& units, std::string_view example) {
  auto parts = TIER_TRY(split(text));
  const auto [number, name] = parts;
  if (name.empty())
    return fail(ErrorKind::kUsage, fmt::format("\"{}\" has no unit", text),
                fmt::format("write it like \"{}\"", example));
  for (const Unit& unit : units) {
    if (unit.name != name) continue;
    const double value = std::round(number * unit.factor);
    // 2^63 exactly: the largest double below it still fits a signed 64-bit number.
    if (value >= 9223372036854775808.0)
      return fail(ErrorKind::kUsage, fmt::format("\"{}\" is too large", text));
    return value;
  }
  return fail(ErrorKind::kUsage, fmt::format("\"{}\": unknown unit \"{}\"", text, name),
              fmt::format("write it like \"{}\"", example));
}

}  // namespace

Result<Nanoseconds> parse_duration(std::string_view text) {
  return scale(text, kTimes, "500ms").map([](double v) { return Nanoseconds{static_cast<std::int64_t>(v)}; });
}

Result<Bytes> parse_size(std::string_view text) {
  return scale(text, kSizes, "2MiB").map([](double v) { return Bytes{static_cast<std::uint64_t>(v)}; });
}

Result<Bytes> parse_rate(std::string_view text) {
  constexpr std::string_view kSuffix = "/s";
  if (!text.ends_with(kSuffix))
    return fail(ErrorKind::kUsage, fmt::format("\"{}\" is not a rate", text), "write it like \"200MiB/s\"");
  return parse_size(text.substr(0, text.size() - kSuffix.size()));
}

Result<double> parse_share(std::string_view text) {
  auto parts = TIER_TRY(split(text));
  if (parts.second == "%") return parts.first / 100;
  if (parts.second.empty()) return parts.first;
  return fail(ErrorKind::kUsage, fmt::format("\"{}\" is not a share", text), "write it like \"1%\" or 0.01");
}

std::string show_duration(Nanoseconds time) {
  const auto value = time.count();
  if (value == 0) return "0s";
  for (std::size_t i = kTimes.size(); i-- > 0;) {
    const auto factor = static_cast<std::int64_t>(kTimes[i].factor);
    if (value % factor == 0) return fmt::format("{}{}", value / factor, kTimes[i].name);
  }
  return fmt::format("{}ns", value);
}

std::string show_size(Bytes size) {
  static constexpr std::array<std::string_view, 5> kNames = {"B", "KiB", "MiB", "GiB", "TiB"};
  std::uint64_t value = size.value;
  std::size_t unit = 0;
  while (value != 0 && value % 1024 == 0 && unit + 1 < kNames.size()) value /= 1024, ++unit;
  return fmt::format("{}{}", value, kNames[unit]);
}

}  // namespace tier
