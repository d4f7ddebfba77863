// Varlink's framing: JSON messages, each ended by one NUL byte.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

namespace tier {

class MessageSplitter {
 public:
  explicit MessageSplitter(std::size_t max_message) : max_message_(max_message) {}

  // False when a message longer than the limit is under way: the stream cannot be read on.
  [[nodiscard]] bool feed(std::string_view bytes) {
    buffer_.append(bytes);
    return complete() || buffer_.size() <= max_message_;
  }

  // The next whole message, without its NUL.
  std::optional<std::string> next() {
    const auto end = buffer_.find('\0', scanned_);
    if (end == std::string::npos) {
      scanned_ = buffer_.size();
      return std::nullopt;
    }
    std::string message = buffer_.substr(0, end);
    buffer_.erase(0, end + 1);
    scanned_ = 0;
    return message;
  }

  bool complete() const { return buffer_.find('\0', scanned_) != std::string::npos; }
  bool empty() const { return buffer_.empty(); }

 private:
  std::size_t max_message_;
  std::string buffer_;
  std::size_t scanned_ = 0;  // bytes known to hold no NUL
};

}  // namespace tier
