// CPU time that one sample of each source takes: from the sampled program (BPF program, interrupt) and from
// the daemon.
#include <fmt/format.h>
#include <linux/perf_event.h>
#include <sys/mman.h>

#include <cstdlib>

#include "platform/linux/sampling/damon_source.h"
#include "platform/linux/sampling/fault_source.h"
#include "platform/linux/sampling/hardware_source.h"
#include "tools/sampler-bench/bench_support.h"

namespace tier {
namespace {

constexpr std::size_t kBytes = std::size_t{64} << 20;
constexpr Nanoseconds kMeasured = std::chrono::seconds(3);
constexpr Nanoseconds kClockPriced = std::chrono::seconds(14);  // nine steps, one a second, on a busy machine

// Touches, gives back, touches again: a fault a page, and plenty of loads in between.
[[noreturn]] void touch() {
  auto* data = static_cast<volatile char*>(
      mmap(nullptr, kBytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
  for (;;) {
    for (int round = 0; round < 200; ++round)
      for (std::size_t at = 0; at < kBytes; at += 4096) data[at] = static_cast<char>(data[at] + 1);
    madvise(const_cast<char*>(data), kBytes, MADV_DONTNEED);
  }
}

HardwareEvent page_faults() {
  HardwareEvent event;
  event.name = "software event with an address";
  HardwareEncoding encoding;
  encoding.type = PERF_TYPE_SOFTWARE;
  encoding.config = PERF_COUNT_SW_PAGE_FAULTS;
  event.encodings.push_back(encoding);
  return event;
}

void row(const std::string& name, double microseconds, const std::string& what) {
  fmt::print("{:<34}{:>9.2f} us  {}\n", name, microseconds, what);
}

// Price of a source measured on the touching program; negative when it cannot run.
double price_of(AccessSource& source, const std::string& name, const std::string& what) {
  if (const Result<void> started = source.start(); !started) {
    fmt::print("{:<34}{:>9}     {}\n", name, "-", started.error().text());
    return -1;
  }
  const Program program = Program::fork_body(touch);
  watch(source, program, kMeasured);
  const double price = seconds(source.status().price_per_sample) * 1e6;
  row(name, price, what);
  return price;
}

}  // namespace

int bench_price() {
  const SteadyClock clock;
  Result<std::unique_ptr<StallSource>> stall = start_stall({}, clock);
  if (!stall) return cannot(stall.error());
  fmt::print("{:<34}{:>9}\n", "source", "price");
  double tick = 0;
  {
    const Program program = Program::fork_body(touch);
    watch(**stall, program, kMeasured);
    tick = seconds((*stall)->status().price_per_sample) * 1e6;
    row("  of it the BPF program", seconds((*stall)->prices().program) * 1e6,
        "in the sampled program's time, caches cold");
    row("stall, on the kernel's tick", tick, "BPF program and decoding; the interrupt is there anyway");
  }
  stall->reset();
  SamplingSettings many;
  many.target_samples_per_second =
      1e6;  // more than the tick gives, so that the clock event is wanted and priced
  Result<std::unique_ptr<StallSource>> eager = start_stall(many, clock);
  if (!eager) return cannot(eager.error());
  (*eager)->set_stake(100);
  {
    const Program program = Program::fork_body(touch);
    watch(**eager, program, kClockPriced);
    if (const auto interrupt = (*eager)->prices().interrupt)
      row("stall, on a cpu-clock event", seconds(*interrupt) * 1e6 + tick, "and the extra interrupt");
    else
      fmt::print("{:<34}{:>9}     {}\n", "stall, on a cpu-clock event", "-", (*eager)->status().fidelity);
  }
  eager->reset();
  SamplingSettings every;
  every.hardware_period = 1;
  HardwareSource hardware(every, page_faults(), clock);
  price_of(hardware, "hardware path, on a software event",
           "BPF program and collecting; the processor's own part is not in it");
  hardware.stop();
  FaultSource faults({}, clock);
  price_of(faults, "faults", "BPF program and collecting, beside the fault itself");
  faults.stop();
  // It takes over the machine's one DAMON, as in tests/native/damon_guest_test.cpp.
  if (std::getenv("TIER_DAMON_ALLOWED") != nullptr) {
    DamonSource damon({}, clock);
    price_of(damon, "damon", "kdamond's and our CPU time per region result");
  } else {
    fmt::print("{:<34}{:>9}     only with TIER_DAMON_ALLOWED=1: it takes over the machine's DAMON\n", "damon",
               "-");
  }
  std::fflush(stdout);
  return verdict("price", tick, "us of CPU per sample of the default source", "measured", tick > 0);
}

}  // namespace tier
