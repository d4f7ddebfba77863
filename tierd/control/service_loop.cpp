#include "tierd/control/service_loop.h"

#include <fmt/format.h>
#include <sys/signalfd.h>
#include <systemd/sd-daemon.h>

#include <algorithm>
#include <csignal>
#include <cstring>
#include <ctime>

#include "core/printable.h"
#include "tierd/control/connection.h"

namespace tier {
namespace {

constexpr std::uint64_t kAccuracyUsec = 1'000;  // sd-event's default of 250 ms would blur a tick

std::uint64_t to_usec(Nanoseconds time) {
  return static_cast<std::uint64_t>(std::max<std::int64_t>(time.count() / 1000, 1));
}

// STATUS= is one line.
// A line break would begin another assignment (sd_notify(3)).
std::string one_line(const std::string& text) { return escaped(text); }

}  // namespace

struct ServiceLoop::Timer {
  std::uint64_t interval_usec;
  std::function<Nanoseconds()> callback;  // says how long the next interval is
  EventSource source;
};

struct ServiceLoop::Idle {
  std::function<bool()> step;
  EventSource source;
};

Result<std::unique_ptr<ServiceLoop>> ServiceLoop::create() {
  sd_event* event = nullptr;
  if (const int done = sd_event_new(&event); done < 0)
    return fail(ErrorKind::kFailed, fmt::format("event loop: {}", std::strerror(-done)));
  std::unique_ptr<ServiceLoop> loop(new ServiceLoop(event));
  TIER_TRY(loop->start());
  return loop;
}

ServiceLoop::ServiceLoop(sd_event* event) : event_(event) {}

ServiceLoop::~ServiceLoop() {
  timers_.clear(), idle_.reset();
  sd_event_unref(event_);
}

Result<void> ServiceLoop::start() {
  sigset_t signals;
  sigemptyset(&signals);
  for (const int signal : {SIGTERM, SIGINT, SIGHUP}) sigaddset(&signals, signal);
  int done = -pthread_sigmask(SIG_BLOCK, &signals, nullptr);
  for (const int signal : {SIGTERM, SIGINT, SIGHUP})
    if (done >= 0)
      done = sd_event_add_signal(event_, nullptr, signal, on_signal, this);  // floating: lives with event_
  if (done < 0) return fail(ErrorKind::kFailed, fmt::format("signals: {}", std::strerror(-done)));
  std::uint64_t watchdog_usec = 0;
  watchdog_ = sd_watchdog_enabled(/*unset_environment=*/0, &watchdog_usec) > 0;
  return {};
}

int ServiceLoop::on_signal(sd_event_source*, const signalfd_siginfo* info, void* self) {
  auto& loop = *static_cast<ServiceLoop*>(self);
  if (info->ssi_signo == static_cast<std::uint32_t>(SIGHUP)) {
    if (loop.reload_) loop.reload_();
    return 0;
  }
  loop.notify_stopping();
  if (loop.terminate_) loop.terminate_();
  loop.quit();
  return 0;
}

int ServiceLoop::on_timer(sd_event_source* source, std::uint64_t due, void* data) {
  auto& timer = *static_cast<Timer*>(data);
  timer.interval_usec = to_usec(timer.callback());
  std::uint64_t now = 0;
  sd_event_now(sd_event_source_get_event(source), CLOCK_MONOTONIC, &now);
  timespec after{};
  clock_gettime(CLOCK_MONOTONIC,
                &after);  // sd_event_now stands still within one iteration; the work took time
  now = std::max(now, static_cast<std::uint64_t>(after.tv_sec) * 1'000'000 +
                          static_cast<std::uint64_t>(after.tv_nsec) / 1'000);
  const std::uint64_t missed = now > due ? (now - due) / timer.interval_usec : 0;
  sd_event_source_set_time(source, due + (missed + 1) * timer.interval_usec);
  return 0;
}

void ServiceLoop::add_timer(Nanoseconds interval, std::function<void()> callback) {
  add_paced_timer(interval, [interval, callback = std::move(callback)] {
    callback();
    return interval;
  });
}

void ServiceLoop::add_paced_timer(Nanoseconds first, std::function<Nanoseconds()> callback) {
  auto timer = std::make_unique<Timer>(Timer{to_usec(first), std::move(callback), nullptr});
  sd_event_source* source = nullptr;
  if (sd_event_add_time_relative(event_, &source, CLOCK_MONOTONIC, timer->interval_usec, kAccuracyUsec,
                                 on_timer, timer.get()) >= 0) {
    timer->source.reset(source);
    sd_event_source_set_enabled(source, SD_EVENT_ON);
  }
  timers_.push_back(std::move(timer));
}

void ServiceLoop::on_idle(std::function<bool()> step) {
  idle_ = std::make_unique<Idle>(Idle{std::move(step), nullptr});
  sd_event_source* source = nullptr;
  if (sd_event_add_defer(event_, &source, on_idle_step, idle_.get()) < 0) return;
  idle_->source.reset(source);
  sd_event_source_set_priority(source, SD_EVENT_PRIORITY_IDLE);
  sd_event_source_set_enabled(source, SD_EVENT_OFF);
}

void ServiceLoop::wake_idle() {
  if (idle_ && idle_->source) sd_event_source_set_enabled(idle_->source.get(), SD_EVENT_ON);
}

int ServiceLoop::on_idle_step(sd_event_source* source, void* data) {
  if (!static_cast<Idle*>(data)->step()) sd_event_source_set_enabled(source, SD_EVENT_OFF);
  return 0;
}

Result<void> ServiceLoop::run() {
  if (const int done = sd_event_loop(event_); done < 0)
    return fail(ErrorKind::kFailed, fmt::format("event loop: {}", std::strerror(-done)));
  return {};
}

void ServiceLoop::quit() { sd_event_exit(event_, 0); }

void ServiceLoop::notify_ready(const std::string& status) {
  sd_notify(0, fmt::format("READY=1\nSTATUS={}", one_line(status)).c_str());
}

void ServiceLoop::notify_status(const std::string& status) {
  sd_notify(0, fmt::format("STATUS={}", one_line(status)).c_str());
}

void ServiceLoop::notify_reloading() {
  timespec now{};
  clock_gettime(CLOCK_MONOTONIC, &now);
  // systemd before 253 passes over the second field; from 253 on it is required.
  sd_notify(0, fmt::format("RELOADING=1\nMONOTONIC_USEC={}\nSTATUS=reloading",
                           static_cast<std::uint64_t>(now.tv_sec) * 1'000'000 +
                               static_cast<std::uint64_t>(now.tv_nsec) / 1'000)
                   .c_str());
}

void ServiceLoop::notify_stopping() { sd_notify(0, "STOPPING=1\nSTATUS=stopping"); }

void ServiceLoop::watchdog_ping() const {
  if (watchdog_) sd_notify(0, "WATCHDOG=1");
}

}  // namespace tier
