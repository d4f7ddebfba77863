// One client of the control socket: its descriptor, who it is, what it has sent and what it has not yet read.
#pragma once

#include <systemd/sd-event.h>

#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "platform/api/file_descriptor.h"
#include "tierd/control/backend.h"
#include "tierd/control/dispatch.h"
#include "tierd/control/framing.h"

namespace tier {

struct EventSourceDeleter {
  void operator()(sd_event_source* source) const { sd_event_source_disable_unref(source); }
};
using EventSource = std::unique_ptr<sd_event_source, EventSourceDeleter>;

// `source` is declared after `socket`, so it goes first.
struct Connection {
  Connection(FileDescriptor connected, const Caller& peer, std::size_t max_message, std::uint64_t now_usec)
      : socket(std::move(connected)), caller(peer), input(max_message), progress_usec(now_usec) {}

  enum class Sent : std::uint8_t { kAll, kSome, kBroken };
  // Writes what the socket takes now; never blocks.
  Sent flush();

  void queue(std::string_view message) { output.append(message).push_back('\0'); }
  bool drained() const { return written == output.size(); }

  FileDescriptor socket;
  EventSource source;
  Caller caller;
  MessageSplitter input;
  std::string output;
  std::size_t written = 0;      // of output
  std::uint64_t progress_usec;  // last input, or when the pending reply was made (monotonic)
  std::optional<Follow> following;
  bool peer_finished = false;  // it will send nothing more
  bool closed = false;         // to be swept
};

}  // namespace tier
