#include "tierd/daemon/journal_log.h"

#include <fmt/format.h>
#include <spdlog/pattern_formatter.h>
#include <spdlog/sinks/stdout_sinks.h>
#include <spdlog/spdlog.h>
#include <systemd/sd-daemon.h>
#include <unistd.h>

#include <cstdlib>

#include "core/printable.h"
#include "platform/linux/journal_stream.h"

namespace tier {
namespace {

// journald splits lines that are longer than LineMax= (journald.conf(5)), 48 KiB unless changed: the rest of
// one would stand in the journal as a line of its own, without its priority.
constexpr std::size_t kLongestText = 32 << 10;

const char* priority_of(spdlog::level::level_enum level) {
  switch (level) {
    case spdlog::level::trace:
    case spdlog::level::debug:
      return SD_DEBUG;
    case spdlog::level::warn:
      return SD_WARNING;
    case spdlog::level::err:
      return SD_ERR;
    case spdlog::level::critical:
      return SD_CRIT;
    default:
      return SD_INFO;
  }
}

class PriorityFlag final : public spdlog::custom_flag_formatter {
 public:
  void format(const spdlog::details::log_msg& message, const std::tm&, spdlog::memory_buf_t& out) override {
    const std::string_view priority = priority_of(message.level);
    out.append(priority.data(), priority.data() + priority.size());
  }
  std::unique_ptr<custom_flag_formatter> clone() const override { return std::make_unique<PriorityFlag>(); }
};

class TextFlag final : public spdlog::custom_flag_formatter {
 public:
  void format(const spdlog::details::log_msg& message, const std::tm&, spdlog::memory_buf_t& out) override {
    std::string text = escaped({message.payload.data(), message.payload.size()});
    if (text.size() > kLongestText) {
      const std::size_t left_out = text.size() - kLongestText;
      text.resize(kLongestText);
      // A character that was cut in the middle is escaped by the second pass.
      text = escaped(text) + fmt::format("… ({} more bytes)", left_out);
    }
    out.append(text.data(), text.data() + text.size());
  }
  std::unique_ptr<custom_flag_formatter> clone() const override { return std::make_unique<TextFlag>(); }
};

}  // namespace

LogReader log_reader(const char* journal_stream, int descriptor) {
  return is_journal_stream(journal_stream, descriptor) ? LogReader::kJournal : LogReader::kPerson;
}

std::unique_ptr<spdlog::formatter> line_formatter(LogReader reader) {
  auto formatter = std::make_unique<spdlog::pattern_formatter>();
  formatter->add_flag<PriorityFlag>('*').add_flag<TextFlag>('@');
  formatter->set_pattern(reader == LogReader::kJournal ? "%*%l: %@" : "%Y-%m-%d %H:%M:%S.%e %l: %@");
  return formatter;
}

void start_log() {
  auto logger = spdlog::stderr_logger_mt("tierd");
  logger->set_formatter(line_formatter(log_reader(std::getenv("JOURNAL_STREAM"), STDERR_FILENO)));
  logger->set_level(spdlog::level::info);
  spdlog::set_default_logger(std::move(logger));
}

void set_log_level(LogLevel level) {
  switch (level) {
    case LogLevel::kDebug:
      return spdlog::set_level(spdlog::level::debug);
    case LogLevel::kInfo:
      return spdlog::set_level(spdlog::level::info);
    case LogLevel::kWarning:
      return spdlog::set_level(spdlog::level::warn);
    case LogLevel::kError:
      return spdlog::set_level(spdlog::level::err);
  }
}

void log_error_lines(std::string_view text) {
  while (!text.empty()) {
    const std::size_t end = std::min(text.find('\n'), text.size());
    spdlog::error("{}", text.substr(0, end));
    text.remove_prefix(std::min(end + 1, text.size()));
  }
}

}  // namespace tier
