#include "tools/tierctl/commands.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>
#include <sstream>

#include "tierd/control/fake_server.h"
#include "tools/tierctl/top_selection.h"

namespace tier {
namespace {

using nlohmann::json;

class CommandsTest : public testing::Test {
 protected:
  Commands commands(CommandOptions options = {}) {
    if (options.socket.empty()) options.socket = server_.socket();
    Surroundings around;
    around.print = [this](const std::string& text) -> Result<void> {
      printed_ += text;
      ++prints_;
      return {};
    };
    around.warn = [this](const std::string& line) { warned_ += line + "\n"; };
    around.interrupted = [this] { return interrupted_; };
    around.pause = [this](double seconds) { paused_ += seconds; };
    around.local_doctor = [this] { return local_; };
    around.unmatched_targets = [this](const Config&) { return unmatched_; };
    around.terminal = [this] {
      const TerminalSize now = terminal_;
      terminal_ = {120, 40};  // it is resized after every look
      return now;
    };
    around.config_directories = {"/nonexistent/a", "/nonexistent/b", "/nonexistent/c"};
    around.version = "0.1.0";
    return {options, around};
  }

  FakeServer server_;
  DoctorView local_;
  std::vector<std::string> unmatched_;
  TerminalSize terminal_;
  std::string printed_, warned_;
  int prints_ = 0;
  double paused_ = 0;
  bool interrupted_ = false;
};

TEST_F(CommandsTest, EveryViewPrintsTextAndOneJsonDocument) {
  using View = std::function<Result<void>(Commands&)>;
  for (const View& view : std::initializer_list<View>{
           [](Commands& c) { return c.status(); }, [](Commands& c) { return c.doctor(); },
           [](Commands& c) { return c.nodes(); }, [](Commands& c) { return c.top({}); },
           [](Commands& c) { return c.heatmap(0, 10, 8); }, [](Commands& c) { return c.forecast(); },
           [](Commands& c) { return c.explain(4100, 0x7f0000000000); },
           [](Commands& c) { return c.prefetch_status(); },
           [](Commands& c) { return c.prefetch_explain("core 3"); },
           [](Commands& c) { return c.prefetch_arm(true); }, [](Commands& c) { return c.prefetch_disarm(); },
           [](Commands& c) { return c.prefetch_restore(); },
           [](Commands& c) { return c.prefetch_arm(false); }, [](Commands& c) { return c.policy_show(); },
           [](Commands& c) { return c.config_show(); }, [](Commands& c) { return c.version(); }}) {
    printed_.clear();
    Commands text = commands();
    auto done = view(text);
    ASSERT_TRUE(done) << done.error().text();
    EXPECT_FALSE(printed_.empty());
    printed_.clear();
    CommandOptions options;
    options.json = true;
    Commands machine = commands(options);
    ASSERT_TRUE(view(machine));
    ASSERT_TRUE(json::accept(printed_)) << printed_;
    EXPECT_TRUE(json::parse(printed_).contains("schema"));
  }
}

TEST_F(CommandsTest, WatchCountsAndWritesJsonLines) {
  CommandOptions options;
  options.json = true;
  options.watch_seconds = 2;
  options.watch_count = 3;
  Commands watching = commands(options);
  ASSERT_TRUE(watching.status());
  EXPECT_EQ(prints_, 3);
  EXPECT_DOUBLE_EQ(paused_, 4);
  std::istringstream lines(printed_);
  int count = 0;
  for (std::string line; std::getline(lines, line); ++count) EXPECT_TRUE(json::accept(line));
  EXPECT_EQ(count, 3);
}

TEST_F(CommandsTest, WatchingFollowsTheSizeOfTheTerminal) {
  CommandOptions options;
  options.watch_seconds = 1, options.watch_count = 2, options.clear_screen = true;
  terminal_ = {80, 6};
  Commands watching = commands(options);
  ASSERT_TRUE(watching.top({}));
  const std::size_t second = printed_.rfind("\x1b[2J");
  EXPECT_NE(printed_.find("1 row left out"), std::string::npos) << printed_;
  EXPECT_LT(printed_.find("1 row left out"), second) << "all rows fit when it is larger";
  EXPECT_EQ(printed_.find("row left out", second), std::string::npos) << printed_;
  EXPECT_LT(printed_.find("columns are left out"), second);
  EXPECT_NE(printed_.find("CGROUP", second), std::string::npos) << "there is room for it now";
}

TEST_F(CommandsTest, TheHeatMapHasAsManyColumnsAsFit) {
  EXPECT_EQ(heatmap_ticks(80), 58U);
  EXPECT_EQ(heatmap_ticks(0), 58U) << "80 where nothing is known";
  EXPECT_EQ(heatmap_ticks(10), 10U);
  EXPECT_EQ(heatmap_ticks(100000), 512U);
  EXPECT_EQ(heatmap_ticks(160), 138U);
}

TEST_F(CommandsTest, TopShowsWhatWasAskedForAsTextAndJson) {
  for (const bool as_json : {false, true}) {
    printed_.clear();
    CommandOptions options;
    options.json = as_json;
    Commands c = commands(options);
    ASSERT_TRUE(c.top({.sort = "name", .cgroup = "system.slice", .rows = 1}));
    EXPECT_NE(printed_.find("postgres"), std::string::npos) << printed_;
    EXPECT_EQ(printed_.find("redis-server"), std::string::npos) << printed_;
    if (as_json) {
      EXPECT_EQ(json::parse(printed_).at("omitted"), 1);
    }
  }
  Commands c = commands();
  EXPECT_EQ(c.top({.cgroup = "../.."}).error().kind, ErrorKind::kUsage);
}

TEST_F(CommandsTest, WhatMatchesNothingIsAWarningOfTheCheckAndALimitInTheDoctor) {
  unmatched_ = {"targets.executables: no process is called \"redis-srver\""};
  Commands c = commands();
  ASSERT_TRUE(c.config_check(""));
  EXPECT_NE(warned_.find("redis-srver"), std::string::npos) << warned_;
  CommandOptions options;
  options.socket = "/nonexistent/socket";
  local_.can_observe = true;
  printed_.clear();
  ASSERT_TRUE(commands(options).doctor());
  EXPECT_NE(printed_.find("redis-srver"), std::string::npos) << printed_;
}

TEST_F(CommandsTest, EventsArePrintedOnePerLine) {
  CommandOptions options;
  options.json = true;
  Commands machine = commands(options);
  ASSERT_TRUE(machine.events(1, false));
  std::istringstream lines(printed_);
  std::vector<std::string> kinds;
  for (std::string line; std::getline(lines, line);) kinds.push_back(json::parse(line).at("kind"));
  EXPECT_EQ(kinds, (std::vector<std::string>{"promoted", "promoted"}));
}

TEST_F(CommandsTest, PauseAndResumeReachTheDaemon) {
  Commands c = commands();
  ASSERT_TRUE(c.policy_pause());
  server_.run_inside([](FakeBackend& backend, ControlServer&) { EXPECT_TRUE(backend.paused); });
  ASSERT_TRUE(c.policy_resume());
  server_.run_inside([](FakeBackend& backend, ControlServer&) { EXPECT_FALSE(backend.paused); });
}

TEST_F(CommandsTest, OrdersToPrefetchReachTheDaemonOnceEvenWhenWatching) {
  CommandOptions options;
  options.watch_seconds = 1;
  options.watch_count = 3;
  Commands c = commands(options);
  ASSERT_TRUE(c.prefetch_disarm());
  server_.run_inside([](FakeBackend& backend, ControlServer&) {
    EXPECT_EQ(backend.prefetch_state, "disarmed");
    EXPECT_EQ(backend.control_calls.size(), 1u);
  });
  ASSERT_TRUE(c.prefetch_arm(/*dry_run=*/true));
  server_.run_inside(
      [](FakeBackend& backend, ControlServer&) { EXPECT_EQ(backend.prefetch_state, "disarmed"); });
  ASSERT_TRUE(c.prefetch_arm(/*dry_run=*/false));
  server_.run_inside(
      [](FakeBackend& backend, ControlServer&) { EXPECT_EQ(backend.prefetch_state, "armed"); });
}

TEST_F(CommandsTest, WhatCouldNotBePutBackIsShownAndAFailure) {
  server_.run_inside([](FakeBackend& backend, ControlServer&) { backend.restore_fails = true; });
  for (const bool as_json : {false, true}) {
    printed_.clear();
    CommandOptions options;
    options.json = as_json;
    Commands c = commands(options);
    const auto done = c.prefetch_restore();
    ASSERT_FALSE(done);
    EXPECT_EQ(done.error().kind, ErrorKind::kFailed);
    EXPECT_EQ(done.error().message, "1 of 2 settings could not be written");
    EXPECT_NE(printed_.find("read-ahead of block device 8:0"), std::string::npos);
    EXPECT_EQ(json::accept(printed_), as_json);
  }
}

TEST_F(CommandsTest, AControlThatIsNotThereIsNamed) {
  Commands c = commands();
  const auto done = c.prefetch_explain("core 99");
  ASSERT_FALSE(done);
  EXPECT_EQ(done.error().kind, ErrorKind::kFailed);
  EXPECT_NE(done.error().message.find("\"core 99\""), std::string::npos);
}

TEST_F(CommandsTest, ARefusedReloadTellsWhy) {
  server_.run_inside([](FakeBackend& backend, ControlServer&) {
    backend.reload_answer =
        fail(ErrorKind::kUsage, "/etc/tierd/tierd.toml:3: unknown key \"x\"", "remove it");
  });
  Commands c = commands();
  const auto done = c.config_reload();
  ASSERT_FALSE(done);
  EXPECT_EQ(done.error().kind, ErrorKind::kUsage);
  EXPECT_EQ(done.error().text(), "/etc/tierd/tierd.toml:3: unknown key \"x\" (fix: remove it)");
}

TEST_F(CommandsTest, AReloadNamesWhatWaitsForARestart) {
  Commands c = commands();
  ASSERT_TRUE(c.config_reload());
  EXPECT_EQ(printed_, "reloaded; `tierctl config show` prints what is in force\n");
  server_.run_inside([](FakeBackend& backend, ControlServer&) {
    backend.reload_answer->restart = {"interval", "migration.rate"};
  });
  printed_.clear();
  ASSERT_TRUE(c.config_reload());
  EXPECT_NE(printed_.find("wait for `systemctl restart tierd`: interval, migration.rate\n"),
            std::string::npos)
      << printed_;
}

TEST_F(CommandsTest, DoctorWorksWithoutTheDaemon) {
  CommandOptions options;
  options.socket = "/nonexistent/socket";
  local_.can_observe = true;
  Commands able = commands(options);
  ASSERT_TRUE(able.doctor());
  EXPECT_NE(printed_.find("not running"), std::string::npos);
  local_.can_observe = false;
  Commands unable = commands(options);
  const auto done = unable.doctor();
  ASSERT_FALSE(done);
  EXPECT_EQ(done.error().kind, ErrorKind::kUnsupported);
}

TEST_F(CommandsTest, NoDaemonIsExitCodeThree) {
  CommandOptions options;
  options.socket = "/nonexistent/socket";
  Commands c = commands(options);
  const auto done = c.status();
  ASSERT_FALSE(done);
  EXPECT_EQ(done.error().kind, ErrorKind::kNotRunning);
  EXPECT_NE(done.error().fix.find("systemctl start tierd"), std::string::npos);
}

TEST_F(CommandsTest, CheckIsOneLineAndAnExitCodeForMonitors) {
  for (const bool as_json : {false, true}) {
    for (const bool blind : {false, true}) {
      server_.run_inside([&](FakeBackend& backend, ControlServer&) { backend.blind = blind; });
      printed_.clear();
      CommandOptions options;
      options.json = as_json;
      Commands c = commands(options);
      const auto done = c.check();
      EXPECT_EQ(done.has_value(), !blind);
      if (as_json) {
        EXPECT_EQ(json::parse(printed_)["ok"], !blind);
        continue;
      }
      EXPECT_EQ(std::count(printed_.begin(), printed_.end(), '\n'), 1) << printed_;
      EXPECT_TRUE(printed_.starts_with(blind ? "BLIND: " : "OK: acts, sees")) << printed_;
      if (blind) {
        EXPECT_EQ(done.error().kind, ErrorKind::kFailed);
        EXPECT_NE(printed_.find("used 12.0 s of CPU"), std::string::npos);
      }
    }
  }
}

TEST_F(CommandsTest, CheckOfADaemonThatDoesNotRunIsOneLineToo) {
  CommandOptions options;
  options.socket = "/nonexistent/socket";
  Commands c = commands(options);
  const auto done = c.check();
  ASSERT_FALSE(done);
  EXPECT_EQ(done.error().kind, ErrorKind::kNotRunning);
  EXPECT_TRUE(printed_.starts_with("DOWN: ")) << printed_;
  EXPECT_EQ(std::count(printed_.begin(), printed_.end(), '\n'), 1) << printed_;
}

TEST_F(CommandsTest, ConfigCheckReadsFilesWithoutTheDaemon) {
  const auto path = std::filesystem::path(server_.socket()).parent_path() / "my.toml";
  std::ofstream(path) << "mode = \"act\"\n";
  Commands c = commands();
  ASSERT_TRUE(c.config_check(path.string()));
  EXPECT_EQ(printed_, "valid: " + path.string() + "\n");
  EXPECT_NE(warned_.find("[targets] names nothing"), std::string::npos);

  std::ofstream(path) << "mod = \"act\"\n";
  printed_.clear();
  const auto bad = c.config_check(path.string());
  ASSERT_FALSE(bad);
  EXPECT_EQ(bad.error().kind, ErrorKind::kUsage);
  EXPECT_EQ(bad.error().text(), path.string() + ":1: unknown key \"mod\" (fix: did you mean \"mode\"?)");

  CommandOptions options;
  options.json = true;
  Commands machine = commands(options);
  EXPECT_FALSE(machine.config_check(path.string()).has_value());
  EXPECT_EQ(json::parse(printed_).at("valid"), false);
}

TEST_F(CommandsTest, ConfigCheckOfNothingIsValid) {
  Commands c = commands();
  ASSERT_TRUE(c.config_check(""));
  EXPECT_NE(printed_.find("built-in defaults"), std::string::npos);
}

}  // namespace
}  // namespace tier
