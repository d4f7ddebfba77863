#include "core/toml_guard.h"

#include <algorithm>

namespace tier {
namespace {

class Scanner {
 public:
  Scanner(std::string_view text, const TomlLimits& limits) : text_(text), limits_(limits) {}

  std::optional<TomlExcess> run() {
    while (at_ < text_.size() && !excess_) step(text_[at_]);
    return excess_;
  }

 private:
  void step(char c) {
    switch (c) {
      case '#':
        skip_to_line_end();
        return;
      case '"':
      case '\'':
        skip_string(c);
        return;
      case '[':
      case '{':
        if (line_start_) count_item();  // a section title
        parts_ = 1;
        if (++depth_ > limits_.depth) refuse(limits_.depth, "brackets within each other");
        break;
      case ']':
      case '}':
        if (depth_ > 0) --depth_;
        parts_ = 1;
        break;
      case '=':
      case ',':
        parts_ = 1;
        count_item();
        break;
      case '.':
        if (++parts_ > limits_.key_parts) refuse(limits_.key_parts, "parts in one dotted key");
        break;
      case '\n':
        next_line();
        return;
      default:
        break;
    }
    if (c != ' ' && c != '\t' && c != '\r') line_start_ = false;
    ++at_;
  }

  void next_line() {
    ++line_, ++at_;
    line_start_ = true;
    parts_ = 1;
  }

  void count_item() {
    if (++items_ > limits_.items) refuse(limits_.items, "settings and list elements");
  }

  void skip_to_line_end() { at_ = std::min(text_.find('\n', at_), text_.size()); }

  // `quote` opens it; three of them open one of several lines. One that is never closed ends with the text,
  // or with its line; the library refuses it then.
  void skip_string(char quote) {
    line_start_ = false;
    const bool several = text_.substr(at_, 3) == std::string(3, quote);
    at_ += several ? 3 : 1;
    for (; at_ < text_.size(); ++at_) {
      const char c = text_[at_];
      if (c == '\n' && !several) return;
      if (c == '\n') ++line_;
      if (c == '\\' && quote == '"' && at_ + 1 < text_.size() && text_[at_ + 1] != '\n') {
        ++at_;  // what is escaped does not close it
      } else if (c == quote && (!several || text_.substr(at_, 3) == std::string(3, quote))) {
        close(quote, several);
        return;
      }
    }
  }

  // Up to two quotes may stand before the three that close a text of several lines (TOML 1.0, "String").
  void close(char quote, bool several) {
    at_ += several ? 3 : 1;
    for (int more = 0; several && more < 2 && at_ < text_.size() && text_[at_] == quote; ++more) ++at_;
  }

  void refuse(std::size_t limit, const char* of_what) {
    excess_ = {line_, "more than " + std::to_string(limit) + " " + of_what};
  }

  std::string_view text_;
  const TomlLimits& limits_;
  std::size_t at_ = 0, depth_ = 0, parts_ = 1, items_ = 0;
  std::uint32_t line_ = 1;
  bool line_start_ = true;
  std::optional<TomlExcess> excess_;
};

}  // namespace

std::optional<TomlExcess> toml_excess(std::string_view text, const TomlLimits& limits) {
  if (text.size() > limits.bytes)
    return TomlExcess{0, "larger than " + std::to_string(limits.bytes) + " bytes"};
  return Scanner(text, limits).run();
}

}  // namespace tier
