// From one request message to its reply, without any socket.
#pragma once

#include <nlohmann/json.hpp>
#include <optional>
#include <string>

#include "tierd/control/backend.h"

namespace tier {

struct ServiceInfo {
  std::string version;
};

enum class Stream : std::uint8_t { kEvents, kSnapshots };

struct Follow {
  Stream stream = Stream::kEvents;
  std::uint64_t since = 0;      // sequence of the last event, or tick of the last snapshot, that was sent
  std::uint32_t limit = 0;      // events per reply
  std::uint64_t next_held = 0;  // first tick whose snapshot tells again what processes hold
  bool ended = false;           // the last reply was an error
};

struct Outcome {
  bool hang_up = false;              // not a Varlink call: nothing sensible can follow on this connection
  std::optional<std::string> reply;  // without the NUL; none for one-way calls
  std::optional<Follow> follow;      // a call with `more`: the caller streams replies from here
};

// Never throws; whatever the bytes are.
Outcome dispatch(ControlBackend&, const Caller&, const ServiceInfo&, const std::string& message);

// The next streamed reply for a follower, none when nothing is new; moves follow.since on.
std::optional<std::string> next_reply(ControlBackend&, const Caller&, Follow& follow, bool even_if_empty);

}  // namespace tier
