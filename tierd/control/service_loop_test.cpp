#include "tierd/control/service_loop.h"

#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/un.h>

#include <array>
#include <csignal>
#include <cstdlib>
#include <cstring>
#include <filesystem>

#include "platform/api/file_descriptor.h"

namespace tier {
namespace {

using namespace std::chrono_literals;

TEST(ServiceLoop, TimersRunUntilQuit) {
  auto loop = ServiceLoop::create();
  ASSERT_TRUE(loop) << loop.error().text();
  int ticks = 0;
  (*loop)->add_timer(2ms, [&] {
    if (++ticks == 5) (*loop)->quit();
  });
  ASSERT_TRUE((*loop)->run());
  EXPECT_EQ(ticks, 5);
}

TEST(ServiceLoop, MissedIntervalsAreSkipped) {
  auto loop = ServiceLoop::create();
  ASSERT_TRUE(loop);
  int slow_ticks = 0, other_ticks = 0;
  (*loop)->add_timer(2ms, [&] {
    ++slow_ticks;
    const auto until = std::chrono::steady_clock::now() + 20ms;
    while (std::chrono::steady_clock::now() < until) continue;
  });
  (*loop)->add_timer(50ms, [&] {
    if (++other_ticks == 2) (*loop)->quit();
  });
  ASSERT_TRUE((*loop)->run());
  EXPECT_LE(slow_ticks, 8);  // 100 ms / 20 ms and some slack; 50 were they caught up
}

TEST(ServiceLoop, IdleWorkRunsInStepsOnceItIsWoken) {
  auto loop = ServiceLoop::create();
  ASSERT_TRUE(loop);
  int steps = 0, ticks = 0, later = 0;
  (*loop)->on_idle([&] { return ++steps % 3 != 0; });
  (*loop)->add_timer(1ms, [&] {
    if (++ticks < 5) {
      EXPECT_EQ(steps, 0);
      return;
    }
    if (ticks == 5) (*loop)->wake_idle();
    if (steps >= 3 && ++later == 5) (*loop)->quit();
  });
  ASSERT_TRUE((*loop)->run());
  EXPECT_EQ(steps, 3) << "it ends when there is nothing more to do";
}

TEST(ServiceLoop, EventsComeBetweenTwoStepsOfIdleWork) {
  auto loop = ServiceLoop::create();
  ASSERT_TRUE(loop);
  (*loop)->on_idle([] { return true; });
  (*loop)->wake_idle();
  (*loop)->add_timer(2ms, [&] { (*loop)->quit(); });
  ASSERT_TRUE((*loop)->run()) << "endless idle work would never let it come";
}

TEST(ServiceLoop, SignalsReloadAndTerminate) {
  auto loop = ServiceLoop::create();
  ASSERT_TRUE(loop);
  int reloads = 0, terminations = 0;
  (*loop)->on_reload([&] {
    ++reloads;
    ::kill(::getpid(), SIGTERM);
  });
  (*loop)->on_terminate([&] { ++terminations; });
  ::kill(::getpid(), SIGHUP);
  ASSERT_TRUE((*loop)->run());
  EXPECT_EQ(reloads, 1);
  EXPECT_EQ(terminations, 1);
}

// What systemd would receive.
class NotifySocket {
 public:
  NotifySocket() {
    std::string pattern = (std::filesystem::temp_directory_path() / "tierd-notify-XXXXXX").string();
    if (!::mkdtemp(pattern.data())) std::abort();
    folder_ = pattern;
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    const std::string path = folder_ / "notify";
    std::memcpy(address.sun_path, path.data(), path.size());
    socket_.reset(::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
    if (::bind(socket_.get(), reinterpret_cast<sockaddr*>(&address), sizeof(address)) != 0) std::abort();
    ::setenv("NOTIFY_SOCKET", path.c_str(), 1);
    ::setenv("WATCHDOG_USEC", "1000000", 1);
    ::unsetenv("WATCHDOG_PID");
  }
  ~NotifySocket() {
    ::unsetenv("NOTIFY_SOCKET");
    ::unsetenv("WATCHDOG_USEC");
    std::filesystem::remove_all(folder_);
  }
  std::string receive() {
    std::array<char, 4096> bytes;
    const ssize_t length = ::recv(socket_.get(), bytes.data(), bytes.size(), 0);
    return length > 0 ? std::string(bytes.data(), static_cast<std::size_t>(length)) : std::string();
  }

 private:
  std::filesystem::path folder_;
  FileDescriptor socket_;
};

TEST(ServiceLoop, TellsSystemd) {
  NotifySocket systemd;
  auto loop = ServiceLoop::create();
  ASSERT_TRUE(loop);
  (*loop)->notify_ready("observe mode\n2 targets");
  EXPECT_EQ(systemd.receive(), "READY=1\nSTATUS=observe mode\\n2 targets");
  (*loop)->watchdog_ping();
  EXPECT_EQ(systemd.receive(), "WATCHDOG=1");
  (*loop)->notify_reloading();
  const std::string reloading = systemd.receive();
  EXPECT_TRUE(reloading.starts_with("RELOADING=1\nMONOTONIC_USEC=")) << reloading;
  (*loop)->notify_stopping();
  EXPECT_EQ(systemd.receive(), "STOPPING=1\nSTATUS=stopping");
}

TEST(ServiceLoop, IsSilentWithoutSystemd) {
  ::unsetenv("NOTIFY_SOCKET");
  auto loop = ServiceLoop::create();
  ASSERT_TRUE(loop);
  (*loop)->notify_ready("x");
  (*loop)->watchdog_ping();
}

}  // namespace
}  // namespace tier
