// The control socket: Varlink on a unix stream socket, served from the daemon's own event loop.
// No client can stall or crash the daemon: nothing blocks, a connection is read only while nothing waits to
// be written to it, messages, connections and requests per second are capped, and a peer that neither reads
// nor finishes its message is dropped.
#pragma once

#include <sys/types.h>
#include <systemd/sd-event.h>

#include <chrono>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>

#include "core/result.h"
#include "tierd/control/backend.h"
#include "tierd/control/connection.h"
#include "tierd/control/dispatch.h"
#include "tierd/control/listener.h"

namespace tier {

struct ControlOptions {
  std::string version;
  std::optional<gid_t> group;                // its members are privileged; see find_group()
  std::size_t max_message = 64 << 10;        // bytes; our largest request has under 200
  std::size_t max_connections = 256;         // all users together
  std::size_t max_connections_per_uid = 16;  // but for root, who may use all
  std::uint32_t requests_per_second = 200;   // per uid; more wait until the next second
  std::chrono::milliseconds stall_timeout{
      10'000};  // half a message, or a reply not read, for this long: dropped
};

struct ControlCounters {
  std::uint64_t accepted = 0, refused = 0;  // connections
  std::uint64_t requests = 0;
  std::uint64_t garbage = 0;  // connections closed for what they sent
  std::uint64_t stalled = 0;  // connections closed for not reading or not finishing
};

class ControlServer {
 public:
  // `event` and `backend` must outlive the server. The caller opens the listener before it starts anything
  // else, so that a second daemon is refused before it does any work.
  static Result<std::unique_ptr<ControlServer>> create(sd_event* event, ControlBackend& backend,
                                                       ControlOptions options, Listener listener);
  ~ControlServer();
  ControlServer(const ControlServer&) = delete;
  ControlServer& operator=(const ControlServer&) = delete;

  // Whose members are privileged from now on; of connections made before, those that were then.
  void set_group(gid_t group) { options_.group = group; }
  bool has_group() const { return options_.group.has_value(); }

  // New events may exist: sends them to the followers. Call once a tick.
  void publish();

  const ControlCounters& counters() const { return counters_; }
  std::size_t connections() const { return connections_.size(); }

 private:
  ControlServer(sd_event* event, ControlBackend& backend, ControlOptions options, Listener listener);
  Result<void> start();
  void accept_waiting();
  bool admit(const Caller& caller) const;
  void on_ready(Connection& connection, std::uint32_t events);
  void read_from(Connection& connection);
  void advance(Connection& connection);  // answers what is complete, as far as the peer reads
  void answer(Connection& connection, const std::string& message);
  void follow(Connection& connection, bool even_if_empty);
  void update_interest(Connection& connection);
  bool throttled(const Connection& connection) const;
  void housekeeping();
  void leave();
  void sweep();  // forgets connections marked closed

  static int on_listener(sd_event_source*, int, std::uint32_t, void* self);
  static int on_connection(sd_event_source*, int fd, std::uint32_t events, void* self);
  static int on_timer(sd_event_source*, std::uint64_t, void* self);

  sd_event* event_;
  ControlBackend& backend_;
  ControlOptions options_;
  Listener listener_;
  ControlCounters counters_;
  std::map<int, std::unique_ptr<Connection>> connections_;  // by descriptor
  std::map<std::uint32_t, std::uint32_t> requests_by_uid_;  // in this second
  std::uint64_t second_started_usec_ = 0;
  bool busy_ = false, publish_later_ = false;
  EventSource listen_source_, timer_source_;
};

}  // namespace tier
