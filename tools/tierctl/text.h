// Numbers and names for people: humanised, and safe to print whatever a process calls itself.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "core/result.h"

namespace tier {

// What a process calls itself must not steer the reader's terminal: escaped() of core/printable.h.
std::string printable(std::string_view text);

// The same, line by line.
std::string printable_lines(std::string_view text);

// Columns that UTF-8 text takes, one per code point.
std::size_t display_width(std::string_view text);

std::string bytes_text(std::uint64_t bytes);               // "1.5 GiB"
std::string seconds_text(double seconds);                  // "412 ms", "52.3 s", "1 h 2 min"
std::string latency_text(std::optional<std::int64_t> ns);  // "90 ns", "-" when not known
std::string share_text(std::optional<double> share);       // "91 %", "-" when not known
// "+3.2 %", "-25 %", "-" when not known; for differences.
std::string change_text(std::optional<double> share);
std::string count_text(double count);         // "4.6 M"
std::string time_text(std::int64_t unix_ns);  // local, "2026-11-21 08:00:00"
std::string plural(std::uint64_t count, std::string_view singular, std::string_view plural);

// An address as tierctl prints them: 0x and hexadecimal digits; the same without 0x where it has a letter or
// at most twelve digits (the heat map's); else decimal (JSON's).
Result<std::uint64_t> parse_address(const std::string& text);

}  // namespace tier
