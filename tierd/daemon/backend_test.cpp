// What the control socket gets of prefetch control, and what a reload changes of it.
#include "tierd/daemon/backend.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "prefetch/controls/control.h"
#include "tierd/daemon/engine_fixture.h"

namespace tier {
namespace {

constexpr Caller kRoot{.uid = 0, .gid = 0, .pid = 12, .privileged = true};

// Notes what it is asked.
class FakeDesk final : public PrefetchDesk {
 public:
  Result<PrefetchView> prefetch() override {
    PrefetchView view;
    view.state = "armed";
    return view;
  }
  Result<PrefetchExplainView> prefetch_explain(const std::string& control) override {
    PrefetchExplainView view;
    view.control.name = control;
    return view;
  }
  Result<PrefetchWritesView> prefetch_arm(bool dry_run, const std::string& actor) override {
    return noted(dry_run ? "dry run" : "arm", actor);
  }
  Result<PrefetchWritesView> prefetch_disarm(const std::string& actor) override {
    return noted("disarm", actor);
  }
  Result<PrefetchWritesView> prefetch_restore(const std::string& actor) override {
    return noted("restore", actor);
  }
  Result<void> configure(const PrefetchConfig& config) override {
    if (refuse) return fail(ErrorKind::kUnsupported, "no register can be read", "load the module msr");
    arm = config.arm;
    return {};
  }

  std::vector<std::string> orders, arm;
  bool refuse = false;

 private:
  PrefetchWritesView noted(const std::string& order, const std::string& actor) {
    orders.push_back(order + " by " + actor);
    PrefetchWritesView view;
    view.state = order;
    return view;
  }
};

class Backend : public EngineTest {
 protected:
  void SetUp() override { start(engine_settings_of({})); }

  static EngineSettings engine_settings_of(const Config& config) {
    EngineSettings settings;
    settings.act = config.mode == Mode::kAct;
    return settings;
  }
  DaemonBackend backend(PrefetchDesk* desk) {
    return {*engine_,
            LoadedConfig{},
            [this] { return next_; },
            [](const Engine&) { return DoctorView{}; },
            "0.1.0",
            desk};
  }
  std::string last_event() const {
    const auto all = engine_->events().since(0, 1000);
    return all.empty() ? "" : all.back().kind + ": " + all.back().message;
  }

  FakeDesk desk_;
  Result<LoadedConfig> next_ = LoadedConfig{};  // what a reload reads
};

TEST_F(Backend, WithoutADeskPrefetchIsOffAndSaysHowToTurnItOn) {
  DaemonBackend off = backend(nullptr);
  EXPECT_EQ(off.prefetch(kRoot)->state, "off");
  EXPECT_EQ(off.prefetch(kRoot)->note, "prefetch control is off: prefetch.arm names no actuator");
  for (const bool dry_run : {true, false}) {
    const auto armed = off.prefetch_arm(kRoot, dry_run);
    ASSERT_FALSE(armed);
    EXPECT_EQ(armed.error().kind, ErrorKind::kUnsupported);
    EXPECT_EQ(armed.error().fix,
              "name actuators in prefetch.arm of the configuration, then `tierctl config reload`");
  }
  EXPECT_EQ(off.prefetch_explain(kRoot, {"core 3"}).error().kind, ErrorKind::kFailed);
  EXPECT_EQ(off.prefetch_disarm(kRoot)->state, "off");
  EXPECT_TRUE(off.prefetch_restore(kRoot)->writes.empty());
}

TEST_F(Backend, StatusSaysWhyTheModelIsRefusedWhereItIsWanted) {
  LoadedConfig loaded;
  DaemonBackend usual(
      *engine_, loaded, [this] { return next_; }, [](const Engine&) { return DoctorView{}; }, "0.1.0",
      nullptr, {}, "model: 0 bytes");
  EXPECT_EQ(usual.status(kRoot)->model, "") << "nobody asked for one";
  loaded.config.policy.forecaster = "learned";
  DaemonBackend learned(
      *engine_, loaded, [this] { return next_; }, [](const Engine&) { return DoctorView{}; }, "0.1.0",
      nullptr, {}, "model: 0 bytes");
  EXPECT_EQ(learned.status(kRoot)->model, "model: 0 bytes");
}

TEST_F(Backend, WhatMatchesNothingIsInStatusAndDoctor) {
  EngineSettings settings;
  settings.targets.executables = {"no-such-program"};
  start(settings);
  engine_->tick();
  DaemonBackend on = backend(nullptr);
  ASSERT_EQ(on.status(kRoot)->unmatched.size(), 1U);
  EXPECT_NE(on.status(kRoot)->unmatched[0].find("no-such-program"), std::string::npos);
  ASSERT_EQ(on.doctor(kRoot)->limits.size(), 1U);
  EXPECT_EQ(on.doctor(kRoot)->limits[0].name, "targets");
}

TEST_F(Backend, AnOverlongNameIsNotRepeated) {
  DaemonBackend off = backend(nullptr);
  EXPECT_LT(off.prefetch_explain(kRoot, {std::string(5000, '9')}).error().message.size(), 200U);
}

TEST_F(Backend, OrdersReachTheDeskWithWhoGaveThem) {
  DaemonBackend on = backend(&desk_);
  EXPECT_EQ(on.prefetch(kRoot)->state, "armed");
  EXPECT_EQ(on.prefetch_explain(kRoot, {"core 3"})->control.name, "core 3");
  EXPECT_EQ(on.prefetch_arm(kRoot, true)->state, "dry run");
  EXPECT_EQ(on.prefetch_arm(kRoot, false)->state, "arm");
  EXPECT_EQ(on.prefetch_disarm(kRoot)->state, "disarm");
  EXPECT_EQ(on.prefetch_restore(kRoot)->state, "restore");
  EXPECT_EQ(desk_.orders, (std::vector<std::string>{"dry run by uid 0 pid 12", "arm by uid 0 pid 12",
                                                    "disarm by uid 0 pid 12", "restore by uid 0 pid 12"}));
}

TEST_F(Backend, AReloadArmsAtOnceAndTellsWhatNeedsARestart) {
  DaemonBackend on = backend(&desk_);
  next_->config.prefetch.arm = {"readahead"};
  ASSERT_TRUE(on.reload(kRoot));
  EXPECT_EQ(desk_.arm, std::vector<std::string>{"readahead"});
  EXPECT_EQ(last_event(), "reloaded: configuration read");

  next_->config.prefetch.lease = Nanoseconds{30'000'000'000};
  ASSERT_TRUE(on.reload(kRoot));
  EXPECT_TRUE(last_event().ends_with("restart of the service: prefetch.lease")) << last_event();
}

// Each key is in force after a reload, or is named as one that waits for a restart.
TEST_F(Backend, AReloadNamesWhatItDoesNotPutInForce) {
  LogLevel level = LogLevel::kInfo;
  DaemonBackend on(
      *engine_, LoadedConfig{}, [this] { return next_; }, [](const Engine&) { return DoctorView{}; }, "0.1.0",
      &desk_, [&](const Config& now) { level = now.log.level; });
  const auto text = parse_config_text(
      "mode = \"act\"\ninterval = \"2s\"\nregion_size = \"4MiB\"\n"
      "[targets]\nexecutables = [\"a\"]\n[sampling]\ncpu_budget = 0.02\n"
      "[tiers]\nlatencies = { 0 = \"90ns\" }\nexclude_nodes = [3]\n"
      "[policy]\nmargin = 2.0\nheadroom = 0.1\nevent_path = \"on\"\n"
      "[migration]\nrate = \"64MiB/s\"\n[prefetch]\narm = [\"readahead\"]\njournal = \"/srv/journal\"\n"
      "[control]\ngroup = \"staff\"\n[log]\nlevel = \"debug\"\n",
      "/etc/tierd/tierd.toml");
  ASSERT_TRUE(text);
  next_ = check_config({*text});
  ASSERT_TRUE(next_) << next_.error().text();
  const auto view = on.reload(kRoot);
  ASSERT_TRUE(view);
  EXPECT_EQ(view->restart, (std::vector<std::string>{"interval", "region_size", "sampling.cpu_budget",
                                                     "tiers.latencies", "policy.margin", "policy.event_path",
                                                     "migration.rate", "prefetch.journal", "control.group"}));
  EXPECT_EQ(level, LogLevel::kDebug);
  EXPECT_TRUE(engine_->settings().act);
  EXPECT_EQ(engine_->settings().interval, Config{}.interval) << "the timer and budgets go by the old one";
  EXPECT_FALSE(engine_->settings().event_path);
  const auto shown = [&](const std::string& key) {
    for (const ConfigValueView& value : view->values)
      if (value.key == key) return value.value + " # " + value.origin;
    return std::string();
  };
  EXPECT_EQ(shown("policy.headroom"), "0.1 # /etc/tierd/tierd.toml:13");
  EXPECT_EQ(shown("migration.rate"),
            "\"1GiB/s\" # default; a restart brings \"64MiB/s\" of /etc/tierd/tierd.toml:16");
  EXPECT_EQ(shown("tiers.latencies"),
            "{} # default; a restart brings { 0 = \"90ns\" } of /etc/tierd/tierd.toml:9");

  next_ = LoadedConfig{};  // taken back: nothing waits any more
  EXPECT_TRUE(on.reload(kRoot)->restart.empty());
}

TEST_F(Backend, ARefusedReloadIsAnEventWithTheReason) {
  DaemonBackend on = backend(&desk_);
  next_ = fail(ErrorKind::kUsage, "/etc/tierd/tierd.toml:1: mode: bad\n/etc/tierd/tierd.toml:2: x: bad");
  EXPECT_FALSE(on.reload(kRoot).has_value());
  EXPECT_EQ(last_event(),
            "error: the configuration is refused, the old one stays in force: /etc/tierd/tierd.toml:1: mode: "
            "bad; /etc/tierd/tierd.toml:2: x: bad");
  next_ = fail(ErrorKind::kUsage, std::string(1 << 20, 'x'));
  EXPECT_FALSE(on.reload(kRoot).has_value());
  EXPECT_LT(last_event().size(), 3000U);
}

TEST_F(Backend, WithoutADeskArmingNeedsARestart) {
  DaemonBackend off = backend(nullptr);
  ASSERT_TRUE(off.reload(kRoot));
  EXPECT_EQ(last_event(), "reloaded: configuration read");
  next_->config.prefetch.arm = {"readahead"};
  ASSERT_TRUE(off.reload(kRoot));
  EXPECT_TRUE(last_event().ends_with("restart of the service: prefetch.arm")) << last_event();
  EXPECT_EQ(off.prefetch_arm(kRoot, false).error().message,
            "prefetch control was not begun when tierd started");
  EXPECT_EQ(off.prefetch(kRoot)->note, "prefetch control was not begun when tierd started");
}

TEST_F(Backend, AReloadThatPrefetchRefusesChangesNothing) {
  DaemonBackend on = backend(&desk_);
  desk_.refuse = true;
  next_->config.mode = Mode::kAct;
  next_->config.prefetch.arm = {"hardware"};
  const auto refused = on.reload(kRoot);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().kind, ErrorKind::kUnsupported);
  EXPECT_FALSE(engine_->settings().act);
  const auto shown = on.config_show(kRoot);
  const auto mode = std::find_if(shown->values.begin(), shown->values.end(),
                                 [](const ConfigValueView& value) { return value.key == "mode"; });
  EXPECT_EQ(mode->value, "\"observe\"");
}

TEST_F(Backend, AReloadThatTheEngineRefusesLeavesPrefetchAsItWas) {
  DaemonBackend on = backend(&desk_);
  next_->config.policy.forecaster = "none of that name";  // the loader would have refused it
  next_->config.prefetch.arm = {"hardware"};
  EXPECT_FALSE(on.reload(kRoot).has_value());
  EXPECT_TRUE(desk_.arm.empty());
}

// The configuration names actuators without knowing the table.
TEST(PrefetchActuators, EveryOneInTheTableCanBeArmed) {
  for (const ActuatorEntry& actuator : actuator_table())
    EXPECT_NE(std::find(kPrefetchActuators.begin(), kPrefetchActuators.end(), std::string(actuator.name)),
              kPrefetchActuators.end())
        << actuator.name;
}

}  // namespace
}  // namespace tier
