#include "platform/linux/sampling/stall_clock.h"

#include <fmt/format.h>

#include <cstdio>

#include "platform/linux/sampling/refusal.h"

namespace tier {
namespace {

std::optional<TaskClocks::RunTime> read_run_time(Pid pid, Tid tid) {
  const Result<std::string> text = read_file(fmt::format("/proc/{}/task/{}/schedstat", pid.value, tid.value));
  unsigned long long ran = 0, waited = 0, slices = 0;
  if (!text || std::sscanf(text->c_str(), "%llu %llu %llu", &ran, &waited, &slices) != 3) return std::nullopt;
  return TaskClocks::RunTime{Nanoseconds(static_cast<std::int64_t>(ran)), slices};
}

}  // namespace

StallClock::StallClock(std::function<int()> program, const Clock& clock)
    : program_(std::move(program)),
      on_threads_({[this](Tid tid, double frequency) {
                     return open_clock_event(program_(), frequency, tid.value, -1);
                   },
                   read_run_time}),
      event_({[this](double frequency) { return apply(frequency); },
              [this] {
                return interrupt_price_.step(
                    [this](double frequency) { return open_clock_event(program_(), frequency, 0, -1); });
              },
              [] { return read_permission_facts(); }},
             clock) {}

Result<void> StallClock::apply(double frequency) {
  TIER_TRY(on_cpus_.set_frequency(program_(), on_tasks_ ? 0 : frequency));
  return on_threads_.set_frequency(on_tasks_ ? frequency : 0, whole_price_);
}

double StallClock::wanted(const RateInput& input, std::span<const SeenThread> seen, Nanoseconds now,
                          bool ticks) {
  whole_price_ = input.price;
  last_input_ = {input, {}};
  const ClockReach cpus{input.busy_cpus, static_cast<double>(online_cpus().size()), 0};
  if (!ticks) return clock_frequency(input, cpus);
  // Where nothing more would be wanted even at the best, nobody need be looked at.
  if (frequency() > 0 || clock_frequency(input, {input.busy_cpus, input.busy_cpus, 0}) > 0)
    on_threads_.look(seen, now);
  last_input_.tasks = on_threads_.reach(input.price);
  const ClockChoice choice = choose_clock(input, last_input_.tasks, cpus, on_tasks_);
  if (choice.on_tasks != on_tasks_) {
    event_.request(0);
    on_tasks_ = choice.on_tasks;
  }
  return choice.frequency;
}

bool StallClock::set(double frequency) {
  if (worth_changing(event_.frequency(), frequency)) return event_.request(frequency);
  // Threads that cannot be reached any more are left out by reach(), so a failure shows in the next look.
  if (on_tasks_ && event_.frequency() > 0) static_cast<void>(apply(event_.frequency()));
  return false;
}

double StallClock::share() const {
  const double interrupts = on_tasks_ ? on_threads_.interrupts() : event_.frequency() * on_cpus_.cpus();
  return interrupts * seconds(event_.price().value_or(Nanoseconds(0)));
}

std::string StallClock::describe() const {
  std::string text = fmt::format("clock {:.0f} Hz", event_.frequency());
  if (event_.frequency() > 0)
    text += on_tasks_ ? fmt::format(" on {} threads", on_threads_.events())
                      : fmt::format(" on {} CPUs", on_cpus_.cpus());
  if (event_.price()) text += fmt::format(" at {:.1f} us each", seconds(*event_.price()) * 1e6);
  return event_.refusal().empty() ? text : text + "; " + event_.refusal();
}

}  // namespace tier
