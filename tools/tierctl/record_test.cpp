// `tierctl record` against a daemon's socket.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>

#include "sim/trace/trace.h"
#include "tierd/control/fake_server.h"
#include "tools/tierctl/commands.h"

namespace tier {
namespace {

using testing::HasSubstr;

// The line of progress comes after every tick: there the test lets the daemon go on.
class RecordTest : public testing::Test {
 protected:
  Commands commands(bool as_json = false) {
    CommandOptions options;
    options.socket = server_->socket();
    options.json = as_json;
    Surroundings around;
    around.print = [this](const std::string& text) -> Result<void> {
      printed_ += text;
      return {};
    };
    around.warn = [this](const std::string& line) { warned_ += line + "\n"; };
    around.interrupted = [this] { return interrupted_; };
    around.progress = [this](const std::string& line) {
      if (line.empty()) return;
      shown_.push_back(line);
      after_tick_(shown_.size());
    };
    around.unix_now = [] { return 1'800'000'000; };
    around.version = "0.1.0";
    return {options, around};
  }

  void next_tick(std::uint64_t step = 1) {
    server_->run_inside([step](FakeBackend& backend, ControlServer& inside) {
      backend.tick += step;
      inside.publish();
    });
  }

  std::vector<sim::Interval> read_back() {
    auto reader = sim::open_trace(file_);
    EXPECT_TRUE(reader) << reader.error().text();
    std::vector<sim::Interval> intervals;
    if (!reader) return intervals;
    header_ = (*reader)->header();
    for (auto next = (*reader)->next(); next && *next; next = (*reader)->next()) intervals.push_back(**next);
    return intervals;
  }

  std::unique_ptr<FakeServer> server_ = std::make_unique<FakeServer>();
  // Beside the socket: goes with the server's folder, unless a test stops the server.
  std::string file_ = std::filesystem::path(server_->socket()).parent_path() / "a.trace";
  sim::TraceHeader header_;
  std::function<void(std::size_t ticks)> after_tick_ = [this](std::size_t) { next_tick(); };
  std::string printed_, warned_;
  std::vector<std::string> shown_;
  bool interrupted_ = false;
};

TEST_F(RecordTest, RecordsForTheAskedTime) {
  Commands c = commands();
  const auto done = c.record(file_, "12s");
  ASSERT_TRUE(done) << done.error().text();
  EXPECT_EQ(printed_, "recorded 12 ticks (12.0 s) of 2 processes and 6 regions in " + file_ + "\n");
  EXPECT_EQ(warned_, "");
  EXPECT_EQ(shown_[1], "2 s, 2 processes, 6 regions so far; Ctrl-C ends it");
  const auto intervals = read_back();
  ASSERT_EQ(intervals.size(), 12U);
  EXPECT_EQ(intervals[3].demand->streams[0].at(0).loads, 1103 * 0.75F);
  EXPECT_EQ(intervals[3].demand->streams[0].size(), 2U) << "every second tick another region";
  EXPECT_EQ(intervals[4].demand->streams[0].size(), 1U);
  EXPECT_EQ(header_.workload.targets.at(0).name, "redis-server (4100)");
  EXPECT_EQ(header_.workload.interval, std::chrono::seconds(1));
  EXPECT_EQ(header_.machine.at("tiers").at(1).at("unloaded_latency_ns"), 250);
  EXPECT_EQ(header_.provenance, (std::map<std::string, std::string>{{"recorder", "tierctl record"},
                                                                    {"version", "0.1.0"},
                                                                    {"daemon", "0.1.0"},
                                                                    {"sources", "stall-tick"},
                                                                    {"created", "2027-01-15T08:00:00Z"}}));
}

// Tick 101 allocates the region that comes and goes; the list of tick 110, which lacks it, releases it.
TEST_F(RecordTest, FollowsWhatProcessesHold) {
  Commands c = commands();
  ASSERT_TRUE(c.record(file_, "11s"));
  const auto intervals = read_back();
  ASSERT_EQ(intervals.size(), 11U);
  EXPECT_EQ(intervals[0].events.size(), 3U);
  ASSERT_EQ(intervals[1].events.size(), 1U);
  EXPECT_EQ(intervals[1].events[0].address, 0x7f0000800000U);
  for (std::size_t i = 2; i < 10; ++i) EXPECT_TRUE(intervals[i].events.empty()) << i;
  ASSERT_EQ(intervals[10].events.size(), 1U);
  EXPECT_EQ(intervals[10].events[0].change, sim::RegionChange::kRelease);
  EXPECT_EQ(intervals[10].events[0].address, 0x7f0000800000U);
}

TEST_F(RecordTest, RecordsOnlyTheProcessesThatAreNamed) {
  for (const RecordFilter& filter :
       {RecordFilter{.pids = {4200}, .targets = {}}, RecordFilter{.pids = {}, .targets = {"postgres"}}}) {
    Commands c = commands();
    const auto done = c.record(file_, "2s", filter);
    ASSERT_TRUE(done) << done.error().text();
    EXPECT_THAT(printed_, HasSubstr(" of 1 process and 1 region ")) << printed_;
    EXPECT_EQ(warned_, "");
    read_back();
    ASSERT_EQ(header_.workload.targets.size(), 1U);
    EXPECT_EQ(header_.workload.targets[0].name, "postgres (4200)");
    printed_.clear(), shown_.clear();
  }
}

TEST_F(RecordTest, AProcessThatIsNotWatchedIsRefusedANameIsWaitedFor) {
  Commands c = commands();
  const auto refused = c.record(file_, "2s", {.pids = {4100, 77}, .targets = {}});
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().message, "process 77 is not watched");
  EXPECT_FALSE(std::filesystem::exists(file_));
  after_tick_ = [this](std::size_t ticks) {
    if (ticks < 3) return next_tick();
    interrupted_ = true;
  };
  EXPECT_FALSE(c.record(file_, "", {.pids = {}, .targets = {"redis-srver"}}).has_value())
      << "nothing to record";
  EXPECT_THAT(warned_, HasSubstr("no watched process is called \"redis-srver\""));
  EXPECT_THAT(warned_, HasSubstr("postgres, redis-server"));
}

TEST_F(RecordTest, AnInterruptEndsItProperly) {
  after_tick_ = [this](std::size_t ticks) {
    if (ticks < 3) return next_tick();
    interrupted_ = true;
  };
  Commands c = commands(/*as_json=*/true);
  const auto done = c.record(file_, "");
  ASSERT_TRUE(done) << done.error().text();
  EXPECT_EQ(read_back().size(), 3U);
  EXPECT_EQ(nlohmann::json::parse(printed_), (nlohmann::json{{"schema", "io.tierd.recording/1"},
                                                             {"file", file_},
                                                             {"ticks", 3},
                                                             {"seconds", 3.0},
                                                             {"targets", 2},
                                                             {"regions", 6},
                                                             {"lost_ticks", 0},
                                                             {"omitted_regions", 0},
                                                             {"hidden", 0}}));
}

TEST_F(RecordTest, ADaemonThatGoesAwayLeavesWhatThereIs) {
  file_ = std::filesystem::path(testing::TempDir()) /
          ("gone-" + std::filesystem::path(server_->socket()).parent_path().filename().string());
  after_tick_ = [this](std::size_t ticks) {
    if (ticks < 3) return next_tick();
    server_.reset();
  };
  Commands c = commands();
  const auto done = c.record(file_, "1h");
  ASSERT_FALSE(done);
  EXPECT_EQ(done.error().kind, ErrorKind::kNotRunning);
  EXPECT_THAT(printed_, HasSubstr("recorded 3 ticks"));
  EXPECT_EQ(read_back().size(), 3U);
  std::filesystem::remove(file_);
}

TEST_F(RecordTest, TellsOfTicksThatWereLost) {
  after_tick_ = [this](std::size_t) { next_tick(3); };
  Commands c = commands();
  ASSERT_TRUE(c.record(file_, "2s"));
  EXPECT_THAT(warned_, HasSubstr("2 ticks were lost"));
}

TEST_F(RecordTest, APausedDaemonGoesOnSampling) {
  Commands pausing = commands();
  ASSERT_TRUE(pausing.policy_pause());
  Commands c = commands();
  ASSERT_TRUE(c.record(file_, "2s"));
  EXPECT_EQ(read_back().size(), 2U);
}

TEST_F(RecordTest, WhatCannotBeDoneIsToldBeforeAnythingIsWritten) {
  Commands c = commands();
  for (const char* duration : {"30", "0s", "-1s", "soon"}) {
    const auto done = c.record(file_, duration);
    ASSERT_FALSE(done) << duration;
    EXPECT_EQ(done.error().kind, ErrorKind::kUsage);
  }
  const auto nowhere = std::filesystem::path(file_).parent_path() / "none" / "a.trace";
  const auto done = c.record(nowhere.string(), "2s");
  ASSERT_FALSE(done);
  EXPECT_EQ(done.error().kind, ErrorKind::kFailed);
  EXPECT_THAT(done.error().message, HasSubstr("cannot create " + nowhere.string() + ".part"));
  EXPECT_EQ(printed_, "");
}

TEST_F(RecordTest, NothingIsLeftWhereNothingWasSeen) {
  server_->run_inside([](FakeBackend& backend, ControlServer&) { backend.nobody_is_there = true; });
  after_tick_ = [this](std::size_t) { interrupted_ = true; };
  Commands c = commands();
  const auto done = c.record(file_, "");
  ASSERT_FALSE(done);
  EXPECT_THAT(done.error().message, HasSubstr("nothing was recorded"));
  EXPECT_FALSE(std::filesystem::exists(file_));
  EXPECT_FALSE(std::filesystem::exists(file_ + ".part"));
}

}  // namespace
}  // namespace tier
