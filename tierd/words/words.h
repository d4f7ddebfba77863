// Numbers for people: three digits that matter, and the unit that suits their size.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace tier {

std::string bytes_text(std::uint64_t bytes);          // "1.5 GiB"
std::string seconds_text(double seconds);             // "412 ms", "52.3 s", "1 h 2 min"
std::string share_text(std::optional<double> share);  // "91 %", "-" when not known
std::string count_text(double count);                 // "4.6 M"
std::string plural(std::uint64_t count, std::string_view singular, std::string_view plural);

}  // namespace tier
