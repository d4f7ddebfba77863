// What the measurements share: programs to watch, a clock, the verdict.
#pragma once

#include <sys/types.h>

#include <chrono>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "core/clock.h"
#include "core/result.h"
#include "core/target.h"
#include "platform/api/access_source.h"
#include "platform/linux/sampling/stall_source.h"

namespace tier {

class SteadyClock final : public Clock {
 public:
  Nanoseconds now() const override { return std::chrono::steady_clock::now().time_since_epoch(); }
};

// A child process, ended with the object.
class Program {
 public:
  static Program fork_body(const std::function<void()>& body);
  // The search path is used; standard output goes to /dev/null.
  static Program execute(const std::vector<std::string>& command);
  Program(Program&& other) noexcept : pid_(std::exchange(other.pid_, -1)) {}
  Program& operator=(Program&&) = delete;
  ~Program();

  pid_t pid() const { return pid_; }
  Result<Target> target() const;
  bool running() const;
  Nanoseconds cpu_time() const;  // so far, user and system; 0 when it has ended

 private:
  explicit Program(pid_t pid) : pid_(pid) {}
  mutable pid_t pid_;
};

// Watches the program for so long, collecting every quarter of a second.
SampleBatch watch(AccessSource& source, const Program& program, Nanoseconds time);

// The last line: one JSON object. Returns the exit code.
int verdict(const std::string& name, double value, const std::string& unit, const std::string& target,
            bool holds);

// Prints the error for the reader; exit code 2.
int cannot(const Error& error);

// A started stall source with the given settings.
Result<std::unique_ptr<StallSource>> start_stall(const SamplingSettings& settings, const Clock& clock);

int bench_accuracy();
int bench_decode_rate();
int bench_cost();
int bench_price();
int bench_rate();
int bench_perf();
int bench_hints();

}  // namespace tier
