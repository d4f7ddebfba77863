#include "tools/tierctl/text.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <ctime>

#include "core/printable.h"

namespace tier {
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

std::string latency_text(std::optional<std::int64_t> ns) { return ns ? fmt::format("{} ns", *ns) : "-"; }

std::string change_text(std::optional<double> share) {
  if (!share) return "-";
  const std::string size = share_text(std::fabs(*share));
  return (*share < 0 ? "-" : *share > 0 ? "+" : "") + size;
}

std::string time_text(std::int64_t unix_ns) {
  const std::time_t seconds = unix_ns / 1'000'000'000;
  std::tm parts{};
  localtime_r(&seconds, &parts);
  std::array<char, 32> text{};
  const std::size_t length = std::strftime(text.data(), text.size(), "%Y-%m-%d %H:%M:%S", &parts);
  return {text.data(), length};
}

Result<std::uint64_t> parse_address(const std::string& given) {
  constexpr std::size_t kBareDigits = 12;
  // Of a range its beginning, as `tierctl explain` and /proc/PID/maps print them.
  const std::string text = given.substr(0, given.find('-', 1));
  const bool prefixed = text.starts_with("0x") || text.starts_with("0X");
  const bool hex =
      prefixed || text.size() <= kBareDigits || text.find_first_of("abcdefABCDEF") != std::string::npos;
  std::uint64_t address = 0;
  const char* const stop = text.data() + text.size();
  const auto [end, error] = std::from_chars(text.data() + (prefixed ? 2 : 0), stop, address, hex ? 16 : 10);
  if (error == std::errc{} && end == stop) return address;
  return fail(ErrorKind::kUsage, fmt::format("\"{}\" is not an address", escaped_short(given)),
              "write it like 0x7f0000000000");
}

}  // namespace tier
