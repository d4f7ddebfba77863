// What happens between ticks, and what the forecaster is told of the node.
#include <gtest/gtest.h>

#include "tierd/daemon/engine_fixture.h"
#include "tierd/daemon/views.h"

namespace tier {
namespace {

class EventsTest : public EngineTest {
 protected:
  EngineSettings urgent() {
    EngineSettings settings = acting();
    settings.event_path = true;
    return settings;
  }
  // Samples that come in the middle of a tick, and what the engine makes of them.
  void burst(int region, int samples) {
    SampleBatch batch;
    for (int i = 0; i < samples; ++i) batch.samples.push_back(sample(region));
    batch.counters.taken = batch.counters.delivered = batch.samples.size();
    script_.push_back(std::move(batch));
    clock_.advance(std::chrono::milliseconds(50));
    for (auto& s : script_.back().samples) s.time = clock_.now();
    engine_->between_ticks();
    finish_moves();
  }
  void finish_moves() {
    for (int step = 0; step < 1000 && !migrator_.idle(); ++step) {
      if (const auto wait = executor_->run_once()) clock_.advance(*wait);
    }
  }
  const Region* region_of(int region) const {
    for (const Region& r : engine_->state().snapshot.regions)
      if (r.key.start == kBase + static_cast<Address>(region) * kRegion) return &r;
    return nullptr;
  }
};

TEST_F(EventsTest, ABurstPromotesBeforeTheTick) {
  start(urgent());
  for (int i = 0; i < 4; ++i) tick({});
  burst(7, 12);
  EXPECT_EQ(node_of(7), 0);
  EXPECT_EQ(engine_->state().urgent, 1u);
  tick({});
  const auto view = explain_view(*engine_, {.pid = 42, .address = kBase + 7 * kRegion});
  ASSERT_TRUE(view) << view.error().text();
  ASSERT_FALSE(view->decisions.empty());
  EXPECT_EQ(view->decisions.back().reason, "urgent");
  EXPECT_EQ(engine_->ledger().totals().reported, 1u) << "scored like any other move";
}

TEST_F(EventsTest, SamplesCountOnceAndInTheirTick) {
  start(urgent());
  for (int i = 0; i < 2; ++i) tick({});
  burst(7, 3);
  tick({7}, 5);
  ASSERT_NE(region_of(7), nullptr);
  EXPECT_EQ(region_of(7)->samples, 8u);
  EXPECT_NEAR(region_of(7)->waited.value, 8 * 0.004, 1e-9);
  tick({7}, 1);
  EXPECT_EQ(region_of(7)->samples, 1u);
}

TEST_F(EventsTest, ATrickleWaitsForTheTick) {
  start(urgent());
  for (int i = 0; i < 2; ++i) tick({});
  for (int i = 0; i < 8; ++i) {
    burst(7, 1);
    clock_.advance(std::chrono::milliseconds(300));
  }
  EXPECT_EQ(node_of(7), 1);
  EXPECT_EQ(engine_->state().urgent, 0u);
}

TEST_F(EventsTest, WithoutTheSettingObservedOrPausedNothingMovesBetweenTicks) {
  start(acting());
  for (int i = 0; i < 2; ++i) tick({});
  burst(7, 20);
  EXPECT_EQ(machine_.move_calls(), 0u);
  EXPECT_EQ(script_.size(), 1u) << "not even collected";
  EngineSettings settings = urgent();
  settings.targets.pids = {Pid{42}};
  ASSERT_TRUE(engine_->apply(settings));
  engine_->set_paused(true, "test");
  burst(7, 20);
  burst(7, 20);
  EXPECT_EQ(machine_.move_calls(), 0u);
  engine_->set_paused(false, "test");
  settings.act = false;
  ASSERT_TRUE(engine_->apply(settings));
  burst(8, 20);
  EXPECT_EQ(machine_.move_calls(), 0u);
  EXPECT_GT(engine_->ledger().totals().planned, 0u) << "imagined";
}

TEST_F(EventsTest, ABurstIsFollowedWhileAnotherMoveIsUnderWay) {
  start(urgent());
  for (int i = 0; i < 4; ++i) tick({});
  int calls = 0;
  machine_.on_move([&] {
    if (++calls > 1) return;
    SampleBatch batch;
    for (int i = 0; i < 12; ++i) batch.samples.push_back(sample(9));
    for (int i = 0; i < 12; ++i) batch.samples.push_back(sample(7));  // the one that moves
    batch.counters.taken = batch.counters.delivered = batch.samples.size();
    script_.push_back(std::move(batch));
    engine_->between_ticks();
    EXPECT_EQ(engine_->state().urgent, 2u);
  });
  burst(7, 12);
  EXPECT_EQ(node_of(7), 0);
  EXPECT_EQ(node_of(9), 0);
  EXPECT_EQ(migrator_.totals().promoted.value, 2 * kRegion);
}

TEST_F(EventsTest, TheTicksBudgetHoldsForAll) {
  EngineSettings settings = urgent();
  settings.policy.rate = Bytes{3 * kRegion};
  start(settings);
  for (int i = 0; i < 2; ++i) tick({});
  for (int region = 0; region < 8; ++region) burst(region, 12);
  EXPECT_EQ(machine_.resident_on(Pid{42}, NodeId{0}).value, 3 * kRegion);
  for (int i = 0; i < 8; ++i) tick({});  // the others, as far as they are still wanted
  burst(20, 12);
  EXPECT_EQ(node_of(20), 0) << "a new tick, a new budget";
}

TEST_F(EventsTest, AFullTierMakesRoomByItsColdestOrNotAtAll) {
  start(urgent());
  const std::vector<int> hot = {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13};
  for (int i = 0; i < 10; ++i) tick(hot, 2);
  ASSERT_EQ(node_of(3), 0);
  machine_.set_reserved(NodeId{0}, Bytes{32 * kRegion / 2 - hot.size() * kRegion});
  for (int i = 0; i < 20; ++i) tick({1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13}, 2);
  burst(30, 30);
  EXPECT_EQ(node_of(30), 0);
  EXPECT_EQ(node_of(0), 1) << "nobody wants it any more";
  EXPECT_TRUE(migrator_.totals().pages.balanced());
}

TEST_F(EventsTest, TheForecasterIsToldWhatThereIsAndNothingElse) {
  machine_.set_pressure(std::nullopt);
  start(acting());
  tick({3}, 10);
  const NodeContext& bare = engine_->state().context;
  EXPECT_FALSE(bare[NodeMetric::kMemoryPressureSome].has_value()) << "0 would say that there is none";
  EXPECT_FALSE(bare[NodeMetric::kCpuPressureSome].has_value());
  EXPECT_EQ(engine_->state().system.cpu_pressure_some, 100) << "the policy takes the careful end";
  EXPECT_FALSE(bare[NodeMetric::kPower].has_value());
  EXPECT_DOUBLE_EQ(bare[NodeMetric::kSampled].value(), 10);
  for (int i = 0; i < 4; ++i) tick({3}, 10);
  double migrated = 0;
  for (int i = 0; i < 4; ++i)
    migrated = std::max(migrated, engine_->state().context[NodeMetric::kMigrated].value());
  EXPECT_GE(migrated, 0);
}

TEST_F(EventsTest, SensorsReachTheForecasterAndTheStatus) {
  MachineReadings readings;
  readings.power = 180, readings.remote_bandwidth = 1e9, readings.local_bandwidth = 4e9;
  machine_.set_readings(readings);
  machine_.set_pressure(2.5, 1.5);
  metrics_ = &machine_;
  start(acting());
  tick({3});
  EXPECT_FALSE(engine_->state().context[NodeMetric::kPower].has_value()) << "a rate needs two readings";
  tick({3});
  const NodeContext& context = engine_->state().context;
  EXPECT_EQ(context[NodeMetric::kMemoryPressureSome], 2.5);
  EXPECT_EQ(context[NodeMetric::kMemoryPressureFull], 1.5);
  EXPECT_EQ(context[NodeMetric::kPower], 180);
  EXPECT_EQ(context[NodeMetric::kFastBandwidthUsed], 4e9);
  EXPECT_EQ(context[NodeMetric::kSlowBandwidthUsed], 1e9);
  EXPECT_FALSE(context[NodeMetric::kTemperature].has_value());
  const StatusView status = status_view(*engine_, "1.0", 256_MiB);
  ASSERT_EQ(status.metrics.size(), kNodeMetrics);
  EXPECT_EQ(status.metrics[3].name, "power");
  EXPECT_EQ(status.metrics[3].value, 180);
  EXPECT_FALSE(status.metrics[4].value);
}

TEST_F(EventsTest, TrafficCountedAtTheMemoryComesBeforeThatOfTheCaches) {
  MachineReadings readings;
  readings.local_bandwidth = 4e9, readings.remote_bandwidth = 1e9;
  readings.memory_traffic = {{NodeId{0}, 6e9}};
  machine_.set_readings(readings);
  metrics_ = &machine_;
  start(acting());
  tick({3}), tick({3});
  const EngineState& state = engine_->state();
  EXPECT_EQ(state.context[NodeMetric::kFastBandwidthUsed], 6e9);
  EXPECT_EQ(state.context[NodeMetric::kSlowBandwidthUsed], 1e9) << "nothing counts there";
  EXPECT_EQ(state.system.find(NodeId{0})->used_bandwidth, 6e9) << "what the policy sees";
  EXPECT_FALSE(state.system.find(NodeId{1})->used_bandwidth);
  const NodesView nodes = nodes_view(*engine_);
  EXPECT_EQ(nodes.nodes.at(0).used_bytes_per_second, 6e9);
  EXPECT_FALSE(nodes.nodes.at(1).used_bytes_per_second);
}

}  // namespace
}  // namespace tier
