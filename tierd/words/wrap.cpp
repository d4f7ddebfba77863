#include "tierd/words/wrap.h"

#include <algorithm>
#include <array>

namespace tier {
namespace {

bool continues(char c) { return (static_cast<unsigned char>(c) & 0xc0) == 0x80; }

// Bytes of the first `columns` columns of a text.
std::size_t bytes_of(std::string_view text, std::size_t columns) {
  std::size_t at = 0;
  for (; at < text.size() && columns > 0; --columns) {
    ++at;
    while (at < text.size() && continues(text[at])) ++at;
  }
  return at;
}

// Whether the blank at `at` stands between a number and its unit: "1.5 s", "95 %".
bool before_unit(std::string_view line, std::size_t at) {
  static constexpr std::array<std::string_view, 17> kUnits = {
      "%", "s", "ms", "us", "ns", "min", "h", "B", "KiB", "MiB", "GiB", "TiB", "k", "M", "G", "T", "d"};
  if (at == 0 || line[at - 1] < '0' || line[at - 1] > '9') return false;
  std::string_view word = line.substr(at + 1, std::min(line.find(' ', at + 1), line.size()) - at - 1);
  word = word.substr(0, word.find_last_not_of(",.;:)") + 1);
  return std::find(kUnits.begin(), kUnits.end(), word) != kUnits.end();
}

// Where a line that is too wide ends: the last blank within its width that stands between two words, else
// behind the last comma of a list without blanks.
std::size_t line_end(std::string_view line, std::size_t fits) {
  for (std::size_t end = fits; (end = line.rfind(' ', end)) != std::string_view::npos && end > 0; --end)
    if (line.find_first_not_of(' ') < end && !before_unit(line, end)) return end;
  // One word, or none but a line's indentation before it.
  const std::size_t comma = line.substr(0, fits).rfind(',');
  return comma == std::string_view::npos ? fits : comma + 1;
}

void wrap_line(std::string_view line, std::size_t width, std::vector<std::string>& out) {
  for (;;) {
    if (width == 0 || display_width(line) <= width) {
      out.emplace_back(line);
      return;
    }
    const std::size_t fits = bytes_of(line, width);
    const std::size_t end = line_end(line, fits);
    std::string_view head = line.substr(0, end);
    while (!head.empty() && head.back() == ' ') head.remove_suffix(1);
    out.emplace_back(head);
    line.remove_prefix(std::min(line.find_first_not_of(' ', end), line.size()));
    if (line.empty()) return;
  }
}

}  // namespace

std::size_t display_width(std::string_view text) {
  std::size_t width = 0;
  for (const char c : text) width += continues(c) ? 0U : 1U;
  return width;
}

std::vector<std::string> wrapped_lines(std::string_view text, std::size_t width) {
  std::vector<std::string> lines;
  for (std::size_t at = 0; at <= text.size();) {
    const std::size_t end = std::min(text.find('\n', at), text.size());
    wrap_line(text.substr(at, end - at), width, lines);
    at = end + 1;
  }
  return lines;
}

std::string indented(std::string_view text, std::size_t indent, std::size_t width) {
  std::string out;
  for (const std::string& line : wrapped_lines(text, width > indent ? width - indent : width))
    out += std::string(indent, ' ') + line + "\n";
  return out;
}

std::string wrapped(std::string_view text, std::size_t width, std::size_t indent) {
  if (width <= indent) return std::string(text);
  std::string out;
  for (std::size_t at = 0; at < text.size();) {
    const std::size_t end = std::min(text.find('\n', at), text.size());
    const std::string_view line = text.substr(at, end - at);
    const std::string first = wrapped_lines(line, width).front();
    out += first;
    std::string_view rest = line.substr(first.size());
    rest.remove_prefix(std::min(rest.find_first_not_of(' '), rest.size()));
    if (!rest.empty()) {
      out += "\n" + indented(rest, indent, width);
      out.pop_back();
    }
    if (end < text.size()) out += '\n';
    at = end + 1;
  }
  return out;
}

std::string clipped(std::string_view text, std::size_t width, bool front) {
  const std::size_t wide = display_width(text);
  if (wide <= width || width == 0) return std::string(text);
  if (front) return "…" + std::string(text.substr(bytes_of(text, wide - (width - 1))));
  return std::string(text.substr(0, bytes_of(text, width - 1))) + "…";
}

}  // namespace tier
