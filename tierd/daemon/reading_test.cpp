// Reading about processes within its budget, in whole ticks of the engine: whatever appears at once, however
// much each reading takes.
#include "tierd/daemon/engine_fixture.h"
#include "tierd/daemon/views.h"

namespace tier {
namespace {

constexpr int kProcesses = 100, kFirstPid = 1000;

// Each reading of mappings takes as long as the test says.
class SlowTable final : public ProcessTable {
 public:
  SlowTable(const FakeMachine& machine, ManualClock& clock) : machine_(machine), clock_(clock) {}
  Result<std::vector<Pid>> list() const override { return machine_.list(); }
  Result<Target> describe(Pid pid) const override { return machine_.describe(pid); }
  Result<std::vector<Pid>> in_cgroup(const std::string& path) const override {
    return machine_.in_cgroup(path);
  }
  Result<std::vector<Mapping>> mappings(Pid pid) const override {
    clock_.advance(price);
    ++reads[pid];
    return machine_.mappings(pid);
  }
  MappingsAccount mappings_account() const override { return {"a test", "it is slow", 2, "they are large"}; }
  std::uint64_t mappings_version(Pid pid) const override { return machine_.mappings_version(pid); }
  Result<std::unique_ptr<ProcessHandle>> open(Pid pid, std::uint64_t start_time) const override {
    return machine_.open(pid, start_time);
  }
  Bytes base_page_size() const override { return machine_.base_page_size(); }

  Nanoseconds price = std::chrono::milliseconds(100);
  mutable std::map<Pid, int> reads;

 private:
  const FakeMachine& machine_;
  ManualClock& clock_;
};

// Asking for one page's place takes as long as the test says.
class PricedLocator final : public PageLocator {
 public:
  PricedLocator(const FakeMachine& machine, ManualClock& clock) : machine_(machine), clock_(clock) {}
  PageCall locate(Pid pid, std::span<const Address> pages) const override {
    clock_.advance(price * static_cast<int>(pages.size()));
    asked += pages.size();
    return machine_.locate(pid, pages);
  }
  Nanoseconds price{};
  mutable std::size_t asked = 0;

 private:
  const FakeMachine& machine_;
  ManualClock& clock_;
};

FakeSpec many_processes() {
  FakeSpec spec = two_tier_machine();
  spec.processes.clear();
  for (int i = 0; i < kProcesses; ++i) {
    FakeMapping heap{.start = kBase, .size = Bytes{4 * kRegion}, .node = 1, .huge = true};
    spec.processes.push_back({.pid = kFirstPid + i, .name = "job", .uid = 1000, .mappings = {heap}});
  }
  return spec;
}

class Reading : public EngineTest {
 protected:
  Reading() : EngineTest(many_processes()) {}

  void SetUp() override {
    EngineParts parts{table_,   locator_, migrator_, machine_, machine_, machine_,
                      machine_, machine_, clock_,    {},       Pid{1},   [] { return std::int64_t{0}; }};
    parts.sources.push_back(std::make_unique<ScriptedSource>(script_));
    EngineSettings settings;
    for (int i = 0; i < kProcesses; ++i) settings.targets.pids.push_back(Pid{kFirstPid + i});
    auto made = Engine::create(std::move(parts), std::move(settings));
    ASSERT_TRUE(made) << made.error().text();
    engine_ = std::move(*made);
  }

  SlowTable table_{machine_, clock_};
  PricedLocator locator_{machine_, clock_};
};

TEST_F(Reading, ManyProcessesThatAppearAtOnceAreReadOneAfterTheOther) {
  int ticks = 0;
  Nanoseconds longest{};
  for (; table_.reads.size() < kProcesses && ticks < 5000; ++ticks) {
    clock_.advance(std::chrono::seconds(1));
    const Nanoseconds before = clock_.now();
    engine_->tick();
    longest = std::max(longest, clock_.now() - before);
    if (ticks > 0) continue;
    const ReadingView view = status_view(*engine_, "", {}).reading;
    EXPECT_EQ(view.reads, 1U);
    EXPECT_EQ(view.waiting, kProcesses - 1U);
    EXPECT_EQ(view.interface, "a test");
    EXPECT_EQ(view.why, "it is slow");
    EXPECT_EQ(view.left_out, 2U);
    EXPECT_EQ(view.left_out_reason, "they are large");
  }
  EXPECT_EQ(table_.reads.size(), static_cast<std::size_t>(kProcesses));
  for (const auto& [pid, count] : table_.reads) EXPECT_EQ(count, 1) << pid.value;
  EXPECT_LE(longest, std::chrono::milliseconds(200));  // of the clock that the readings turn
  EXPECT_GT(ticks, kProcesses / 2);
  EXPECT_EQ(engine_->tracker().targets().size(), static_cast<std::size_t>(kProcesses));
}

TEST_F(Reading, PlacesAreAskedForWithinTheirShareAndInTheEndAllAre) {
  table_.price = {};
  locator_.price = std::chrono::milliseconds(1);  // eight pages a region, 400 regions
  Nanoseconds longest{};
  constexpr int kTicks = 400;
  for (int ticks = 0; ticks < kTicks; ++ticks) {
    clock_.advance(std::chrono::seconds(1));
    const Nanoseconds before = clock_.now();
    engine_->tick();
    if (ticks > 0) longest = std::max(longest, clock_.now() - before);
  }
  const double spent = seconds(engine_->places_budget().spent()) / seconds(clock_.now());
  EXPECT_LE(spent, kPlacesShare * 1.1);
  EXPECT_GE(locator_.asked, 400U * 8U);
  EXPECT_GT(engine_->places_postponed(), 0U);
  EXPECT_LE(longest, std::chrono::milliseconds(100));
}

}  // namespace
}  // namespace tier
