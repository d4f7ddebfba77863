// Text that fits the width of a terminal.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace tier {

// Columns that UTF-8 text takes, one per code point.
std::size_t display_width(std::string_view text);

// `text` in lines of at most `width` columns, broken between words; a word that is wider is broken where the
// line ends. 0: one line. Line breaks in the text are kept.
std::vector<std::string> wrapped_lines(std::string_view text, std::size_t width);

// The same as whole lines, all with `indent` blanks before them, `width` columns in all.
std::string indented(std::string_view text, std::size_t indent, std::size_t width);

// Every line of a text that is wider than `width` broken between words; what goes on is indented by `indent`.
std::string wrapped(std::string_view text, std::size_t width, std::size_t indent = 0);

// At most `width` columns of the text, with "…" where something is cut off: its end, or its beginning.
std::string clipped(std::string_view text, std::size_t width, bool front = false);

}  // namespace tier
