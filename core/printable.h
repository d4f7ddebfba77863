// Text of foreign origin (names of processes, programs and files) made safe for terminals and logs.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace tier {

// Bytes of the character at the front of `text`, which is not empty. 0 when it is a control character
// (C0, DEL or C1) or no valid UTF-8 (RFC 3629: no overlong form, no surrogate, nothing above U+10FFFF).
std::size_t printable_length(std::string_view text);

// Control characters and bytes that are not UTF-8 become "\n", "\t" or "\x1b", everything else stays. The
// result is one line of valid UTF-8. For people: a backslash that was there before is not doubled.
std::string escaped(std::string_view text);

}  // namespace tier
