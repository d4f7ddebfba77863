// Every view against a golden file, as text and as JSON. After a wanted change: TIERCTL_UPDATE_GOLDEN=1 and
// read the diff.
#include "tools/tierctl/render.h"

#include <gtest/gtest.h>

#include <cstdlib>
#include <ctime>
#include <filesystem>
#include <fstream>
#include <sstream>

#include "tierd/control/fake_backend.h"
#include "tierd/control/views_json.h"

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

TEST(Golden, Status) { expect_both("status", *FakeBackend().status(kRoot)); }
TEST(Golden, Doctor) { expect_both("doctor", *FakeBackend().doctor(kRoot)); }
TEST(Golden, Nodes) { expect_both("nodes", *FakeBackend().nodes(kRoot)); }
TEST(Golden, Top) { expect_both("top", *FakeBackend().top(kRoot, {})); }
TEST(Golden, Heatmap) { expect_both("heatmap", *FakeBackend().heatmap(kRoot, {})); }
TEST(Golden, Forecast) { expect_both("forecast", *FakeBackend().forecast(kRoot)); }
TEST(Golden, Explain) { expect_both("explain", *FakeBackend().explain(kRoot, {4100, 0x7f0000123456})); }
TEST(Golden, Config) { expect_both("config", *FakeBackend().config_show(kRoot)); }

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

TEST(Golden, HeatmapInColour) {
  expect_golden("heatmap-color.txt", render(*FakeBackend().heatmap(kRoot, {}), {.color = true}));
}

TEST(Render, WithoutLegendOnlyDataRemains) {
  const std::string text = render(*FakeBackend().top(kRoot, {}), {.color = false, .legend = false});
  EXPECT_EQ(text.find("PID"), std::string::npos);
  EXPECT_EQ(std::count(text.begin(), text.end(), '\n'), 2);
}

TEST(Render, HidesNothingSilently) {
  auto view = *FakeBackend().top(kRoot, {});
  view.hidden = 3;
  EXPECT_NE(render(view, {}).find("3 rows not shown: they belong to other users"), std::string::npos);
}

TEST(Render, HeatmapSurvivesRowsShorterThanTheTicks) {
  HeatmapView view;
  view.ticks = {1, 2, 3};
  view.rows.emplace_back().demand = {5};
  EXPECT_NE(render(view, {}).find("|?  |"), std::string::npos);
}

}  // namespace
}  // namespace tier
