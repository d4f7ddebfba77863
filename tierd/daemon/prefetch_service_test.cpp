// Prefetch control as the control socket and a reload see it, on a machine where turning prefetchers off
// helps.
#include "tierd/daemon/prefetch_service.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>

#include "prefetch/loop/fake_world.h"
#include "tierd/daemon/engine_fixture.h"
#include "tierd/daemon/prefetch_views.h"

namespace tier {
namespace {

using namespace std::chrono_literals;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
namespace fs = std::filesystem;

constexpr const char* kActor = "uid 0 pid 12";

class PrefetchServiceTest : public EngineTest {
 protected:
  PrefetchServiceTest() { fs::remove(journal_); }
  ~PrefetchServiceTest() override { fs::remove(journal_); }
  void SetUp() override {
    start(acting());
    world_ = std::make_unique<World>(knobs_, clock_);
  }

  std::unique_ptr<PrefetchService> service(std::vector<std::string> arm) {
    PrefetchConfig config;
    config.arm = std::move(arm), config.journal = journal_;
    PrefetchLoopParts parts{knobs_, clock_};
    parts.read_meters = [this] { return std::vector<MeterReadings>{{world_->name(), world_->read()}}; };
    parts.registers = *read_register_table(kRegisters, "test");
    parts.read_machine = [this]() -> Result<PrefetchMachine> {
      if (no_machine_) return fail(ErrorKind::kFailed, "/proc/cpuinfo cannot be read", "mount procfs");
      return world_machine(cpus());
    };
    parts.read_state = [this]() -> Result<MachineState> { return MachineState{cpus(), {}}; };
    parts.open_journal = [this]() -> Result<KnobJournal> {
      if (unopened_ > 0 && unopened_-- > 0)
        return fail(ErrorKind::kFailed, "no journal can be opened", "make its folder");
      return KnobJournal::open(journal_, std::string(kTierBootIdSize, 'b'));
    };
    PrefetchServiceParts made{
        *engine_, samples_, std::make_unique<PrefetchLoop>(std::move(parts), prefetch_loop_settings(config)),
        std::make_unique<AdviceLoop>(machine_, machine_, Bytes{4096})};
    made.meters = [] { return std::vector<MeterDecision>{{"pcm", false, "no address"}}; };
    return std::make_unique<PrefetchService>(std::move(made), config);
  }
  // As the daemon runs it.
  void run(PrefetchService& service, unsigned seconds) {
    for (unsigned i = 0; i < seconds; ++i) {
      tick({});
      service.after_engine_tick();
      service.tick();
    }
  }
  static PrefetchConfig arming(std::vector<std::string> arm) {
    PrefetchConfig config;
    config.arm = std::move(arm);
    return config;
  }
  std::vector<std::uint32_t> cpus() const {
    std::vector<std::uint32_t> all(2 * kCores);
    for (std::uint32_t cpu = 0; cpu < all.size(); ++cpu) all[cpu] = cpu;
    return all;
  }
  unsigned cores_off() {
    unsigned count = 0;
    for (std::uint32_t core = 0; core < kCores; ++core)
      count += knobs_.at(register_of(core)) == (kFound | 5) ? 1U : 0U;
    return count;
  }
  bool as_found() {
    bool all = knobs_.at(kReadahead) == 128;
    for (std::uint32_t core = 0; core < kCores; ++core) all &= knobs_.at(register_of(core)) == kFound;
    return all;
  }
  std::vector<std::string> told() const {
    std::vector<std::string> all;
    for (const Event& event : engine_->events().since(0, 1000))
      if (event.kind == "prefetch") all.push_back(event.message + " by " + event.actor);
    return all;
  }
  // Armed, and every core's prefetchers found to be in the way.
  std::unique_ptr<PrefetchService> tuned(std::vector<std::string> arm) {
    auto made = service(std::move(arm));
    world_->off_gain = 0.1;
    EXPECT_TRUE(made->start());
    run(*made, 60);
    EXPECT_EQ(cores_off(), kCores);
    return made;
  }

  const fs::path journal_ = fs::temp_directory_path() / ("service-" + std::to_string(getpid()));
  FakeKnobs knobs_;
  std::unique_ptr<World> world_;
  CpuSamples samples_;
  bool no_machine_ = false;
  unsigned unopened_ = 0;  // times that the journal cannot be opened
};

TEST_F(PrefetchServiceTest, IsOffUnlessTheConfigurationNamesActuators) {
  const auto off = service({});
  world_->off_gain = 0.1;
  ASSERT_TRUE(off->start());
  run(*off, 60);
  EXPECT_TRUE(knobs_.writes.empty());
  EXPECT_FALSE(fs::exists(journal_));
  const auto view = off->prefetch();
  EXPECT_EQ(view->state, "off");
  EXPECT_EQ(view->note, prefetch_not_allowed().message);
  EXPECT_EQ(view->decisions, 0U);
  const auto armed = off->prefetch_arm(false, kActor);
  ASSERT_FALSE(armed);
  EXPECT_EQ(armed.error().kind, ErrorKind::kUnsupported);
  EXPECT_EQ(off->prefetch_disarm(kActor)->state, "off");
  EXPECT_EQ(off->prefetch_restore(kActor)->state, "off");
  EXPECT_THAT(told(), IsEmpty());
}

TEST_F(PrefetchServiceTest, OneLooksBeforeOneAllows) {
  const auto off = service({});
  ASSERT_TRUE(off->start());
  const auto dry = off->prefetch_arm(true, kActor);
  ASSERT_TRUE(dry) << dry.error().text();
  EXPECT_EQ(dry->state, "off");
  EXPECT_TRUE(dry->dry_run);
  ASSERT_EQ(dry->writes.size(), 2 * kCores + 4U);
  EXPECT_EQ(dry->writes[1].control, "core 0");
  EXPECT_EQ(dry->writes[1].setting, "all-off");
  EXPECT_EQ(dry->writes[1].knob, "register 0x1a4 of CPU 0");
  EXPECT_EQ(dry->writes[1].before, "0x820");
  EXPECT_EQ(dry->writes[1].after, "0x825");
  EXPECT_EQ(dry->writes[1].fate, "would be written");
  EXPECT_EQ(dry->writes.back().before, "128");
  ASSERT_EQ(dry->refused.size(), 1U);
  EXPECT_EQ(dry->refused[0].name, "swap");
  EXPECT_TRUE(knobs_.writes.empty());
  EXPECT_FALSE(fs::exists(journal_));
  EXPECT_THAT(off->prefetch()->refused, IsEmpty()) << "looking changes nothing";
  EXPECT_THAT(told(), IsEmpty());
}

TEST_F(PrefetchServiceTest, ADryRunWhereSomethingIsAllowedTellsOfThatAlone) {
  const auto made = tuned({"hardware"});
  const auto dry = made->prefetch_arm(true, kActor);
  ASSERT_TRUE(dry);
  for (const PrefetchWriteView& each : dry->writes) EXPECT_EQ(each.before, "0x825") << "as it is now";
  // Default and l2-off of each; all-off is what it holds.
  EXPECT_EQ(dry->writes.size(), 2 * kCores);
  EXPECT_EQ(cores_off(), kCores);
  EXPECT_EQ(made->prefetch()->state, "armed");
}

TEST_F(PrefetchServiceTest, DisarmPutsEverythingBackUntilItIsArmedAgain) {
  const auto made = tuned({"hardware", "advice"});
  EXPECT_TRUE(made->prefetch()->advice.armed);
  const auto back = made->prefetch_disarm(kActor);
  ASSERT_TRUE(back);
  EXPECT_EQ(back->state, "disarmed");
  ASSERT_EQ(back->writes.size(), kCores);
  EXPECT_EQ(back->writes[0].fate, "restored");
  EXPECT_EQ(back->writes[0].control, "core 0");
  run(*made, 60);
  EXPECT_TRUE(as_found());
  const auto view = made->prefetch();
  EXPECT_EQ(view->state, "disarmed");
  EXPECT_THAT(view->note, HasSubstr("tierctl prefetch arm"));
  EXPECT_FALSE(view->advice.armed);
  EXPECT_FALSE(view->progress);
  EXPECT_THAT(view->signals, IsEmpty()) << "nothing is metered any more";
  EXPECT_TRUE(made->prefetch_disarm(kActor)->writes.empty());
  ASSERT_TRUE(made->prefetch_arm(false, kActor));
  ASSERT_TRUE(made->prefetch_arm(false, kActor));
  run(*made, 60);
  EXPECT_EQ(cores_off(), kCores);
  EXPECT_TRUE(made->prefetch()->advice.armed);
  EXPECT_THAT(told(), ElementsAre("disarmed, everything is put back by uid 0 pid 12",
                                  "armed: hardware, advice by uid 0 pid 12"))
      << "orders that change nothing leave no event";
}

TEST_F(PrefetchServiceTest, RestorePutsBackAndBeginsAnewWhereArmed) {
  const auto made = tuned({"hardware"});
  const auto back = made->prefetch_restore(kActor);
  ASSERT_TRUE(back);
  EXPECT_EQ(back->state, "armed");
  EXPECT_EQ(back->writes.size(), kCores);
  EXPECT_TRUE(as_found());
  run(*made, 60);
  EXPECT_EQ(cores_off(), kCores);
  EXPECT_THAT(told(), ElementsAre("everything is put back by uid 0 pid 12"));
}

TEST_F(PrefetchServiceTest, RestoreLeavesDisarmedWhatIsDisarmed) {
  const auto made = tuned({"hardware"});
  ASSERT_TRUE(made->prefetch_disarm(kActor));
  EXPECT_EQ(made->prefetch_restore(kActor)->state, "disarmed");
  run(*made, 60);
  EXPECT_TRUE(as_found());
  EXPECT_EQ(told().size(), 1U) << "of the disarming alone";
}

TEST_F(PrefetchServiceTest, WhatCouldNotBePutBackIsToldAndTriedAgain) {
  const auto made = tuned({"hardware"});
  knobs_.offline = {2, 3};
  const auto back = made->prefetch_disarm(kActor);
  ASSERT_TRUE(back);
  const auto failed = std::find_if(back->writes.begin(), back->writes.end(),
                                   [](const auto& each) { return each.fate == "failed"; });
  ASSERT_NE(failed, back->writes.end());
  EXPECT_EQ(failed->control, "core 2");
  knobs_.offline.clear();
  ASSERT_FALSE(as_found());
  const auto again = made->prefetch_restore(kActor);
  ASSERT_TRUE(again);
  EXPECT_EQ(again->state, "disarmed");
  EXPECT_TRUE(as_found());
}

TEST_F(PrefetchServiceTest, WhatAKilledTierdLeftIsPutBackWhateverIsArmedNow) {
  for (const std::vector<std::string>& arm : {std::vector<std::string>{}, {"advice"}, {"readahead"}}) {
    auto journal = KnobJournal::open(journal_, std::string(kTierBootIdSize, 'b'));
    ASSERT_TRUE(journal);
    ASSERT_TRUE(journal->append({kTierIntent, register_of(1), kTierNoUnit, 5, kFound, kFound, kFound | 5}));
    knobs_.at(register_of(1)) = kFound | 5;
    ASSERT_TRUE(service(arm)->start());
    EXPECT_TRUE(as_found());
    fs::remove(journal_);
  }
  const auto off = service({});
  ASSERT_TRUE(off->start());
  EXPECT_FALSE(fs::exists(journal_)) << "off writes nothing, no journal either";
}

TEST_F(PrefetchServiceTest, AMachineThatRefusesIsToldAndCanBeArmedLater) {
  const auto made = service({"hardware", "advice"});
  world_->off_gain = 0.1;
  unopened_ = 2;
  const auto refused = made->start();
  ASSERT_FALSE(refused);
  run(*made, 10);
  auto view = made->prefetch();
  EXPECT_EQ(view->state, "off");
  EXPECT_THAT(view->note, HasSubstr("no journal can be opened"));
  EXPECT_FALSE(view->advice.armed) << "all of it or nothing";
  EXPECT_TRUE(knobs_.writes.empty());
  EXPECT_FALSE(made->prefetch_arm(false, kActor).has_value());
  EXPECT_EQ(made->prefetch_arm(false, kActor)->state, "armed");
  run(*made, 60);
  EXPECT_EQ(cores_off(), kCores);
  EXPECT_THAT(told(), ElementsAre("armed: hardware, advice by uid 0 pid 12"));
}

TEST_F(PrefetchServiceTest, AReloadTunesWhatIsNewlyNamedAndPutsBackWhatIsNoLongerNamed) {
  const auto made = tuned({"hardware"});
  world_->readahead_best = 16;
  ASSERT_TRUE(made->configure(arming({"readahead"})));
  EXPECT_TRUE(as_found());
  run(*made, 60);
  EXPECT_EQ(cores_off(), 0U);
  EXPECT_EQ(knobs_.at(kReadahead), 16U);
  EXPECT_THAT(made->prefetch()->armed, ElementsAre("readahead"));
  ASSERT_TRUE(made->configure(arming({})));
  EXPECT_TRUE(as_found());
  EXPECT_EQ(made->prefetch()->state, "off");
  run(*made, 10);
  EXPECT_TRUE(as_found());
}

TEST_F(PrefetchServiceTest, AReloadThatNamesTheSameChangesNothing) {
  const auto made = tuned({"hardware", "advice"});
  ASSERT_TRUE(made->configure(arming({"advice", "hardware"})));
  EXPECT_EQ(cores_off(), kCores);
  ASSERT_TRUE(made->prefetch_disarm(kActor));
  ASSERT_TRUE(made->configure(arming({"hardware", "advice"})));
  EXPECT_EQ(made->prefetch()->state, "disarmed");
  ASSERT_TRUE(made->configure(arming({"hardware"})));
  EXPECT_EQ(made->prefetch()->state, "armed") << "a list that differs is a new order";
}

TEST_F(PrefetchServiceTest, AReloadThatFailsHalfWayLeavesTheOldOneInForce) {
  const auto made = tuned({"advice", "hardware"});
  no_machine_ = true;
  const auto refused = made->configure(arming({"hardware", "readahead"}));
  ASSERT_FALSE(refused);
  EXPECT_THAT(refused.error().text(), HasSubstr("/proc/cpuinfo"));
  EXPECT_TRUE(as_found());
  auto view = made->prefetch();
  EXPECT_THAT(view->armed, ElementsAre("advice", "hardware"));
  EXPECT_EQ(view->state, "off") << "nor could the old one be taken up again";
  EXPECT_THAT(view->note, HasSubstr("/proc/cpuinfo"));
  no_machine_ = false;
  ASSERT_TRUE(made->prefetch_arm(false, kActor));
  run(*made, 60);
  EXPECT_EQ(cores_off(), kCores);
  EXPECT_EQ(knobs_.at(kReadahead), 128U) << "what was refused is not tuned";
}

TEST_F(PrefetchServiceTest, AReloadThatFailsTakesUpTheOldListAgain) {
  const auto made = tuned({"advice", "hardware"});
  unopened_ = 1;
  ASSERT_FALSE(made->configure(arming({"readahead"})).has_value());
  EXPECT_EQ(made->prefetch()->state, "armed");
  EXPECT_TRUE(made->prefetch()->advice.armed);
  run(*made, 60);
  EXPECT_EQ(cores_off(), kCores);
}

TEST_F(PrefetchServiceTest, AReloadThatFailsDoesNotArmWhatWasDisarmed) {
  const auto made = tuned({"advice", "hardware"});
  ASSERT_TRUE(made->prefetch_disarm(kActor));
  unopened_ = 1;  // the old list could be armed
  ASSERT_FALSE(made->configure(arming({"hardware", "readahead"})).has_value());
  EXPECT_EQ(made->prefetch()->state, "disarmed");
  EXPECT_FALSE(made->prefetch()->advice.armed);
  run(*made, 30);
  EXPECT_TRUE(as_found());
}

TEST_F(PrefetchServiceTest, AJournalThatCannotBeReadChangesNothing) {
  const auto made = tuned({"hardware", "advice"});
  const fs::path aside = journal_.string() + ".aside";
  fs::rename(journal_, aside), fs::create_directory(journal_);
  EXPECT_FALSE(made->prefetch_disarm(kActor).has_value());
  EXPECT_FALSE(made->configure(arming({})).has_value());
  EXPECT_EQ(made->prefetch()->state, "armed");
  EXPECT_THAT(made->prefetch()->armed, ElementsAre("hardware", "advice"));
  EXPECT_TRUE(made->prefetch()->advice.armed);
  fs::remove(journal_), fs::rename(aside, journal_);
  ASSERT_TRUE(made->prefetch_disarm(kActor));
  EXPECT_TRUE(as_found());
}

TEST_F(PrefetchServiceTest, TheViewTellsGainsAndWhatTheyAreJudgedBy) {
  const auto made = tuned({"hardware", "page-cluster"});
  const auto view = made->prefetch();
  EXPECT_EQ(view->state, "armed");
  EXPECT_EQ(view->note, "");
  EXPECT_EQ(view->journal, journal_.string());
  EXPECT_GT(view->decisions, 50U);
  EXPECT_GE(view->writes, kCores);
  EXPECT_EQ(view->progress_signal, "instructions");
  EXPECT_NEAR(*view->progress, 2 * kCores * 1.1e9, 0.1e9);
  ASSERT_EQ(view->controls.size(), kCores);
  const PrefetchControlView& core = view->controls[1];
  EXPECT_EQ(core.name, "core 2");
  EXPECT_EQ(core.setting, "all-off");
  EXPECT_THAT(core.settings, ElementsAre("default", "l2-off", "all-off"));
  EXPECT_EQ(core.scope, "core");
  ASSERT_TRUE(core.gain && core.gain_low && core.gain_high);
  EXPECT_LT(*core.gain_low, *core.gain);
  EXPECT_LT(*core.gain, *core.gain_high);
  EXPECT_LT(*core.gain_low, 0.1);
  EXPECT_GT(*core.gain_high, 0.1);
  EXPECT_GT(*core.gain_low, 0);
  ASSERT_EQ(view->refused.size(), 1U);
  EXPECT_EQ(view->refused[0].reason, "none is in use");
  ASSERT_EQ(view->meters.size(), 1U);
  EXPECT_EQ(view->meters[0].name, "pcm");
  const auto signal = std::find_if(view->signals.begin(), view->signals.end(),
                                   [](const auto& each) { return each.name == "instructions"; });
  ASSERT_NE(signal, view->signals.end());
  EXPECT_TRUE(signal->per_second);
}

TEST(PrefetchViews, BetterIsSaidOnlyWhereTheIntervalSaysSo) {
  const PrefetchControl control{
      "readahead", PrefetchScope::kDevice, "sda", {}, {{"default", {}, 0}, {"16-kib", {}, 16}}};
  Arms arms;
  arms.arms.resize(2);
  TunedStanding standing{&control, 1, TuningReason::kBetter, {}, &arms, 3};
  arms.arms[1].gain = 0.02, arms.arms[1].precision = 1 / (0.005 * 0.005);  // 2 % ± 1 %
  PrefetchControlView view = prefetch_control_view(standing);
  EXPECT_GT(*view.gain_low, 0);
  EXPECT_EQ(view.reason, "better than the default");
  arms.arms[1].precision = 1 / (0.02 * 0.02);  // 2 % ± 4 %
  view = prefetch_control_view(standing);
  EXPECT_LT(*view.gain_low, 0);
  EXPECT_EQ(view.reason.find("better"), std::string::npos) << view.reason;
  EXPECT_NE(view.reason.find("does not tell it from the default"), std::string::npos) << view.reason;
  arms.arms[1] = {};
  EXPECT_EQ(prefetch_control_view(standing).reason.find("better"), std::string::npos) << "nothing is known";
}

TEST_F(PrefetchServiceTest, TheViewTellsWhyNothingIsDecided) {
  const auto made = service({"hardware", "page-cluster"});
  ASSERT_TRUE(made->start());
  EXPECT_NE(made->prefetch()->note, "") << "nothing was metered yet";
  run(*made, 5);
  EXPECT_EQ(made->prefetch()->note, "");
  world_->blind = true;
  run(*made, 1);
  EXPECT_THAT(made->prefetch()->note, HasSubstr("no sound reading of"));
  const auto bare = service({"page-cluster"});
  ASSERT_TRUE(bare->start());
  run(*bare, 5);
  EXPECT_EQ(bare->prefetch()->note, "nothing was found here that may be set");
}

TEST_F(PrefetchServiceTest, ExplainsOneControlAndNamesTheNearest) {
  const auto made = tuned({"hardware", "page-cluster"});
  const auto core = made->prefetch_explain("core 4");
  ASSERT_TRUE(core);
  EXPECT_EQ(core->control.name, "core 4");
  ASSERT_EQ(core->arms.size(), 3U);
  EXPECT_EQ(core->arms[0].setting, "default");
  EXPECT_EQ(core->arms[0].gain, 0.0);
  EXPECT_EQ(core->arms[2].setting, "all-off");
  EXPECT_NEAR(*core->arms[2].gain, 0.1, 0.05);
  EXPECT_GT(core->arms[2].evidence, 0);
  ASSERT_FALSE(core->decisions.empty());
  EXPECT_GE(core->decisions.front().tick, core->decisions.back().tick) << "latest first";
  ASSERT_FALSE(core->writes.empty());
  EXPECT_EQ(core->writes.back().before, "0x820") << "latest first";
  for (const PrefetchWriteView& each : core->writes) EXPECT_EQ(each.control, "core 4");

  const auto misspelt = made->prefetch_explain("cor 4");
  ASSERT_FALSE(misspelt);
  EXPECT_EQ(misspelt.error().kind, ErrorKind::kFailed);
  EXPECT_EQ(misspelt.error().fix, "did you mean \"core 4\"?");
  EXPECT_THAT(made->prefetch_explain("elephant").error().fix, HasSubstr("tierctl prefetch status"));
  EXPECT_EQ(made->prefetch_explain("swap").error().message, "\"swap\" is not tuned: none is in use");
}

TEST_F(PrefetchServiceTest, WhatIsPutBackStandsAmongAControlsWrites) {
  const auto made = tuned({"hardware"});
  world_->blind = true;
  run(*made, 15);  // longer than the lease
  ASSERT_TRUE(as_found());
  EXPECT_EQ(made->prefetch_explain("core 0")->writes.front().setting, "default");
  EXPECT_EQ(made->prefetch_explain("core 0")->writes.front().after, "0x820");
}

TEST_F(PrefetchServiceTest, TheSettingsOfTheLoopAreTheConfigurations) {
  PrefetchConfig config = arming({"readahead", "advice"});
  config.devices = {"sdb"}, config.lease = 30s, config.interval = 2s, config.transitions_per_minute = 7;
  const PrefetchLoopSettings settings = prefetch_loop_settings(config);
  EXPECT_THAT(settings.actuators, ElementsAre("readahead")) << "advice is no setting";
  EXPECT_THAT(settings.devices, ElementsAre("sdb"));
  EXPECT_EQ(settings.lease, 30s);
  EXPECT_EQ(settings.interval, 2s);
  EXPECT_EQ(settings.tuner.transitions_per_minute, 7U);
}

}  // namespace
}  // namespace tier
