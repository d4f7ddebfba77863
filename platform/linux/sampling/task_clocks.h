// cpu-clock events on single threads: they interrupt nobody else, and nothing while the thread rests.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <span>
#include <vector>

#include "core/result.h"
#include "core/target.h"
#include "core/units.h"
#include "platform/linux/file.h"
#include "platform/linux/sampling/rate_control.h"

namespace tier {

// A thread that samples showed to run.
struct SeenThread {
  Pid pid;
  Tid tid;
  std::uint64_t samples = 0;  // since the last look
};

class TaskClocks {
 public:
  // proc(5), /proc/PID/task/TID/schedstat.
  struct RunTime {
    Nanoseconds ran{};         // on a CPU, so far
    std::uint64_t slices = 0;  // times that it was put on a CPU
  };
  // What it drives; tests hand in their own.
  struct Machine {
    // An event of `frequency` Hz in the thread's own time, with the program on it, running.
    std::function<Result<FileDescriptor>(Tid, double frequency)> open;
    std::function<std::optional<RunTime>(Pid, Tid)> run_time;  // none: the thread has ended
  };

  explicit TaskClocks(Machine machine) : machine_(std::move(machine)) {}

  // Reads the run time of the threads seen most, kMostRead of them at most and kMostOfProgram of a program.
  // Threads that were not seen for kForgetAfter looks are forgotten, and their events closed.
  void look(std::span<const SeenThread> seen, Nanoseconds now);

  // What events on the threads known now would reach, with `price` for an interrupt. Left out are threads
  // that change places with others so often that events on them would cost kOwnShare of their time: a clock
  // is set each time that a thread comes to a CPU and stopped when it leaves. Taken as dear as an interrupt,
  // of which setting a clock is a part.
  ClockReach reach(Nanoseconds price) const;

  // Brings the events to `frequency`, lower on threads that would pay more than kOwnShare; 0 closes all.
  // Threads that a later look() finds have theirs at the next call. Fails when no event could be opened at
  // all; a thread that has ended, or one too many for the descriptors left, only stays without.
  Result<void> set_frequency(double frequency, Nanoseconds price);

  std::size_t events() const;
  // Interrupts a second of all events, and settings of the clock that are taken as dear.
  double interrupts() const;

  static constexpr std::size_t kMostRead = 64, kMostOfProgram = 32, kMostEvents = 256;
  static constexpr unsigned kForgetAfter = 8;  // looks

 private:
  struct Thread {
    RunTime last;
    Nanoseconds read_at{};
    double busy = -1;      // share of one CPU; negative until two readings are there
    double switches = 0;   // a second of its run time
    unsigned unseen = 0;   // looks
    double frequency = 0;  // of its event
    FileDescriptor event;
  };
  struct Key {
    Pid pid;
    Tid tid;
    auto operator<=>(const Key&) const = default;
  };

  void read(const Key& key, Nanoseconds now);
  // Highest frequency at which the thread pays no more than kOwnShare; below 0 where its switches alone cost
  // that.
  static double bearable(const Thread& thread, Nanoseconds price);

  Machine machine_;
  std::map<Key, Thread> threads_;
};

}  // namespace tier
