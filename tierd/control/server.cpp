#include "tierd/control/server.h"

#include <sys/epoll.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>

#include "tierd/control/peer.h"
#include "tierd/control/protocol.h"
#include "tierd/control/views_json.h"

namespace tier {
namespace {

constexpr std::size_t kReadSize = 16 << 10;
constexpr int kAcceptsPerWake = 16;  // then let ticks and other clients have their turn

std::uint64_t now_usec(sd_event* event) {
  std::uint64_t now = 0;
  sd_event_now(event, CLOCK_MONOTONIC, &now);
  return now;
}

}  // namespace

Result<std::unique_ptr<ControlServer>> ControlServer::create(sd_event* event, ControlBackend& backend,
                                                             ControlOptions options, Listener listener) {
  std::unique_ptr<ControlServer> server(
      new ControlServer(event, backend, std::move(options), std::move(listener)));
  TIER_TRY(server->start());
  return server;
}

ControlServer::ControlServer(sd_event* event, ControlBackend& backend, ControlOptions options,
                             Listener listener)
    : event_(sd_event_ref(event)),
      backend_(backend),
      options_(std::move(options)),
      listener_(std::move(listener)) {}

ControlServer::~ControlServer() {
  connections_.clear();
  listen_source_.reset();
  timer_source_.reset();
  sd_event_unref(event_);
}

Result<void> ControlServer::start() {
  sd_event_source *listen_source = nullptr, *timer_source = nullptr;
  int done = sd_event_add_io(event_, &listen_source, listener_.descriptor(), EPOLLIN, on_listener, this);
  listen_source_.reset(listen_source);
  if (done >= 0)
    done = sd_event_add_time_relative(event_, &timer_source, CLOCK_MONOTONIC, 0, 10'000, on_timer, this);
  timer_source_.reset(timer_source);
  if (done < 0)
    return fail(ErrorKind::kFailed, std::string("control socket: event loop: ") + std::strerror(-done));
  return {};
}

int ControlServer::on_listener(sd_event_source*, int, std::uint32_t, void* self) {
  static_cast<ControlServer*>(self)->accept_waiting();
  return 0;
}

int ControlServer::on_connection(sd_event_source*, int fd, std::uint32_t events, void* self) {
  auto& server = *static_cast<ControlServer*>(self);
  server.busy_ = true;
  if (const auto found = server.connections_.find(fd); found != server.connections_.end())
    server.on_ready(*found->second, events);
  server.leave();
  return 0;
}

int ControlServer::on_timer(sd_event_source* source, std::uint64_t, void* self) {
  auto& server = *static_cast<ControlServer*>(self);
  server.busy_ = true;
  server.housekeeping();
  server.leave();
  const auto half_timeout = std::chrono::microseconds(server.options_.stall_timeout).count() / 2;
  const auto next = std::clamp<std::int64_t>(half_timeout, 1'000, 1'000'000);
  sd_event_source_set_time_relative(source, static_cast<std::uint64_t>(next));
  sd_event_source_set_enabled(source, SD_EVENT_ONESHOT);
  return 0;
}

bool ControlServer::admit(const Caller& caller) const {
  if (connections_.size() >= options_.max_connections) return false;
  if (caller.uid == 0) return true;
  // An eighth is kept for root, so that the admin gets in whatever the others do.
  if (connections_.size() >= options_.max_connections - options_.max_connections / 8) return false;
  const auto same = std::count_if(connections_.begin(), connections_.end(),
                                  [&](const auto& entry) { return entry.second->caller.uid == caller.uid; });
  return static_cast<std::size_t>(same) < options_.max_connections_per_uid;
}

void ControlServer::accept_waiting() {
  for (int i = 0; i < kAcceptsPerWake; ++i) {
    FileDescriptor socket(::accept4(listener_.descriptor(), nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK));
    if (!socket.valid()) {
      // Out of descriptors or memory: the backlog stays readable, so stop looking until the next
      // housekeeping.
      if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM)
        sd_event_source_set_enabled(listen_source_.get(), SD_EVENT_OFF);
      return;
    }
    const auto caller = peer_of(socket.get(), options_.group);
    if (!caller || !admit(*caller)) {
      ++counters_.refused;
      std::string reply = dump_json(to_error_reply({ErrorKind::kFailed, "too many connections to tierd",
                                                    "close other tierctl or monitoring sessions"}));
      reply.push_back('\0');
      // Best effort: a fresh socket's buffer takes it.
      [[maybe_unused]] const auto sent =
          ::send(socket.get(), reply.data(), reply.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
      continue;
    }
    ++counters_.accepted;
    const int fd = socket.get();
    auto connection =
        std::make_unique<Connection>(std::move(socket), *caller, options_.max_message, now_usec(event_));
    sd_event_source* source = nullptr;
    if (sd_event_add_io(event_, &source, fd, EPOLLIN, on_connection, this) < 0) continue;
    connection->source.reset(source);
    connections_[fd] = std::move(connection);
  }
}

void ControlServer::on_ready(Connection& connection, std::uint32_t events) {
  if (events & EPOLLERR) {
    connection.closed = true;
    return;
  }
  if (events & EPOLLOUT) {
    // No new deadline for part of a reply: a reader of one byte at a time would hold our memory for ever.
    if (connection.flush() == Connection::Sent::kBroken) connection.closed = true;
  }
  if (events & (EPOLLIN | EPOLLHUP)) read_from(connection);
  advance(connection);
  update_interest(connection);
}

void ControlServer::read_from(Connection& connection) {
  std::array<char, kReadSize> bytes;
  const ssize_t length = ::recv(connection.socket.get(), bytes.data(), bytes.size(), MSG_DONTWAIT);
  if (length < 0) {
    if (errno != EAGAIN && errno != EINTR) connection.closed = true;
    return;
  }
  if (length == 0) {
    connection.peer_finished = true;
    return;
  }
  connection.progress_usec = now_usec(event_);
  if (!connection.input.feed({bytes.data(), static_cast<std::size_t>(length)})) {
    ++counters_.garbage;
    connection.closed = true;
  }
}

bool ControlServer::throttled(const Connection& connection) const {
  const auto used = requests_by_uid_.find(connection.caller.uid);
  return used != requests_by_uid_.end() && used->second >= options_.requests_per_second;
}

void ControlServer::advance(Connection& connection) {
  while (!connection.closed && connection.drained() && !connection.following && !throttled(connection)) {
    const auto message = connection.input.next();
    if (!message) break;
    answer(connection, *message);
  }
  if (!connection.closed && connection.following) follow(connection, false);
  const bool nothing_to_come = connection.drained() && !connection.following && !connection.input.complete();
  if (connection.peer_finished && nothing_to_come) connection.closed = true;
}

void ControlServer::answer(Connection& connection, const std::string& message) {
  ++counters_.requests;
  ++requests_by_uid_[connection.caller.uid];
  Outcome outcome = dispatch(backend_, connection.caller, {options_.version}, message);
  if (outcome.hang_up) {
    ++counters_.garbage;
    connection.closed = true;
    return;
  }
  if (outcome.reply) {
    connection.queue(*outcome.reply);
    connection.progress_usec = now_usec(event_);
    if (connection.flush() == Connection::Sent::kBroken) connection.closed = true;
  }
  if (outcome.follow) {
    connection.following = outcome.follow;
    follow(connection, true);
  }
}

// Fetches only what the follower can take now: a slow one holds one reply of ours, not a growing queue.
void ControlServer::follow(Connection& connection, bool even_if_empty) {
  while (!connection.closed && connection.following && connection.drained()) {
    const auto reply = next_reply(backend_, connection.caller, *connection.following, even_if_empty);
    if (!reply) return;
    even_if_empty = false;
    if (connection.following->ended) connection.following.reset();
    connection.queue(*reply);
    connection.progress_usec = now_usec(event_);
    if (connection.flush() == Connection::Sent::kBroken) connection.closed = true;
  }
}

// The end of one wake-up: what had to wait until no connection was in use.
void ControlServer::leave() {
  busy_ = false;
  sweep();
  if (publish_later_) publish();
}

void ControlServer::publish() {
  // A backend may publish from within a call that it serves.
  publish_later_ = busy_;
  if (busy_) return;
  for (auto& [fd, connection] : connections_) {
    if (!connection->following) continue;
    follow(*connection, false);
    update_interest(*connection);
  }
  sweep();
}

void ControlServer::update_interest(Connection& connection) {
  if (connection.closed) return;
  std::uint32_t interest = 0;
  if (!connection.drained()) interest |= EPOLLOUT;
  const bool wants_input = connection.drained() && !connection.input.complete() && !throttled(connection);
  if (wants_input && !connection.peer_finished) interest |= EPOLLIN;
  // With no interest left epoll still reports a hang-up, again and again; a throttled peer that left is swept
  // instead.
  if (interest == 0 && connection.peer_finished) connection.closed = true;
  sd_event_source_set_io_events(connection.source.get(), interest);
}

void ControlServer::housekeeping() {
  const std::uint64_t now = now_usec(event_);
  const auto timeout = static_cast<std::uint64_t>(std::chrono::microseconds(options_.stall_timeout).count());
  if (now - second_started_usec_ >= 1'000'000) {
    second_started_usec_ = now;
    requests_by_uid_.clear();
  }
  for (auto& [fd, connection] : connections_) {
    const bool owes = !connection->drained() || (!connection->input.empty() && !connection->input.complete());
    if (owes && now - connection->progress_usec >= timeout) {
      ++counters_.stalled;
      connection->closed = true;
      continue;
    }
    advance(*connection);  // those that waited for the new second
    update_interest(*connection);
  }
  sd_event_source_set_enabled(listen_source_.get(), SD_EVENT_ON);
}

void ControlServer::sweep() {
  std::erase_if(connections_, [](const auto& entry) { return entry.second->closed; });
}

}  // namespace tier
