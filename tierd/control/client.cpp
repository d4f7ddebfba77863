#include "tierd/control/client.h"

#include <fmt/format.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>

#include <array>
#include <cerrno>
#include <cstring>

#include "tierd/control/protocol.h"
#include "tierd/control/views_json.h"

namespace tier {
namespace {

using nlohmann::json;

tl::unexpected<Error> gone(const std::string& how) {
  return fail(ErrorKind::kNotRunning, "the connection to tierd ended: " + how,
              "look at `systemctl status tierd` and `journalctl -u tierd`");
}

std::string qualified(const std::string& method) {
  return method.find('.') == std::string::npos ? std::string(kControlInterface) + "." + method : method;
}

}  // namespace

Result<ControlClient> ControlClient::connect(const std::string& path, std::chrono::milliseconds timeout) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (path.empty() || path.size() >= sizeof(address.sun_path))
    return fail(ErrorKind::kUsage, fmt::format("\"{}\" cannot be a socket's path", path),
                "use at most 107 bytes");
  std::memcpy(address.sun_path, path.data(), path.size());
  FileDescriptor socket(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  if (!socket.valid()) return fail(ErrorKind::kFailed, std::string("socket: ") + std::strerror(errno));
  if (::connect(socket.get(), reinterpret_cast<const sockaddr*>(&address), sizeof(address)) == 0)
    return ControlClient(std::move(socket), timeout);
  if (errno == EACCES || errno == EPERM)
    return fail(ErrorKind::kPermission, fmt::format("{}: {}", path, std::strerror(errno)), "run as root");
  return fail(ErrorKind::kNotRunning, fmt::format("tierd is not running: {}: {}", path, std::strerror(errno)),
              "start it with `systemctl start tierd`, or name its socket with --socket");
}

Result<void> ControlClient::send(const json& request) {
  std::string bytes = dump_json(request);
  bytes.push_back('\0');
  std::size_t written = 0;
  while (written < bytes.size()) {
    const ssize_t sent = ::send(socket_.get(), bytes.data() + written, bytes.size() - written, MSG_NOSIGNAL);
    if (sent < 0 && errno == EINTR) continue;
    // A refusal may wait to be read although the daemon has closed: let receive() find it.
    if (sent < 0 && errno == EPIPE) return {};
    if (sent < 0) return gone(std::strerror(errno));
    written += static_cast<std::size_t>(sent);
  }
  return {};
}

Result<std::optional<json>> ControlClient::receive(std::chrono::milliseconds timeout,
                                                   const std::function<bool()>& stop) {
  for (;;) {
    if (const auto message = input_.next()) {
      json reply = json::parse(*message, nullptr, /*allow_exceptions=*/false);
      if (!reply.is_object()) return gone("it sent something that is not a Varlink reply");
      return std::optional(std::move(reply));
    }
    if (stop && stop()) return std::nullopt;
    pollfd waiting{.fd = socket_.get(), .events = POLLIN, .revents = 0};
    const int ready = ::poll(&waiting, 1, static_cast<int>(timeout.count()));
    if (ready < 0 && errno == EINTR) continue;
    if (ready < 0) return gone(std::strerror(errno));
    if (ready == 0)
      return fail(ErrorKind::kNotRunning, fmt::format("tierd did not answer within {} ms", timeout.count()),
                  "look at `systemctl status tierd`; it may be stopped or overloaded");
    std::array<char, 64 << 10> bytes;
    const ssize_t length = ::recv(socket_.get(), bytes.data(), bytes.size(), 0);
    if (length < 0 && errno == EINTR) continue;
    if (length < 0) return gone(std::strerror(errno));
    if (length == 0) return gone("it closed the connection");
    if (!input_.feed({bytes.data(), static_cast<std::size_t>(length)}))
      return gone("a reply is larger than 64 MiB");
  }
}

Result<json> ControlClient::call(const std::string& method, const json& parameters) {
  TIER_TRY(send({{"method", qualified(method)}, {"parameters", parameters}}));
  auto reply = TIER_TRY(receive(timeout_, {}));
  if (reply->contains("error")) return tl::make_unexpected(from_error_reply(*reply));
  return reply->value("parameters", json::object());
}

Result<void> ControlClient::follow(const std::string& method, const json& parameters,
                                   const std::function<bool(const json&)>& on_reply,
                                   const std::function<bool()>& stop) {
  TIER_TRY(send({{"method", qualified(method)}, {"parameters", parameters}, {"more", true}}));
  for (;;) {
    auto reply = TIER_TRY(receive(std::chrono::milliseconds(-1), stop));
    if (!reply) return {};
    if (reply->contains("error")) return tl::make_unexpected(from_error_reply(*reply));
    if (!on_reply(reply->value("parameters", json::object()))) return {};
    const auto continues = reply->find("continues");
    if (continues == reply->end() || *continues != true) return {};
  }
}

}  // namespace tier
