// Which meters run when, what their counters become, and what is told of each.
#include "tierd/daemon/node_meters.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>

#include "platform/fake/fake_machine.h"
#include "platform/fake/fake_meter.h"

namespace tier {
namespace {

using namespace std::chrono_literals;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

// A meter in a test's hands that outlives every start of it.
struct Counters {
  std::map<FakeMeter::Counter, std::uint64_t> values;
  std::string trouble;
  Nanoseconds age{};     // its readings are so old
  bool refused = false;  // it cannot be started
  unsigned tries = 0, running = 0, reads = 0;
};

class HandMeter final : public Meter {
 public:
  HandMeter(const Clock& clock, const std::string& name, Counters& counters)
      : clock_(clock), name_(name), counters_(counters) {
    ++counters_.running;
  }
  ~HandMeter() override { --counters_.running; }
  const char* name() const override { return name_.c_str(); }
  std::vector<CounterReading> read() override {
    ++counters_.reads;
    std::vector<CounterReading> all;
    for (const auto& [counter, value] : counters_.values)
      all.push_back({counter.first, counter.second, value, clock_.now() - counters_.age, {}, {}});
    return all;
  }
  std::string trouble() const override { return counters_.trouble; }

 private:
  const Clock& clock_;
  const std::string name_;
  Counters& counters_;
};

class NodeMetersTest : public ::testing::Test {
 protected:
  NodeMetersTest() { clock_.advance(1h); }
  void row(const std::string& name, const std::string& actuator = "") {
    Counters& counters = counters_[name];
    table_.push_back({name, "what " + name + " gives", actuator, "it is expensive",
                      [this, name, &counters]() -> Result<std::unique_ptr<Meter>> {
                        ++counters.tries;
                        if (counters.refused) return fail(ErrorKind::kFailed, name + " is down", "start it");
                        return std::make_unique<HandMeter>(clock_, name, counters);
                      }});
  }
  void start() {
    NodeMetersParts parts{clock_, table_, &machine_};
    meters_ = std::make_unique<NodeMeters>(std::move(parts), NodeMetersSettings{});
  }
  void count(const std::string& name, Signal signal, std::uint64_t amount, std::uint32_t unit = kWholeNode) {
    counters_[name].values[{signal, unit}] += amount;
  }
  MachineReadings tick(Nanoseconds after = 1s) {
    clock_.advance(after);
    return meters_->read();
  }
  MeterDecision meter(const std::string& name) const {
    for (const MeterDecision& each : meters_->meters())
      if (each.name == name) return each;
    return {};
  }

  ManualClock clock_;
  FakeMachine machine_{FakeSpec{}};
  std::map<std::string, Counters> counters_;
  std::vector<MeterEntry> table_;
  std::unique_ptr<NodeMeters> meters_;
};

TEST_F(NodeMetersTest, RatesReachTheEngineThoughNothingIsArmed) {
  row("uncore"), row("resctrl"), row("vmstat");
  for (const std::uint32_t node : {0U, 2U})
    count("uncore", Signal::kMemoryRead, 5, node), count("uncore", Signal::kMemoryWritten, 5, node);
  count("resctrl", Signal::kLocalTraffic, 1, 0), count("resctrl", Signal::kRemoteTraffic, 1, 0);
  count("vmstat", Signal::kRefaults, 7);
  MachineReadings sensors;
  sensors.temperature = 50;
  machine_.set_readings(sensors);
  start();
  const MachineReadings first = tick();
  EXPECT_EQ(first.temperature, 50);
  EXPECT_FALSE(first.refaults || first.local_bandwidth) << "a rate needs two readings";
  EXPECT_THAT(first.memory_traffic, IsEmpty());
  count("uncore", Signal::kMemoryRead, 4000, 0), count("uncore", Signal::kMemoryWritten, 2000, 0);
  count("uncore", Signal::kMemoryRead, 600, 2), count("vmstat", Signal::kRefaults, 30);
  count("resctrl", Signal::kLocalTraffic, 900, 0), count("resctrl", Signal::kRemoteTraffic, 50, 0);
  const MachineReadings second = tick(2s);
  ASSERT_EQ(second.memory_traffic.size(), 2U);
  EXPECT_EQ(second.memory_traffic[0].node, NodeId{0});
  EXPECT_DOUBLE_EQ(second.memory_traffic[0].bytes_per_second, 3000);
  EXPECT_EQ(second.memory_traffic[1].node, NodeId{2});
  EXPECT_DOUBLE_EQ(second.memory_traffic[1].bytes_per_second, 300);
  EXPECT_EQ(second.refaults, 15);
  EXPECT_EQ(second.local_bandwidth, 450);
  EXPECT_EQ(second.remote_bandwidth, 25);
}

TEST_F(NodeMetersTest, MetersThatAnActuatorNeedsRunWhileItIsArmed) {
  row("papi", "hardware"), row("file-demand", "readahead"), row("psi");
  start();
  EXPECT_EQ(counters_["papi"].tries + counters_["file-demand"].tries, 0U);
  EXPECT_EQ(counters_["psi"].running, 1U);
  EXPECT_FALSE(meter("papi").used);
  EXPECT_EQ(meter("papi").reason,
            "it runs while the actuator hardware of prefetch control is armed: it is expensive");
  meters_->serve({"hardware", "page-cluster"});
  EXPECT_EQ(counters_["papi"].running, 1U);
  EXPECT_EQ(counters_["file-demand"].running, 0U);
  EXPECT_TRUE(meter("papi").used);
  meters_->serve({"readahead"});
  EXPECT_EQ(counters_["papi"].running, 0U);
  EXPECT_EQ(counters_["file-demand"].running, 1U);
  meters_->serve({});
  EXPECT_EQ(counters_["file-demand"].running, 0U);
  EXPECT_EQ(counters_["psi"].tries, 1U) << "started once, whatever is armed and disarmed";
}

TEST_F(NodeMetersTest, OneReadingServesTheEngineAndPrefetchControl) {
  row("vmstat");
  count("vmstat", Signal::kRefaults, 1);
  start();
  for (int i = 0; i < 5; ++i) {
    clock_.advance(1s);
    const auto all = meters_->read_meters();
    ASSERT_EQ(all.size(), 1U);
    EXPECT_STREQ(all[0].meter, "vmstat");
    EXPECT_EQ(all[0].readings.size(), 1U);
    const MachineReadings now = tick(10ms);
    EXPECT_EQ(now.refaults.has_value(), i > 0);
    EXPECT_TRUE(i == 0 || meter("vmstat").delivers);
  }
  EXPECT_EQ(counters_["vmstat"].reads, 5U);
  EXPECT_TRUE(tick(600ms).refaults) << "what was read long ago is read again";
  EXPECT_EQ(counters_["vmstat"].reads, 6U);
}

TEST_F(NodeMetersTest, ARefusedMeterIsTriedAgainOnceInAWhile) {
  row("pcm");
  counters_["pcm"].refused = true;
  start();
  EXPECT_EQ(meter("pcm").reason, "pcm is down (fix: start it)");
  for (int i = 0; i < 59; ++i) tick();
  EXPECT_EQ(counters_["pcm"].tries, 1U);
  tick();
  EXPECT_EQ(counters_["pcm"].tries, 2U);
  for (int i = 0; i < 119; ++i) tick();
  EXPECT_EQ(counters_["pcm"].tries, 2U) << "after twice the time";
  tick();
  EXPECT_EQ(counters_["pcm"].tries, 3U);
  for (int hours = 0; hours < 24; ++hours) tick(1h);
  EXPECT_GE(counters_["pcm"].tries, 25U) << "at least once an hour";
  counters_["pcm"].refused = false;
  tick(1h);
  EXPECT_TRUE(meter("pcm").used);
  EXPECT_EQ(counters_["pcm"].running, 1U);
}

TEST_F(NodeMetersTest, AnOrderToArmTriesAtOnce) {
  row("papi", "hardware");
  counters_["papi"].refused = true;
  start();
  meters_->serve({"hardware"});
  meters_->serve({});
  counters_["papi"].refused = false;
  meters_->serve({"hardware"});
  EXPECT_TRUE(meter("papi").used) << "the administrator mended it and arms again";
}

TEST_F(NodeMetersTest, TellsOfEachMeterWhetherItDelivers) {
  row("pcm"), row("uncore");
  counters_["pcm"].trouble = "connection refused (fix: start it)";
  count("uncore", Signal::kMemoryRead, 1, 0), count("uncore", Signal::kMemoryWritten, 1, 0);
  start();
  tick();
  EXPECT_TRUE(meter("pcm").used);
  EXPECT_FALSE(meter("pcm").delivers);
  EXPECT_EQ(meter("pcm").reason, "what pcm gives; nothing now: connection refused (fix: start it)");
  EXPECT_THAT(meter("uncore").reason, HasSubstr("two readings"));
  tick();
  EXPECT_TRUE(meter("uncore").delivers);
  EXPECT_EQ(meter("uncore").reason, "what uncore gives");
  counters_["uncore"].values.begin()->second = 0, counters_["uncore"].values.rbegin()->second = 0;
  tick();
  EXPECT_TRUE(meter("uncore").delivers) << "one tick of trouble is none yet";
  counters_["uncore"].age = 1h;
  for (int i = 0; i < 4; ++i) tick();
  EXPECT_FALSE(meter("uncore").delivers);
  EXPECT_THAT(meter("uncore").reason, HasSubstr("refused: stale"));
  counters_["uncore"].values.clear();
  tick();
  tick();
  EXPECT_THAT(meter("uncore").reason, HasSubstr("it reads nothing"));
}

TEST_F(NodeMetersTest, TheFirstMeterWithASoundRateCounts) {
  row("uncore"), row("pcm");
  const auto pass = [this](bool uncore) {
    for (const Signal signal : {Signal::kMemoryRead, Signal::kMemoryWritten}) {
      for (const std::uint32_t node : {0U, 1U})
        if (uncore || node == 0) count("uncore", signal, 100, node);
      count("pcm", signal, 70, 0);
    }
  };
  start();
  pass(true), tick(), pass(true);
  MachineReadings now = tick();
  ASSERT_EQ(now.memory_traffic.size(), 2U);
  EXPECT_DOUBLE_EQ(now.memory_traffic[1].bytes_per_second, 200);
  // A node of uncore's goes missing: the rest would pass for all there is.
  counters_["uncore"].values.erase({Signal::kMemoryRead, 1});
  pass(false);
  now = tick();
  ASSERT_EQ(now.memory_traffic.size(), 1U);
  EXPECT_DOUBLE_EQ(now.memory_traffic[0].bytes_per_second, 140) << "PCM's";
}

TEST_F(NodeMetersTest, WhatIsAbsurdIsNoFigure) {
  row("uncore");
  count("uncore", Signal::kMemoryRead, 1, 0), count("uncore", Signal::kMemoryWritten, 1, 0);
  start();
  tick();
  count("uncore", Signal::kMemoryRead, std::uint64_t{1} << 60, 0);
  EXPECT_THAT(tick().memory_traffic, IsEmpty());
  EXPECT_THAT(tick().memory_traffic, ::testing::SizeIs(1)) << "the next one counts again";
}

TEST_F(NodeMetersTest, TwoTicksSoonAfterEachOtherAreNoTrouble) {
  row("vmstat");
  count("vmstat", Signal::kRefaults, 1);
  start();
  tick(), tick();
  EXPECT_TRUE(tick(300ms).refaults) << "after one that took long";
}

}  // namespace
}  // namespace tier
