// Numbers with units as people write them, and back: "1s", "2MiB", "200MiB/s", "1%".
#pragma once

#include <string>
#include <string_view>

#include "core/result.h"
#include "core/units.h"

namespace tier {

// A number and one of ns us ms s min h. Trailing junk, a missing unit, a sign and a value beyond 292 years
// are refused.
Result<Nanoseconds> parse_duration(std::string_view text);

// A number and one of B, KiB MiB GiB TiB (1024), K M G T (the same), KB MB GB TB (1000).
Result<Bytes> parse_size(std::string_view text);

// A size and "/s".
Result<Bytes> parse_rate(std::string_view text);

// "1%" or "0.01", as a share of one.
Result<double> parse_share(std::string_view text);

// The largest unit that keeps the value whole; parses back to the same value.
std::string show_duration(Nanoseconds);
std::string show_size(Bytes);

}  // namespace tier
