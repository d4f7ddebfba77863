// Memory that processes share: one thing for the whole engine; see engine_fixture.h.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "core/object_id.h"
#include "tierd/daemon/engine.h"
#include "tierd/daemon/engine_fixture.h"
#include "tierd/daemon/views.h"

namespace tier {
namespace {

constexpr Address kFirst = 0x7e0000000000, kSecond = 0x7d0000001000;
constexpr std::uint64_t kSharedRegions = 8;

FakeMapping buffers(Address start) {
  return {.start = start,
          .size = Bytes{kSharedRegions * kRegion},
          .node = 1,
          .backing = Backing::kShared,
          .name = "/dev/zero (deleted)",
          .object = 7};
}

FakeSpec sharing_machine() {
  FakeSpec spec = two_tier_machine();
  spec.processes = {
      {.pid = 42, .name = "postgres", .cgroup = "/db", .uid = 1000, .mappings = {buffers(kFirst)}},
      {.pid = 43,
       .start_time = 2,
       .name = "postgres",
       .cgroup = "/db",
       .uid = 1000,
       .mappings = {buffers(kSecond)}}};
  return spec;
}

class SharedEngineTest : public EngineTest {
 protected:
  SharedEngineTest() : EngineTest(sharing_machine()) {}

  void begin(EngineSettings settings = acting()) {
    settings.targets.pids = {Pid{42}, Pid{43}};
    start(std::move(settings));
  }
  // A tick in which both processes wait for these regions of what they share.
  void use(const std::vector<int>& hot, int samples = 5) {
    SampleBatch batch;
    for (const Target& target : engine_->targets().targets()) {
      for (const int region : hot) {
        for (int i = 0; i < samples; ++i) {
          AccessSample one = sample(0);
          one.target = target.id;
          one.address =
              (target.pid == Pid{42} ? kFirst : kSecond) + static_cast<Address>(region) * kRegion + 64;
          batch.samples.push_back(one);
        }
      }
    }
    batch.counters.taken = batch.counters.delivered = batch.samples.size();
    script_.push_back(std::move(batch));
    clock_.advance(std::chrono::seconds(1));
    engine_->tick();
    for (int step = 0; step < 1000 && !migrator_.idle(); ++step) {
      if (const auto wait = executor_->run_once()) clock_.advance(*wait);
    }
  }
  int node_of_shared(int region, Pid pid = {43}) const {
    const Address start = (pid == Pid{42} ? kFirst : kSecond) + static_cast<Address>(region) * kRegion;
    return machine_.node_of(pid, start).value_or(NodeId{-1}).value;
  }
};

TEST_F(SharedEngineTest, HotRegionsOfItReachTheFastTierAsOne) {
  begin();
  for (int i = 0; i < 8; ++i) use({2, 5});
  for (const int region : {2, 5}) {
    EXPECT_EQ(node_of_shared(region, {42}), 0) << region;
    EXPECT_EQ(node_of_shared(region, {43}), 0) << region;
  }
  EXPECT_EQ(node_of_shared(3), 1);
  EXPECT_EQ(machine_.resident_on(Pid{42}, NodeId{0}).value, 2 * kRegion);
  const MigratorTotals totals = migrator_.totals();
  EXPECT_EQ(totals.promoted.value, 2 * kRegion) << "once, not once for each process";
  EXPECT_TRUE(totals.pages.failed.empty());
  use({2, 5});
  EXPECT_DOUBLE_EQ(engine_->state().score.hit_share, 1.0);
}

TEST_F(SharedEngineTest, IsCountedOnceEverywhere) {
  begin();
  for (int i = 0; i < 8; ++i) use({2, 5});
  const StatusView status = status_view(*engine_, "1", 1_MiB);
  EXPECT_EQ(status.managed_bytes, kSharedRegions * kRegion);
  EXPECT_EQ(status.targets, 2u);
  EXPECT_EQ(status.tiers.at(0).resident_bytes, 2 * kRegion);
  const TopView top = top_view(*engine_, {});
  ASSERT_EQ(top.rows.size(), 3u);
  EXPECT_EQ(top.rows[0].name, "shared memory of postgres (2 processes)");
  EXPECT_EQ(top.rows[0].shared_by, 2u);
  EXPECT_EQ(top.rows[0].pid, 42);
  EXPECT_EQ(top.rows[0].cgroup, "/db");
  EXPECT_EQ(top.rows[0].resident_bytes, kSharedRegions * kRegion);
  EXPECT_EQ(top.rows[0].fast_bytes, 2 * kRegion);
  EXPECT_EQ(top.rows[0].samples, 20u);
  EXPECT_EQ(top.rows[1].shared_by, 0u);
  EXPECT_EQ(top.rows[1].fast_bytes.value_or(0), 0u);
}

TEST_F(SharedEngineTest, EitherProcessExplainsItAtItsOwnAddresses) {
  begin();
  for (int i = 0; i < 8; ++i) use({2});
  for (const auto& [pid, base] : {std::pair{42, kFirst}, std::pair{43, kSecond}}) {
    const Address start = base + 2 * kRegion;
    const auto view = explain_view(*engine_, {.pid = pid, .address = start + 999});
    ASSERT_TRUE(view) << view.error().text();
    EXPECT_EQ(view->region_start, start);
    EXPECT_EQ(view->region_end, start + kRegion);
    EXPECT_EQ(view->backing, "shared");
    EXPECT_EQ(view->tier, 0);
    EXPECT_EQ(view->shared_by, 2u);
    EXPECT_EQ(view->sharers, (std::vector<std::string>{"42 postgres", "43 postgres"}));
    ASSERT_FALSE(view->decisions.empty());
    EXPECT_EQ(view->decisions[0].fate, "moved");
  }
}

TEST_F(SharedEngineTest, TheHeatMapShowsItAtAddressesThatExplainTakes) {
  begin();
  for (int i = 0; i < 3; ++i) use({2});
  const HeatmapView all = heatmap_view(*engine_, {});
  ASSERT_EQ(all.rows.size(), 1u);
  EXPECT_EQ(all.rows[0].pid, 42);
  EXPECT_EQ(all.rows[0].start, kFirst + 2 * kRegion);
  EXPECT_EQ(all.rows[0].end, kFirst + 3 * kRegion);
  EXPECT_EQ(all.rows[0].shared_by, 2u);
  const HeatmapView second = heatmap_view(*engine_, {.pid = 43});
  ASSERT_EQ(second.rows.size(), 1u);
  EXPECT_EQ(second.rows[0].pid, 43);
  EXPECT_EQ(second.rows[0].start, kSecond + 2 * kRegion);
  EXPECT_TRUE(explain_view(*engine_, {.pid = 43, .address = second.rows[0].start}));
}

TEST_F(SharedEngineTest, StaysKnownWhileOneOfThemLives) {
  begin();
  for (int i = 0; i < 8; ++i) use({2});
  machine_.exit(Pid{42});
  for (int i = 0; i < 8; ++i) use({2, 6});
  EXPECT_EQ(node_of_shared(2), 0);
  EXPECT_EQ(node_of_shared(6), 0);
  const auto view = explain_view(*engine_, {.pid = 43, .address = kSecond + 2 * kRegion});
  ASSERT_TRUE(view);
  EXPECT_FALSE(view->decisions.empty()) << "its story goes on";
  EXPECT_EQ(view->shared_by, 1u);
  machine_.exit(Pid{43});
  for (int i = 0; i < 6; ++i) tick({});
  EXPECT_TRUE(engine_->tracker().targets().empty());
  EXPECT_EQ(engine_->tracker().mapped(), Bytes{0});
  EXPECT_TRUE(migrator_.totals().pages.balanced());
}

TEST_F(SharedEngineTest, PagesThatOnlyTheOtherHasTouchedMoveToo) {
  // The first process has touched the front half of every region, the second one the rest.
  for (std::uint64_t region = 0; region < kSharedRegions; ++region) {
    const Address first = kFirst + region * kRegion, second = kSecond + region * kRegion;
    machine_.place(Pid{42}, {first + kRegion / 2, first + kRegion}, -1);
    machine_.place(Pid{43}, {second, second + kRegion / 2}, -1);
  }
  begin();
  for (int i = 0; i < 8; ++i) use({2});
  EXPECT_EQ(migrator_.totals().promoted.value, kRegion);
  EXPECT_EQ(machine_.resident_on(Pid{42}, NodeId{0}).value, kRegion / 2);
  EXPECT_EQ(machine_.resident_on(Pid{43}, NodeId{0}).value, kRegion / 2);
}

TEST_F(SharedEngineTest, WithoutTheCapabilityTheReasonIsToldOnce) {
  machine_.forbid_move_all(true);
  begin();
  for (int i = 0; i < 12; ++i) use({2, 5});
  EXPECT_EQ(node_of_shared(2), 1);
  int told = 0;
  for (const Event& event : engine_->events().since(0, 1000))
    told += event.kind == "error" && event.message.find("CAP_SYS_NICE") != std::string::npos;
  EXPECT_EQ(told, 1);
  ASSERT_FALSE(engine_->troubles().empty());
  machine_.forbid_move_all(false);
  for (std::uint32_t i = 0; i < engine_->settings().tracker.unmovable_for + 20; ++i) use({2, 5});
  EXPECT_EQ(node_of_shared(2), 0) << "not branded for ever";
}

TEST_F(SharedEngineTest, EventsNameAProcessAndItsAddress) {
  begin();
  for (int i = 0; i < 8; ++i) use({2});
  const auto events = engine_->events().since(0, 1000);
  const auto it =
      std::find_if(events.begin(), events.end(), [](const Event& e) { return e.kind == "promoted"; });
  ASSERT_NE(it, events.end());
  EXPECT_EQ(it->pid, 42);
  EXPECT_EQ(it->region_start, kFirst + 2 * kRegion);
}

TEST_F(SharedEngineTest, ALimitOnACgroupCountsItOnce) {
  EngineSettings settings = acting();
  settings.policy.fast_limits["/db"] = 0.25;  // of 32 MiB: four regions
  begin(settings);
  for (int i = 0; i < 20; ++i) use({0, 1, 2, 3});
  for (const int region : {0, 1, 2, 3}) EXPECT_EQ(node_of_shared(region), 0) << region;
}

}  // namespace
}  // namespace tier
