#include "core/printable.h"

#include <array>
#include <cstdint>

namespace tier {
namespace {

// RFC 3629, section 4: how many bytes a first byte announces, and the least value that so many may encode.
struct Form {
  std::size_t length;
  std::uint32_t bits;  // of the first byte
  std::uint32_t least;
};

Form form_of(unsigned char first) {
  if (first < 0x80) return {1, first, 0};
  if (first >= 0xc2 && first < 0xe0) return {2, first & 0x1fU, 0x80};
  if (first >= 0xe0 && first < 0xf0) return {3, first & 0x0fU, 0x800};
  if (first >= 0xf0 && first < 0xf5) return {4, first & 0x07U, 0x10000};
  return {0, 0, 0};
}

struct Span {
  std::uint32_t first, last;
};

// Characters without a shape of their own that change the order, the lines or the looks of the text around
// them: Unicode 15, general categories Cf, Zl and Zp, less those that letters are written with (U+00AD, and
// U+200C and U+200D within words of Persian and Indian scripts, which have no place in names of programs).
constexpr std::array kMisleading = {
    Span{0x061c, 0x061c},    // Arabic letter mark
    Span{0x180e, 0x180e},    // Mongolian vowel separator
    Span{0x200b, 0x200f},    // zero-width characters, left-to-right and right-to-left marks
    Span{0x2028, 0x202e},    // line and paragraph separators, bidirectional embeddings and overrides
    Span{0x2060, 0x206f},    // word joiner, bidirectional isolates, deprecated format characters
    Span{0xfeff, 0xfeff},    // byte order mark
    Span{0xfff9, 0xfffb},    // interlinear annotation
    Span{0xe0000, 0xe007f},  // tags
};

bool is_misleading(std::uint32_t code) {
  for (const Span& span : kMisleading)
    if (code >= span.first && code <= span.last) return true;
  return false;
}

bool is_control(std::uint32_t code) { return code < 0x20 || (code >= 0x7f && code < 0xa0); }

struct Decoded {
  std::size_t length = 0;  // 0: no valid UTF-8
  std::uint32_t code = 0;
};

Decoded decode(std::string_view text) {
  const Form form = form_of(static_cast<unsigned char>(text.front()));
  if (form.length == 0 || text.size() < form.length) return {};
  std::uint32_t code = form.bits;
  for (std::size_t i = 1; i < form.length; ++i) {
    const auto byte = static_cast<unsigned char>(text[i]);
    if ((byte & 0xc0) != 0x80) return {};
    code = code << 6 | (byte & 0x3fU);
  }
  const bool surrogate = code >= 0xd800 && code < 0xe000;
  if (surrogate || code < form.least || code > 0x10ffff) return {};
  return {form.length, code};
}

constexpr std::string_view kDigits = "0123456789abcdef";

// One UTF-16 unit as JSON writes it (RFC 8259, section 7).
void add_unit(std::string& out, std::uint32_t unit) {
  out += "\\u";
  for (int shift = 12; shift >= 0; shift -= 4) out += kDigits[(unit >> shift) & 0xf];
}

template <typename Add>
std::string document_escaped(std::string_view text, const Add& add) {
  std::string out;
  out.reserve(text.size());
  while (!text.empty()) {
    const bool plain = static_cast<unsigned char>(text.front()) < 0x7f;
    const Decoded at = plain ? Decoded{1, 'a'} : decode(text);
    const std::size_t length = at.length == 0 ? 1 : at.length;
    if (at.length != 0 && (is_control(at.code) || is_misleading(at.code))) {
      add(out, at.code);
    } else {
      out += text.substr(0, length);
    }
    text.remove_prefix(length);
  }
  return out;
}

std::string escape_of(unsigned char byte) {
  if (byte == '\n') return "\\n";
  if (byte == '\t') return "\\t";
  return {'\\', 'x', kDigits[byte >> 4], kDigits[byte & 0xf]};
}

}  // namespace

std::size_t printable_length(std::string_view text) {
  const Decoded at = decode(text);
  return is_control(at.code) || is_misleading(at.code) ? 0 : at.length;
}

std::string escaped(std::string_view text) {
  std::string out;
  out.reserve(text.size());
  while (!text.empty()) {
    const std::size_t length = printable_length(text);
    if (length == 0) {
      out += escape_of(static_cast<unsigned char>(text.front()));
    } else {
      out += text.substr(0, length);
    }
    text.remove_prefix(length == 0 ? 1 : length);
  }
  return out;
}

std::string escaped_short(std::string_view text, std::size_t most) {
  // A character that is cut in the middle is escaped as what is not UTF-8.
  return text.size() <= most ? escaped(text) : escaped(text.substr(0, most)) + "…";
}

std::string json_escaped(std::string_view json) {
  return document_escaped(json, [](std::string& out, std::uint32_t code) {
    if (code < 0x10000) return add_unit(out, code);
    add_unit(out, 0xd800 + ((code - 0x10000) >> 10));
    add_unit(out, 0xdc00 + ((code - 0x10000) & 0x3ff));
  });
}

std::string toml_escaped(std::string_view toml) {
  return document_escaped(toml, [](std::string& out, std::uint32_t code) {
    if (code < 0x10000) return add_unit(out, code);
    out += "\\U";  // TOML 1.0, "String": eight digits
    for (int shift = 28; shift >= 0; shift -= 4) out += kDigits[(code >> shift) & 0xf];
  });
}

}  // namespace tier
