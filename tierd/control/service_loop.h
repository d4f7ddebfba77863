// The daemon's main loop: one thread, sd-event, signals as events, timers, and systemd's notify protocol.
#pragma once

#include <systemd/sd-event.h>

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "core/result.h"
#include "core/units.h"

namespace tier {

class ServiceLoop {
 public:
  // Blocks SIGTERM, SIGINT and SIGHUP for this thread and those it starts later, to receive them in run():
  // call it before any thread is started.
  static Result<std::unique_ptr<ServiceLoop>> create();
  ~ServiceLoop();
  ServiceLoop(const ServiceLoop&) = delete;
  ServiceLoop& operator=(const ServiceLoop&) = delete;

  // Calls back every `interval`, first after one of them, on the loop's thread. Intervals missed while work
  // ran long are skipped, not caught up.
  void add_timer(Nanoseconds interval, std::function<void()> callback);
  // The same, where each call says how long the next interval is.
  void add_paced_timer(Nanoseconds first, std::function<Nanoseconds()> callback);

  // Work for when no event waits, on the loop's thread: called again and again as long as it returns true. It
  // begins with wake_idle(), a step should be short, and events come between two steps.
  void on_idle(std::function<bool()> step);
  void wake_idle();

  void on_terminate(std::function<void()> callback) { terminate_ = std::move(callback); }  // SIGTERM, SIGINT
  void on_reload(std::function<void()> callback) { reload_ = std::move(callback); }        // SIGHUP

  // Returns after quit(); a termination signal calls on_terminate's callback and quits.
  Result<void> run();
  void quit();

  // To systemd; without it, nothing happens. `status` is one line for `systemctl status`.
  void notify_ready(const std::string& status);
  void notify_status(const std::string& status);
  void notify_reloading();  // follow with notify_ready
  void notify_stopping();
  // Call from the tick after it has really advanced, never from elsewhere. Silent unless the unit sets
  // WatchdogSec.
  void watchdog_ping() const;

  sd_event* event() { return event_; }

 private:
  struct Timer;
  struct Idle;
  explicit ServiceLoop(sd_event* event);
  Result<void> start();
  static int on_signal(sd_event_source*, const struct signalfd_siginfo*, void* self);
  static int on_timer(sd_event_source*, std::uint64_t, void* timer);
  static int on_idle_step(sd_event_source*, void* idle);

  sd_event* event_;
  bool watchdog_ = false;
  std::function<void()> terminate_, reload_;
  std::vector<std::unique_ptr<Timer>> timers_;
  std::unique_ptr<Idle> idle_;
};

}  // namespace tier
