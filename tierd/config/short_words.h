// Overlong words in messages.
#pragma once

#include <string>
#include <string_view>

namespace tier {

// `text` with every overlong word shortened: its beginning, "…" and its last characters stay. A word with a
// slash in it is a path and may have 256 bytes, any other word 64. For messages that repeat what somebody
// wrote: a number of 300 digits tells the reader nothing that its first 50 do not.
std::string with_short_words(std::string_view text);

}  // namespace tier
