// The whole tick on a fake machine: samples come from a script, pages move on the fake, time stands still
// until told. For the engine's tests.
#pragma once

#include <gtest/gtest.h>

#include <deque>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "platform/fake/fake_machine.h"
#include "tierd/daemon/engine.h"

namespace tier {

inline constexpr Address kBase = 0x7f0000000000;
inline constexpr std::uint64_t kRegion = 2ULL << 20;
inline constexpr int kRegions = 40;

// Delivers what the test puts in, for the targets it was given.
class ScriptedSource final : public AccessSource {
 public:
  explicit ScriptedSource(std::deque<SampleBatch>& script, std::string name = "script")
      : script_(script), name_(std::move(name)) {}
  std::string name() const override { return name_; }
  Result<void> start() override { return {}; }
  Result<void> set_targets(std::span<const Target>) override { return {}; }
  Result<SampleBatch> collect() override {
    if (script_.empty()) return SampleBatch{};
    auto batch = std::move(script_.front());
    script_.pop_front();
    return batch;
  }
  SourceStatus status() const override {
    SourceStatus status;
    status.name = name_;
    status.cpu_share = cpu_share;
    return status;
  }
  void set_stake(double stake) override { stake_ = stake; }
  double stake() const { return stake_; }
  void set_budget_share(double share) override { budget_share_ = share; }
  double budget_share() const { return budget_share_; }
  void stop() override {}

  double samples_per_cpu_second() const override { return rate; }

  double cpu_share = 0;  // that its samples cost the programs
  double rate = 0;       // see samples_per_cpu_second()

 private:
  std::deque<SampleBatch>& script_;
  std::string name_;
  double stake_ = -1, budget_share_ = -1;  // never told
};

inline FakeSpec two_tier_machine() {
  FakeSpec spec;
  spec.nodes = {{.id = 0, .capacity = 32_MiB, .latency_ns = 100},
                {.id = 1, .capacity = 1_GiB, .latency_ns = 400, .has_cpus = false}};
  FakeMapping heap{.start = kBase, .size = Bytes{kRegions * kRegion}, .node = 1, .huge = true};
  spec.processes = {{.pid = 42, .name = "job", .uid = 1000, .mappings = {heap}}};
  return spec;
}

class EngineTest : public testing::Test {
 protected:
  EngineTest() : EngineTest(two_tier_machine()) {}
  explicit EngineTest(const FakeSpec& spec)
      : machine_(spec),
        executor_(std::make_shared<ManualExecutor>()),
        migrator_(machine_, machine_, machine_, clock_, {}, executor_) {}

  // Ticks of a second, where the test says nothing else: each is a look around, too.
  void start(EngineSettings settings) {
    if (settings.interval == EngineSettings{}.interval) settings.interval = std::chrono::seconds(1);
    EngineParts parts{machine_,  locator_ != nullptr ? *locator_ : machine_,
                      migrator_, machine_,
                      machine_,  machine_,
                      machine_,  machine_,
                      clock_,    {},
                      Pid{1},    [] { return std::int64_t{0}; }};
    parts.sources.push_back(std::make_unique<ScriptedSource>(script_));
    source_ = static_cast<ScriptedSource*>(parts.sources.back().get());
    parts.metrics = metrics_;
    parts.watch = watch_;
    if (make_forecaster_) parts.make_forecaster = make_forecaster_;
    if (settings.targets.pids.empty()) settings.targets.pids = {Pid{42}};
    auto made = Engine::create(std::move(parts), std::move(settings));
    ASSERT_TRUE(made) << made.error().text();
    engine_ = std::move(*made);
  }

  // One tick in which each of `hot` regions is sampled `samples` times, then the migrator's work.
  void tick(const std::vector<int>& hot, int samples = 10) {
    SampleBatch batch;
    for (const int region : hot) {
      for (int i = 0; i < samples; ++i) batch.samples.push_back(sample(region));
    }
    batch.counters.taken = batch.counters.delivered = batch.samples.size();
    script_.push_back(std::move(batch));
    clock_.advance(std::chrono::seconds(1));
    engine_->tick();
    for (int step = 0; step < 1000 && !migrator_.idle(); ++step) {
      if (const auto wait = executor_->run_once()) clock_.advance(*wait);
    }
  }

  AccessSample sample(int region) const {
    AccessSample s;
    s.target = engine_->targets().targets().empty() ? TargetId{1} : engine_->targets().targets()[0].id;
    s.address = kBase + static_cast<Address>(region) * kRegion + 64;
    s.meaning = WeightMeaning::kStall;
    s.weight = 0.004;  // one tick of a 250 Hz clock
    s.time = clock_.now();
    return s;
  }

  int node_of(int region) const {
    return machine_.node_of(Pid{42}, kBase + static_cast<Address>(region) * kRegion)
        .value_or(NodeId{-1})
        .value;
  }

  FakeMachine machine_;
  ManualClock clock_;
  std::shared_ptr<ManualExecutor> executor_;
  Migrator migrator_;
  std::deque<SampleBatch> script_;
  std::function<std::unique_ptr<Forecaster>(const std::string&)> make_forecaster_;  // empty: the table's
  MetricReader* metrics_ = nullptr;
  ProcessWatch* watch_ = nullptr;
  const PageLocator* locator_ = nullptr;  // null: the machine itself
  std::unique_ptr<Engine> engine_;
  ScriptedSource* source_ = nullptr;  // the engine's
};

inline EngineSettings acting() {
  EngineSettings settings;
  settings.act = true;
  return settings;
}

}  // namespace tier
