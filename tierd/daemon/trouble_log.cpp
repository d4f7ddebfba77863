#include "tierd/daemon/trouble_log.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

namespace tier {
namespace {

bool is_number_part(char c) {
  return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
}

// Every run of decimal digits, and every hexadecimal number behind 0x, becomes one sign.
std::string without_numbers(const std::string& message) {
  std::string kind;
  for (std::size_t i = 0; i < message.size();) {
    const bool digit = message[i] >= '0' && message[i] <= '9';
    if (!digit) {
      kind += message[i++];
      continue;
    }
    const bool hex = message.compare(i, 2, "0x") == 0;
    i += hex ? 2 : 0;
    while (i < message.size() && (hex ? is_number_part(message[i]) : message[i] >= '0' && message[i] <= '9'))
      ++i;
    kind += '#';
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
