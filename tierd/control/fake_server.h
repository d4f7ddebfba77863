// A control server with a FakeBackend on a socket in a folder of its own, its loop on a thread: for tests
// that are clients.
#pragma once

#include <atomic>
#include <filesystem>
#include <functional>
#include <memory>
#include <string>
#include <thread>

#include "tierd/control/fake_backend.h"
#include "tierd/control/server.h"

namespace tier {

class FakeServer {
 public:
  explicit FakeServer(std::function<void(ControlOptions&)> adjust = {}, std::uint32_t owner = 0);
  ~FakeServer();
  FakeServer(const FakeServer&) = delete;
  FakeServer& operator=(const FakeServer&) = delete;

  std::string socket() const { return (folder_ / "io.tierd.Control").string(); }
  // Runs on the loop's thread and waits for it: the way to touch the backend or the server.
  void run_inside(const std::function<void(FakeBackend&, ControlServer&)>& work);

 private:
  void loop();

  std::filesystem::path folder_;
  FakeBackend backend_;
  std::function<void(ControlOptions&)> adjust_;
  FileDescriptor wake_;  // eventfd
  std::atomic<const std::function<void(FakeBackend&, ControlServer&)>*> work_{nullptr};
  std::atomic<bool> ready_{false}, stop_{false};
  std::unique_ptr<ControlServer> server_;
  std::thread thread_;
};

}  // namespace tier
