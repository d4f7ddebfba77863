// The other end: blocking calls to a running daemon, for tierctl and tests.
#pragma once

#include <chrono>
#include <functional>
#include <nlohmann/json.hpp>
#include <string>

#include "core/result.h"
#include "platform/api/file_descriptor.h"
#include "tierd/control/framing.h"

namespace tier {

class ControlClient {
 public:
  // kNotRunning when nobody listens at `path`; kPermission when the path may not be reached.
  static Result<ControlClient> connect(const std::string& path,
                                       std::chrono::milliseconds timeout = std::chrono::seconds(10));

  // The reply's parameters. `method` without the interface's name means io.tierd.Control. Errors of the
  // daemon keep their kind; kNotRunning when it goes away or does not answer in time.
  Result<nlohmann::json> call(const std::string& method,
                              const nlohmann::json& parameters = nlohmann::json::object());

  // Calls with `more`; `on_reply` gets each reply's parameters and returns false to stop. Ends when it says
  // so, when the daemon goes away (kNotRunning), or without error when a signal handler of ours has run and
  // `stop` says true.
  Result<void> follow(const std::string& method, const nlohmann::json& parameters,
                      const std::function<bool(const nlohmann::json&)>& on_reply,
                      const std::function<bool()>& stop);

 private:
  ControlClient(FileDescriptor socket, std::chrono::milliseconds timeout)
      : socket_(std::move(socket)), timeout_(timeout) {}
  Result<void> send(const nlohmann::json& request);
  // The next message; nothing when interrupted and `stop` says true. Negative timeout waits for ever.
  Result<std::optional<nlohmann::json>> receive(std::chrono::milliseconds timeout,
                                                const std::function<bool()>& stop);

  FileDescriptor socket_;
  std::chrono::milliseconds timeout_;
  MessageSplitter input_{64 << 20};  // a heat map with every option at its maximum has a few MiB
};

}  // namespace tier
