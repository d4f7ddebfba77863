// The daemon's log: lines on standard error, with priorities where the system's journal reads them.
#pragma once

#include <spdlog/formatter.h>

#include <memory>
#include <string>
#include <string_view>

#include "tierd/config/config.h"

namespace tier {

enum class LogReader : std::uint8_t {
  kPerson,   // a terminal or a file: each line begins with the time
  kJournal,  // each line begins with its priority, "<4>" (sd-daemon(3)); the journal adds the time itself
};

// By the value of $JOURNAL_STREAM; see platform/linux/journal_stream.h.
LogReader log_reader(const char* journal_stream, int descriptor);

// Makes one line of each message: its text is escaped (core/printable.h), so that a process cannot add a line
// or steer a terminal by its name, and cut at 32 KiB, for the journal splits longer lines.
std::unique_ptr<spdlog::formatter> line_formatter(LogReader reader);

// Sends the log to standard error, "info" and above. Call before anything may fail.
void start_log();
void set_log_level(LogLevel level);

// An error of our own that has several lines, such as one per problem in a configuration: each becomes a
// message, so that each has its priority.
void log_error_lines(std::string_view text);

}  // namespace tier
