#include "tierd/daemon/trouble_log.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

namespace tier {
namespace {

bool is_hex(char c) { return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F'); }

bool is_digit(char c) { return c >= '0' && c <= '9'; }

// Length of the number that begins at `at`: decimal digits, 0x and hexadecimal ones, or at least six
// hexadecimal digits with a decimal one among them, as addresses are printed. 0: there is none.
std::size_t number_at(const std::string& text, std::size_t at) {
  const std::size_t prefix = text.compare(at, 2, "0x") == 0 ? 2 : 0;
  std::size_t hex = prefix, decimal = 0;
  while (at + hex < text.size() && is_hex(text[at + hex])) decimal += is_digit(text[at + hex++]) ? 1U : 0U;
  if (prefix > 0 || (hex >= 6 && decimal > 0)) return hex;
  std::size_t length = 0;
  while (at + length < text.size() && is_digit(text[at + length])) ++length;
  return length;
}

// Every number becomes one sign.
std::string without_numbers(const std::string& message) {
  std::string kind;
  for (std::size_t i = 0; i < message.size();) {
    const std::size_t length = number_at(message, i);
    kind += length > 0 ? '#' : message[i];
    i += std::max<std::size_t>(length, 1);
  }
  return kind;
}

std::string duration_text(Nanoseconds time) {
  const double passed = seconds(time);
  if (passed < 120) return fmt::format("{:.0f} s", passed);
  if (passed < 7200) return fmt::format("{:.0f} minutes", passed / 60);
  return fmt::format("{:.0f} hours", passed / 3600);
}

}  // namespace

std::optional<std::string> TroubleLog::report(const std::string& message, Nanoseconds now) {
  std::string kind = without_numbers(message);
  const auto found =
      std::find_if(entries_.begin(), entries_.end(), [&](const Entry& entry) { return entry.kind == kind; });
  if (found == entries_.end() || now - found->trouble.last >= settings_.over) {
    if (found != entries_.end()) entries_.erase(found);
    if (entries_.size() >= settings_.most) entries_.pop_back();
    entries_.push_front({std::move(kind), {message, 1, now, now}, now, settings_.again, 1});
    return message;
  }
  std::rotate(entries_.begin(), found, found + 1);
  Entry& entry = entries_.front();
  ++entry.trouble.count;
  entry.trouble.last = now;
  if (now - entry.told < entry.wait) return std::nullopt;
  const std::uint64_t more = entry.trouble.count - entry.told_count;
  std::string text =
      fmt::format("{} (the like {} more times in {})", message, more, duration_text(now - entry.told));
  entry.told = now, entry.told_count = entry.trouble.count;
  entry.wait *= 2;
  return text;
}

std::vector<Trouble> TroubleLog::troubles() const {
  std::vector<Trouble> out;
  for (const Entry& entry : entries_) out.push_back(entry.trouble);
  return out;
}

}  // namespace tier
