// Text of foreign origin (names of processes, programs and files) made safe for terminals and logs.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace tier {

// Bytes of the character at the front of `text`, which is not empty. 0 when it is a control character (C0,
// DEL or C1), a character that changes how its neighbours are displayed (bidirectional controls, line and
// paragraph separators, zero-width characters, tags) or no valid UTF-8 (RFC 3629: no overlong form, no
// surrogate, nothing above U+10FFFF).
std::size_t printable_length(std::string_view text);

// Control characters and bytes that are not UTF-8 become "\n", "\t" or "\x1b", everything else stays. The
// result is one line of valid UTF-8. For people: a backslash that was there before is not doubled.
std::string escaped(std::string_view text);

// The same, and at most `most` bytes of the text: what is longer ends in "…".
std::string escaped_short(std::string_view text, std::size_t most = 80);

// JSON or TOML text that is valid already, with the characters that escaped() would not let through written
// as \uXXXX: the document means the same and cannot steer a terminal. Control characters below U+0020 stay:
// within texts the document has none, between values they are line breaks.
std::string json_escaped(std::string_view json);
std::string toml_escaped(std::string_view toml);

}  // namespace tier
