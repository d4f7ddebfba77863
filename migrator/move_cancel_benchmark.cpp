// From calling a move off to nothing being moved any more: real threads, on a fake machine whose calls take
// as long as they would. Prints JSON.
#include <chrono>
#include <cstdio>
#include <memory>
#include <thread>

#include "migrator/migrator.h"
#include "platform/fake/fake_machine.h"

namespace tier {
namespace {

constexpr Address kBase = 0x40000000;
constexpr Pid kProgram{100};
constexpr Bytes kUnit = 2_MiB;

class SteadyClock final : public Clock {
 public:
  Nanoseconds now() const override { return std::chrono::steady_clock::now().time_since_epoch(); }
};

// Sleeps for what the kernel would take: for draining the page lists, and for what it was told to move.
class SlowMover final : public PageMover {
 public:
  SlowMover(FakeMachine& machine, Nanoseconds per_unit) : machine_(machine), per_unit_(per_unit) {}
  PageCall move(Pid pid, std::span<const Address> pages, NodeId to, PageSharing sharing) override {
    constexpr std::int64_t kPages = (2 << 20) / 4096;
    std::this_thread::sleep_for(std::chrono::microseconds(500) +
                                per_unit_ * static_cast<std::int64_t>(pages.size()) / kPages);
    return machine_.move(pid, pages, to, sharing);
  }

 private:
  FakeMachine& machine_;
  Nanoseconds per_unit_;
};

struct Found {
  double worst = 0, sum = 0;  // milliseconds
  double worst_call = 0;      // milliseconds, as the migrator measured it
  double pages_a_call = 0;
  int times = 0;
};

// Two requests of 1 GiB are called off, `times` times, after ever longer.
Found measure(Nanoseconds per_unit, int times) {
  const SteadyClock clock;
  FakeMachine machine(
      {.nodes = {{.id = 0, .capacity = 4_GiB}, {.id = 1, .capacity = 4_GiB, .has_cpus = false}},
       .processes = {{.pid = kProgram.value,
                      .start_time = 7,
                      .mappings = {{.start = kBase, .size = 2_GiB, .node = 1}}}}});
  SlowMover mover(machine, per_unit);
  Migrator migrator(mover, machine, machine, clock, {.rate = Bytes{0}});
  Found found;
  for (int i = 0; i < times; ++i) {
    machine.place(kProgram, {kBase, kBase + (2_GiB).value}, 1);
    MigrationPlan plan;
    plan.sequence = 2 * static_cast<std::uint64_t>(i) + 1;
    for (std::uint64_t half = 0; half < 2; ++half) {
      MigrationRequest& request = plan.requests.emplace_back();
      request.id = half;
      request.range = {kBase + half * (1_GiB).value, kBase + (half + 1) * (1_GiB).value};
      request.key = {TargetId{1}, request.range.start};
      request.pid = kProgram, request.start_time = 7;
      request.from = NodeId{1}, request.to = NodeId{0};
      request.promotion = true, request.bytes = 1_GiB;
    }
    migrator.submit(plan);
    std::this_thread::sleep_for(std::chrono::microseconds(500 + 700 * i % 60'000));
    const Nanoseconds off = clock.now();
    migrator.submit({.sequence = plan.sequence + 1, .tick = {}, .requests = {}});
    while (!migrator.idle()) std::this_thread::sleep_for(std::chrono::microseconds(20));
    const double ms = 1e3 * seconds(clock.now() - off);
    found.worst = std::max(found.worst, ms), found.sum += ms, ++found.times;
  }
  found.worst_call = 1e3 * seconds(migrator.totals().calls.worst);
  const auto passed = static_cast<double>(machine.addresses_passed());
  found.pages_a_call = passed / static_cast<double>(std::max<std::uint64_t>(1, machine.move_calls()));
  return found;
}

void print(const char* name, const Found& found, const char* end) {
  std::printf(
      "\"%s\": {\"worst_ms\": %.3f, \"mean_ms\": %.3f, \"worst_call_ms\": %.3f, \"times\": %d, "
      "\"pages_a_call\": %.0f}%s",
      name, found.worst, found.sum / found.times, found.worst_call, found.times, found.pages_a_call, end);
}

}  // namespace
}  // namespace tier

int main() {
  using std::chrono::milliseconds;
  constexpr int kTimes = 100;
  std::printf("{");
  tier::print("quick", tier::measure(milliseconds(1), kTimes), ", ");
  tier::print("slow", tier::measure(milliseconds(40), kTimes), "}\n");
  return 0;
}
