#include "tierd/config/short_words.h"

#include <algorithm>

namespace tier {
namespace {

constexpr std::size_t kMostWord = 64, kMostPath = 256;
constexpr std::size_t kEnd = 8;  // bytes that stay at a word's end: quotation marks, colons and units

// The first position at or after `at` where a UTF-8 character begins.
std::size_t character_at(std::string_view text, std::size_t at) {
  while (at < text.size() && (static_cast<unsigned char>(text[at]) & 0xc0) == 0x80) ++at;
  return at;
}

std::string short_word(std::string_view word) {
  const std::size_t most = word.find('/') == std::string_view::npos ? kMostWord : kMostPath;
  if (word.size() <= most) return std::string(word);
  const std::size_t head = character_at(word, most - kEnd - 3);  // "…" has three bytes
  const std::size_t tail = character_at(word, std::max(head, word.size() - kEnd));
  return std::string(word.substr(0, head)) + "…" + std::string(word.substr(tail));
}

}  // namespace

std::string with_short_words(std::string_view text) {
  constexpr std::string_view kBlanks = " \t\n";
  std::string out;
  for (std::size_t at = 0; at < text.size();) {
    const std::size_t end = std::min(text.find_first_of(kBlanks, at), text.size());
    out += short_word(text.substr(at, end - at));
    if (end < text.size()) out += text[end];
    at = end + 1;
  }
  return out;
}

}  // namespace tier
