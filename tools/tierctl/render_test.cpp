// Every view against a golden file, as text and as JSON. After a wanted change: TIERCTL_UPDATE_GOLDEN=1 and
// read the diff.
#include "tools/tierctl/render.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <cmath>
#include <cstdlib>
#include <ctime>
#include <filesystem>
#include <fstream>
#include <sstream>

#include "tierd/control/fake_backend.h"
#include "tierd/control/views_json.h"
#include "tools/tierctl/text.h"

namespace tier {
namespace {

const Caller kRoot{.privileged = true};

void expect_golden(const std::string& name, const std::string& text) {
  const std::filesystem::path path = std::filesystem::path(TIERCTL_GOLDEN) / name;
  if (std::getenv("TIERCTL_UPDATE_GOLDEN")) {
    std::filesystem::create_directories(path.parent_path());
    std::ofstream(path) << text;
  }
  std::ifstream file(path);
  ASSERT_TRUE(file) << path;
  std::stringstream expected;
  expected << file.rdbuf();
  EXPECT_EQ(text, expected.str()) << path;
}

template <typename View>
void expect_both(const std::string& name, const View& view) {
  const std::string text = render(view, {});
  expect_golden(name + ".txt", text);
  expect_golden(name + ".json", dump_json(nlohmann::json(view), 2) + "\n");
  EXPECT_EQ(text.find('\x1b'), std::string::npos);
  EXPECT_EQ(text.find(" \n"), std::string::npos) << "blanks at a line's end";
}

// Every view at a terminal's width: no line is wider, and a golden file shows how it looks.
template <typename View>
void expect_fits(const std::string& name, const View& view) {
  for (const std::size_t width : {80U, 160U}) {
    const std::string text = render(view, {.width = width});
    expect_golden(fmt::format("{}-{}.txt", name, width), text);
    std::istringstream lines(text);
    for (std::string line; std::getline(lines, line);) EXPECT_LE(display_width(line), width) << line;
  }
}

TEST(GoldenWidth, StatusDoctorTopExplainPrefetch) {
  FakeBackend backend;
  StatusView status = *backend.status(kRoot);
  status.model =
      "/etc/tierd/model.safetensors: 0 bytes, which is no model (fix: name another in policy.model)";
  status.unmatched = {"targets.executables: no process is called \"redis-srver\"; it was compared with …"};
  expect_fits("status", status);
  expect_fits("doctor", *backend.doctor(kRoot));
  expect_fits("top", *backend.top(kRoot, {}));
  expect_fits("explain", *backend.explain(kRoot, {4100, 0x7f0000123456}));
  expect_fits("prefetch", *backend.prefetch(kRoot));
  expect_fits("heatmap", *backend.heatmap(kRoot, {}));
  expect_fits("forecast", *backend.forecast(kRoot));
}

TEST(Golden, Status) { expect_both("status", *FakeBackend().status(kRoot)); }
TEST(Golden, Doctor) { expect_both("doctor", *FakeBackend().doctor(kRoot)); }
TEST(Golden, Nodes) { expect_both("nodes", *FakeBackend().nodes(kRoot)); }
TEST(Golden, Top) { expect_both("top", *FakeBackend().top(kRoot, {})); }
TEST(Golden, Heatmap) { expect_both("heatmap", *FakeBackend().heatmap(kRoot, {})); }
TEST(Golden, Forecast) { expect_both("forecast", *FakeBackend().forecast(kRoot)); }
TEST(Golden, Explain) { expect_both("explain", *FakeBackend().explain(kRoot, {4100, 0x7f0000123456})); }
TEST(Golden, ExplainOfSharedMemory) {
  ExplainView view = *FakeBackend().explain(kRoot, {4200, 0x7f0000123456});
  view.mapping = "/dev/zero (deleted)", view.backing = "shared";
  view.shared_by = 101;
  view.sharers = {"4200 postgres", "4207 postgres"};
  expect_both("explain-shared", view);
}
TEST(Golden, Config) { expect_both("config", *FakeBackend().config_show(kRoot)); }

TEST(Golden, Prefetch) { expect_both("prefetch", *FakeBackend().prefetch(kRoot)); }
TEST(Golden, PrefetchExplain) {
  expect_both("prefetch-explain", *FakeBackend().prefetch_explain(kRoot, {"core 3"}));
}
TEST(Golden, PrefetchDryRun) { expect_both("prefetch-dry-run", *FakeBackend().prefetch_arm(kRoot, true)); }
TEST(Golden, PrefetchDisarm) { expect_both("prefetch-disarm", *FakeBackend().prefetch_disarm(kRoot)); }

TEST(Golden, Policy) {
  FakeBackend backend;
  expect_golden("policy.txt", render_policy(*backend.status(kRoot), *backend.config_show(kRoot), {}));
}

TEST(Golden, Events) {
  ::setenv("TZ", "UTC", 1);
  ::tzset();
  FakeBackend backend;
  auto view = *backend.events(kRoot, {});
  view.events[0].actor = "uid 0 pid 12";
  std::string text;
  for (const Event& event : view.events) text += render_event(event);
  expect_golden("events.txt", text);
  expect_golden("events.json", dump_json(nlohmann::json(view), 2) + "\n");
}

TEST(Golden, EmptyDaemon) {
  expect_golden("empty.txt", render(StatusView{}, {}) + render(DoctorView{}, {}) + render(NodesView{}, {}) +
                                 render(TopView{}, {}) + render(HeatmapView{}, {}) +
                                 render(ForecastView{}, {}) + render(ExplainView{}, {}));
}

TEST(Golden, PrefetchIsOff) {
  PrefetchView view;
  view.state = "off";
  view.note = "prefetch control is off: prefetch.arm names no actuator";
  PrefetchWritesView writes;
  writes.state = "off";
  expect_golden("prefetch-off.txt",
                render(view, {}) + render(writes, {}) + render(PrefetchExplainView{}, {}));
}

TEST(Render, PrefetchBarsKeepWithinTheirColumn) {
  PrefetchExplainView view;
  view.arms = {
      {"far", 50, -40, 60, 1}, {"none", NAN, NAN, NAN, 1}, {"turned", 0.5, 1, -1, 1}, {"half", 1, {}, {}, 1}};
  const std::string text = render(view, {.color = false, .legend = false});
  EXPECT_NE(text.find("  ---------------|--------------*\n"), std::string::npos) << text;  // at both ends
  EXPECT_NE(text.find("  " + std::string(15, ' ') + "*\n"), std::string::npos) << text;  // what is no number
  EXPECT_NE(text.find("|       *\n"), std::string::npos) << text;  // no interval to draw
  EXPECT_NE(text.find("1  -\n"), std::string::npos) << text;
}

TEST(Render, PrefetchRefusalsThatDifferByTheCpuAloneAreOneLine) {
  PrefetchView view;
  for (int core = 0; core < 64; ++core)
    view.refused.push_back(
        {fmt::format("core {}", core), fmt::format("register 0x1a4 of CPU {}: no", 2 * core)});
  view.refused.push_back({"module 0", "register 0x1320 of CPU 0: no"});
  for (const char* device : {"sda", "sdb", "sdc", "sdd", "sde", "sdf", "sdg"})
    view.refused.push_back({device, "not named"});
  const std::string text = render(view, {});
  EXPECT_NE(text.find("not tuned: 64 cores: register 0x1a4 of CPU N: no\n"), std::string::npos) << text;
  EXPECT_NE(text.find("not tuned: module 0: register 0x1320 of CPU 0: no\n"), std::string::npos) << text;
  EXPECT_NE(text.find("not tuned: sda, sdb, sdc, sdd, sde and 2 more: not named\n"), std::string::npos)
      << text;
}

TEST(Golden, HeatmapInColour) {
  expect_golden("heatmap-color.txt", render(*FakeBackend().heatmap(kRoot, {}), {.color = true}));
}

TEST(Render, WithoutLegendOnlyDataRemains) {
  const std::string text = render(*FakeBackend().top(kRoot, {}), {.color = false, .legend = false});
  EXPECT_EQ(text.find("PID"), std::string::npos);
  EXPECT_EQ(std::count(text.begin(), text.end(), '\n'), 2);
}

TEST(Render, HeatmapNamesProcessesThatAreGone) {
  auto view = *FakeBackend().heatmap(kRoot, {});
  view.rows[2].gone = true;
  EXPECT_NE(render(view, {}).find("4200 postgres (gone)\n"), std::string::npos);
  view.rows[2].name.clear(), view.rows[2].pid = 0;
  EXPECT_NE(render(view, {}).find("\n(name not known)\n"), std::string::npos) << "an older daemon";
}

TEST(Render, HeatmapExplainsEveryKindOfCell) {
  const auto view = *FakeBackend().heatmap(kRoot, {});
  for (const char* cell : {"_ no demand", "A (little) to I (most)", ". no demand", "1 (little) to 9 (most)",
                           "?: demand", "blank: not recorded"})
    EXPECT_NE(render(view, {}).find(cell), std::string::npos) << cell;
  EXPECT_NE(render(view, {.color = true}).find("no colour: not recorded"), std::string::npos);
}

TEST(Render, AddressesArePrintedAsTheyAreAccepted) {
  const std::string text = render(*FakeBackend().heatmap(kRoot, {}), {});
  EXPECT_NE(text.find("\n0x7f0000200000 |"), std::string::npos) << text;
  const std::string line = text.substr(text.find("0x7f0000200000"));
  EXPECT_EQ(*parse_address(line.substr(0, line.find(' '))), 0x7f0000200000U);
  const std::string range = render(*FakeBackend().explain(kRoot, {4100, 0x7f0000123456}), {});
  EXPECT_NE(range.find("0x7f0000000000-0x7f0000200000"), std::string::npos);
  EXPECT_EQ(*parse_address("0x7f0000000000-0x7f0000200000"), 0x7f0000000000U);
  EXPECT_EQ(*parse_address("7f0000000000-7f0000200000"), 0x7f0000000000U) << "as /proc/PID/maps has them";
}

TEST(Render, ExplainIsWholeSentences) {
  ExplainView view = *FakeBackend().explain(kRoot, {4100, 0x7f0000123456});
  view.demand = 7.22e5, view.forecast_mean = 7.22e5, view.benefit_of_moving_seconds = 3.1e-5;
  for (const bool tracked : {true, false}) {
    view.tracked = tracked;
    const std::string text = render(view, {});
    EXPECT_EQ(text.find("e+"), std::string::npos) << text;
    EXPECT_EQ(text.find("e-0"), std::string::npos) << text;
    std::istringstream lines(text.substr(0, text.find("\n\n")));
    std::string line;
    std::getline(lines, line);  // which process: no sentence
    while (std::getline(lines, line)) EXPECT_TRUE(line.ends_with('.')) << line;
  }
}

TEST(Render, HidesNothingSilently) {
  auto view = *FakeBackend().top(kRoot, {});
  view.hidden = 3;
  EXPECT_NE(render(view, {}).find("3 rows not shown: they belong to other users"), std::string::npos);
}

TEST(Render, HeatmapColumnsHaveTheirRealLength) {
  HeatmapView view;
  view.interval_seconds = 1;
  view.ticks = {1, 2};
  view.seconds = {1, 9};
  view.rows.emplace_back().demand = {100, 900};
  view.rows.back().tier = {0, 0};
  const std::string text = render(view, {});
  EXPECT_NE(text.find("2 columns of 1 s to 9 s = 10 s"), std::string::npos) << text;
  EXPECT_NE(text.find("|II|"), std::string::npos) << "as much in each second: " << text;
}

TEST(Render, WhatWasNotLookedAtIsADash) {
  auto status = *FakeBackend().status(kRoot);
  status.ledger = {};
  status.tiers[1].resident_bytes = std::nullopt;
  const std::string text = render(status, {});
  EXPECT_NE(text.find("stall saved  -, no decision has a score yet"), std::string::npos) << text;
  EXPECT_NE(text.find("96 GiB             -"), std::string::npos) << text;
  status.ledger.scored = 1, status.mode = "observe";
  EXPECT_NE(render(status, {}).find("had the moves been made"), std::string::npos);
  status.thinning = "ticks are 2 times as long";
  EXPECT_NE(render(status, {}).find("to keep 10 % of a CPU (daemon.cpu_limit): ticks are 2 times as long"),
            std::string::npos);
}

TEST(Render, HeatmapSurvivesRowsShorterThanTheTicks) {
  HeatmapView view;
  view.ticks = {1, 2, 3};
  view.rows.emplace_back().demand = {5};
  EXPECT_NE(render(view, {}).find("|?  |"), std::string::npos);
}

}  // namespace
}  // namespace tier
