// Numbers and names for people: humanised, and safe to print whatever a process calls itself.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "core/result.h"
#include "tierd/words/words.h"
#include "tierd/words/wrap.h"

namespace tier {

// What a process calls itself must not steer the reader's terminal: escaped() of core/printable.h.
std::string printable(std::string_view text);

// The same, line by line.
std::string printable_lines(std::string_view text);

std::string latency_text(std::optional<std::int64_t> ns);  // "90 ns", "-" when not known
// "+3.2 %", "-25 %", "-" when not known; for differences.
std::string change_text(std::optional<double> share);
std::string time_text(std::int64_t unix_ns);  // local, "2026-11-21 08:00:00"

// An address as tierctl prints them: 0x and hexadecimal digits; the same without 0x where it has a letter or
// at most twelve digits (of /proc/PID/maps); else decimal (JSON's). Of a range like "0x1000-0x2000" its
// beginning.
Result<std::uint64_t> parse_address(const std::string& text);

}  // namespace tier
