#include "tools/tierctl/text.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <ctime>

#include "core/printable.h"

namespace tier {
namespace {

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

std::string printable(std::string_view text) { return escaped(text); }

std::string printable_lines(std::string_view text) {
  std::string out;
  for (std::size_t at = 0; at <= text.size();) {
    const std::size_t end = std::min(text.find('\n', at), text.size());
    out += (at == 0 ? "" : "\n") + printable(text.substr(at, end - at));
    at = end + 1;
  }
  return out;
}

std::size_t display_width(std::string_view text) {
  std::size_t width = 0;
  for (const char c : text) width += (static_cast<unsigned char>(c) & 0xc0) != 0x80 ? 1 : 0;
  return width;
}

std::string bytes_text(std::uint64_t bytes) {
  static constexpr std::array<const char*, 6> kUnits = {"B", "KiB", "MiB", "GiB", "TiB", "PiB"};
  auto value = static_cast<double>(bytes);
  std::size_t unit = 0;
  while (value >= 1024 && unit + 1 < kUnits.size()) value /= 1024, ++unit;
  return fmt::format("{} {}", digits(value), kUnits[unit]);
}

std::string seconds_text(double seconds) {
  const double size = std::fabs(seconds);
  if (size == 0) return "0 s";
  if (size < 1e-6) return digits(seconds * 1e9) + " ns";
  if (size < 1e-3) return digits(seconds * 1e6) + " us";
  if (size < 1) return digits(seconds * 1e3) + " ms";
  if (size < 120) return digits(seconds) + " s";
  const auto minutes = static_cast<long long>(seconds / 60);
  if (size < 7200) return fmt::format("{} min {} s", minutes, static_cast<long long>(seconds) % 60);
  if (size < 172800) return fmt::format("{} h {} min", minutes / 60, std::llabs(minutes) % 60);
  return fmt::format("{} d {} h", minutes / 1440, std::llabs(minutes) / 60 % 24);
}

std::string latency_text(std::optional<std::int64_t> ns) { return ns ? fmt::format("{} ns", *ns) : "-"; }

std::string share_text(std::optional<double> share) {
  if (!share) return "-";
  const double percent = *share * 100;
  return (percent != 0 && std::fabs(percent) < 9.95 ? digits(percent) : fmt::format("{:.0f}", percent)) +
         " %";
}

std::string change_text(std::optional<double> share) {
  if (!share) return "-";
  const std::string size = share_text(std::fabs(*share));
  return (*share < 0 ? "-" : *share > 0 ? "+" : "") + size;
}

std::string count_text(double count) {
  static constexpr std::array<const char*, 5> kUnits = {"", " k", " M", " G", " T"};
  std::size_t unit = 0;
  while (std::fabs(count) >= 1000 && unit + 1 < kUnits.size()) count /= 1000, ++unit;
  return digits(count) + kUnits[unit];
}

std::string time_text(std::int64_t unix_ns) {
  const std::time_t seconds = unix_ns / 1'000'000'000;
  std::tm parts{};
  localtime_r(&seconds, &parts);
  std::array<char, 32> text{};
  const std::size_t length = std::strftime(text.data(), text.size(), "%Y-%m-%d %H:%M:%S", &parts);
  return {text.data(), length};
}

std::string plural(std::uint64_t count, std::string_view singular, std::string_view plural) {
  return fmt::format("{} {}", count, count == 1 ? singular : plural);
}

Result<std::uint64_t> parse_address(const std::string& text) {
  constexpr std::size_t kHeatmapDigits = 12;
  const bool prefixed = text.starts_with("0x") || text.starts_with("0X");
  const bool hex =
      prefixed || text.size() <= kHeatmapDigits || text.find_first_of("abcdefABCDEF") != std::string::npos;
  std::uint64_t address = 0;
  const char* const stop = text.data() + text.size();
  const auto [end, error] = std::from_chars(text.data() + (prefixed ? 2 : 0), stop, address, hex ? 16 : 10);
  if (error == std::errc{} && end == stop) return address;
  return fail(ErrorKind::kUsage, fmt::format("\"{}\" is not an address", escaped_short(text)),
              "write it like 0x7f0000000000");
}

}  // namespace tier
