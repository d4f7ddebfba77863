#include "tierd/daemon/source_keeper.h"

#include <gtest/gtest.h>

#include <set>

#include "tierd/daemon/engine_fixture.h"

namespace tier {
namespace {

using namespace std::chrono_literals;

// A machine on which the test says which sources can start. One hot program; the sources share one script.
class SourceKeeperTest : public EngineTest {
 protected:
  SourceKeeperTest()
      : keeper_({[this] {
                   ++probes_;
                   return std::vector<FeatureState>{};
                 },
                 [this](const auto&, const SourceRequest& request) { return make(request); }}) {}

  // As make_sources() does, with `can_start_` in place of a kernel.
  SourceSet make(const SourceRequest& request) {
    asked_.push_back(request);
    SourceSet set;
    bool taken = false;
    for (const char* name : {"hardware", "stall", "damon", "faults"}) {
      const bool runs =
          std::find(request.running.begin(), request.running.end(), name) != request.running.end();
      const bool possible = (runs || can_start_.contains(name)) && !request.barred.contains(name);
      set.decisions.push_back({name, possible && !taken, "because"});
      if (!possible || taken) continue;
      taken = true;
      if (!runs) set.sources.push_back(std::make_unique<ScriptedSource>(script_, name));
    }
    return set;
  }

  void begin(std::set<std::string> can_start) {
    can_start_ = std::move(can_start);
    EngineParts parts{machine_, machine_, migrator_, machine_, machine_, machine_,
                      machine_, machine_, clock_,    {},       Pid{1},   [] { return std::int64_t{0}; }};
    parts.sources = keeper_.begin(clock_.now());
    EngineSettings settings;
    settings.act = true;
    settings.targets.pids = {Pid{42}};
    auto made = Engine::create(std::move(parts), std::move(settings));
    ASSERT_TRUE(made);
    engine_ = std::move(*made);
  }

  // Ticks of one second in which the program uses a CPU and is sampled, or not.
  void run(int count, int samples) {
    for (int i = 0; i < count; ++i) {
      machine_.use_cpu(Pid{42}, 1s);
      tick({3, 17}, samples);
      keeper_.after_tick(*engine_, clock_.now());
    }
  }

  std::vector<std::string> events(const std::string& kind) const {
    std::vector<std::string> out;
    for (const auto& event : engine_->events().since(0, 1000))
      if (event.kind == kind) out.push_back(event.message);
    return out;
  }
  std::vector<std::string> running() const { return engine_->source_names(); }

  std::set<std::string> can_start_;
  std::vector<SourceRequest> asked_;
  int probes_ = 0;
  SourceKeeper keeper_;
};

TEST_F(SourceKeeperTest, ABlindSourceIsReplacedAndTriedAgainLater) {
  begin({"stall", "damon"});
  run(20, 10);
  ASSERT_EQ(running(), std::vector<std::string>{"stall"});
  EXPECT_TRUE(events("source").empty()) << "nothing to exchange while it works";
  run(12, 0);
  EXPECT_EQ(running(), std::vector<std::string>{"damon"});
  ASSERT_EQ(events("source").size(), 1u);
  EXPECT_EQ(events("source")[0], "stall went blind: damon from now on");
  EXPECT_NE(keeper_.decisions()[1].reason.find("because"), std::string::npos);
  run(1, 10);
  EXPECT_EQ(engine_->sight().state(), SightState::kSees);
  EXPECT_EQ(events("sight").back(), "no longer blind: samples arrive");
  // The bar lasts five minutes, and looks are ten minutes apart at most.
  run(16 * 60, 10);
  EXPECT_EQ(running(), std::vector<std::string>{"stall"});
  EXPECT_EQ(events("source").back(), "stall can run now: stall from now on");
}

TEST_F(SourceKeeperTest, ASourceThatGoesBlindAgainIsBarredForLonger) {
  begin({"stall", "damon"});
  const auto bar_of_stall = [&] {
    std::string latest;
    for (const auto& request : asked_)
      if (const auto bar = request.barred.find("stall"); bar != request.barred.end()) latest = bar->second;
    return latest;
  };
  run(20, 10);
  run(12, 0);
  EXPECT_NE(bar_of_stall().find("went blind"), std::string::npos);
  EXPECT_NE(bar_of_stall().find("tried again in 300 s"), std::string::npos) << bar_of_stall();
  run(16 * 60, 10);
  ASSERT_EQ(running(), std::vector<std::string>{"stall"});
  run(12, 0);
  EXPECT_NE(bar_of_stall().find("tried again in 600 s"), std::string::npos) << bar_of_stall();
}

TEST_F(SourceKeeperTest, WhereThereIsNoOtherItIsBegunAnewAtGrowingDistances) {
  begin({"stall"});
  run(20, 10);
  run(60 * 60, 0);
  EXPECT_EQ(running(), std::vector<std::string>{"stall"});
  EXPECT_EQ(engine_->sight().state(), SightState::kBlind);
  EXPECT_GE(events("source").size(), 3u);
  EXPECT_LE(events("source").size(), 12u) << "an hour of doubling distances, ten minutes at most";
  EXPECT_EQ(events("source")[0], "stall went blind, no other can run: stall from now on");
  run(2, 10);
  EXPECT_EQ(engine_->sight().state(), SightState::kSees);
}

TEST_F(SourceKeeperTest, ADaemonWithoutAnySourceTakesTheFirstThatBecomesPossible) {
  begin({});
  EXPECT_TRUE(running().empty());
  run(60, 0);
  EXPECT_EQ(engine_->sight().state(), SightState::kBlind);
  EXPECT_TRUE(events("source").empty()) << "it is said once, at the start";
  can_start_ = {"stall"};
  run(120, 10);
  EXPECT_EQ(running(), std::vector<std::string>{"stall"});
  EXPECT_EQ(events("source")[0], "a source can run now: stall from now on");
  EXPECT_EQ(engine_->sight().state(), SightState::kSees);
  EXPECT_EQ(node_of(3), 0) << "and it acts";
}

TEST_F(SourceKeeperTest, ABetterSourceThatBecomesPossibleIsTaken) {
  begin({"damon"});
  run(20, 10);
  ASSERT_EQ(running(), std::vector<std::string>{"damon"});
  can_start_ = {"stall", "damon"};
  run(10 * 60, 10);
  EXPECT_EQ(running(), std::vector<std::string>{"stall"});
  EXPECT_EQ(events("source"), std::vector<std::string>{"stall can run now: stall from now on"});
}

TEST_F(SourceKeeperTest, AWorkingSourceIsNotBarredBecauseTheProgramsRest) {
  begin({});
  run(60, 0);
  can_start_ = {"stall", "damon"};
  // The program rests from now on.
  for (int i = 0; i < 3600; ++i) {
    tick({}, 0);
    keeper_.after_tick(*engine_, clock_.now());
  }
  EXPECT_EQ(running(), std::vector<std::string>{"stall"});
  EXPECT_EQ(events("source").size(), 1u);
}

TEST_F(SourceKeeperTest, FaultsAloneAreNotBegunAnewForEver) {
  begin({"faults"});
  run(3600, 0);
  EXPECT_EQ(running(), std::vector<std::string>{"faults"});
  EXPECT_TRUE(events("source").empty());
}

TEST_F(SourceKeeperTest, FaultsAreNoReplacement) {
  begin({"stall", "faults"});
  run(20, 10);
  run(30, 0);
  EXPECT_EQ(running(), std::vector<std::string>{"stall"}) << "begun anew";
  EXPECT_EQ(engine_->sight().state(), SightState::kBlind);
}

TEST_F(SourceKeeperTest, LooksAreSeldomWhereAllIsWell) {
  begin({"stall"});
  run(3600, 10);
  EXPECT_LE(probes_, 13) << "10, 20, 40 … 600 s";
  EXPECT_TRUE(events("source").empty());
}

}  // namespace
}  // namespace tier
