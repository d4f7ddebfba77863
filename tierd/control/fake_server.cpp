#include "tierd/control/fake_server.h"

#include <sys/epoll.h>
#include <sys/eventfd.h>

#include <cstdlib>
#include <stdexcept>

namespace tier {
namespace {

std::filesystem::path make_folder() {
  std::string pattern = (std::filesystem::temp_directory_path() / "tierd-control-XXXXXX").string();
  if (!::mkdtemp(pattern.data())) throw std::runtime_error("no temporary folder");
  // Other users must reach the socket, as they do under /run.
  std::filesystem::permissions(pattern, std::filesystem::perms(0755));
  return pattern;
}

void signal_wake(int wake) {
  const std::uint64_t one = 1;
  [[maybe_unused]] const auto written = ::write(wake, &one, sizeof(one));
}

}  // namespace

FakeServer::FakeServer(std::function<void(ControlOptions&)> adjust, std::uint32_t owner)
    : folder_(make_folder()), backend_(owner), adjust_(std::move(adjust)), wake_(::eventfd(0, EFD_CLOEXEC)) {
  thread_ = std::thread([this] { loop(); });
  ready_.wait(false);
}

FakeServer::~FakeServer() {
  stop_ = true;
  signal_wake(wake_.get());
  thread_.join();
  std::filesystem::remove_all(folder_);
}

void FakeServer::loop() {
  sd_event* event = nullptr;
  if (sd_event_new(&event) < 0) std::abort();
  const auto on_wake = [](sd_event_source* source, int fd, std::uint32_t, void* data) {
    auto& self = *static_cast<FakeServer*>(data);
    std::uint64_t count = 0;
    [[maybe_unused]] const auto length = ::read(fd, &count, sizeof(count));
    if (const auto* work = self.work_.load()) {
      (*work)(self.backend_, *self.server_);
      self.work_ = nullptr;
      self.work_.notify_all();
    }
    if (self.stop_) sd_event_exit(sd_event_source_get_event(source), 0);
    return 0;
  };
  sd_event_add_io(event, nullptr, wake_.get(), EPOLLIN, on_wake, this);
  ControlOptions options;
  options.version = "0.1.0";
  if (adjust_) adjust_(options);
  auto listener = Listener::open(socket());
  if (!listener) std::abort();
  auto server = ControlServer::create(event, backend_, options, std::move(*listener));
  if (!server) std::abort();
  server_ = std::move(*server);
  ready_ = true;
  ready_.notify_all();
  sd_event_loop(event);
  server_.reset();
  sd_event_unref(event);
}

void FakeServer::run_inside(const std::function<void(FakeBackend&, ControlServer&)>& work) {
  work_ = &work;
  signal_wake(wake_.get());
  work_.wait(&work);
}

}  // namespace tier
