// `tierctl top`: which rows, in which order, and how they fit.
#include <gtest/gtest.h>

#include <sstream>

#include "tierd/control/fake_backend.h"
#include "tierd/control/views_json.h"
#include "tools/tierctl/render.h"
#include "tools/tierctl/text.h"
#include "tools/tierctl/top_selection.h"

namespace tier {
namespace {

using nlohmann::json;

TopView three_rows() {
  TopView view = *FakeBackend().top({.privileged = true}, {});
  TopRow third = view.rows[0];
  third.pid = 7, third.name = "a-name-that-is-much-longer-than-any-column", third.cgroup = "/jobs/a/deep";
  third.waited_seconds = 0.2, third.samples = 9999;
  view.rows.push_back(third);
  return view;
}

std::vector<int> pids(const TopSelection& selection, std::uint64_t* omitted = nullptr) {
  json top = three_rows();
  EXPECT_TRUE(select_rows(top, selection));
  std::vector<int> out;
  for (const json& row : top["rows"]) out.push_back(row["pid"]);
  if (omitted != nullptr) *omitted = top["omitted"];
  return out;
}

TEST(TopSelection, SortsByEveryColumnAndWhatIsNotKnownComesLast) {
  EXPECT_EQ(pids({}), (std::vector{4100, 7, 4200})) << "most waiting first";
  EXPECT_EQ(pids({.sort = "pid"}), (std::vector{7, 4100, 4200}));
  EXPECT_EQ(pids({.sort = "samples"}), (std::vector{7, 4100, 4200}));
  EXPECT_EQ(pids({.sort = "name"}), (std::vector{7, 4200, 4100}));
  EXPECT_EQ(pids({.sort = "in-fast"}).back(), 4200) << "it has none that is known";
  const json row = three_rows().rows[0];
  for (const std::string& key : top_sort_keys()) EXPECT_EQ(pids({.sort = key}).size(), 3U) << key;
}

TEST(TopSelection, KeepsACgroupAndAllBelowIt) {
  EXPECT_EQ(pids({.cgroup = "jobs"}), (std::vector{7}));
  EXPECT_EQ(pids({.cgroup = "/system.slice"}), (std::vector{4100, 4200}));
  EXPECT_EQ(pids({.cgroup = "/job"}), (std::vector<int>{})) << "a name, not a beginning";
  json top = three_rows();
  EXPECT_EQ(select_rows(top, {.cgroup = "../x"}).error().kind, ErrorKind::kUsage);
}

TEST(TopSelection, CountsWhatItLeavesOut) {
  std::uint64_t omitted = 0;
  EXPECT_EQ(pids({.rows = 1}, &omitted), (std::vector{4100}));
  EXPECT_EQ(omitted, 2U);
  pids({.cgroup = "jobs", .rows = 5}, &omitted);
  EXPECT_EQ(omitted, 0U) << "what is not asked for is not left out";
}

TEST(TopSelection, SurvivesAnAnswerThatIsNone) {
  for (const char* text : {"{}", R"({"rows": 7})", R"({"rows": [1, null, {}, {"cgroup": 3}]})"}) {
    json top = json::parse(text);
    EXPECT_TRUE(select_rows(top, {.sort = "name", .cgroup = "a", .rows = 1})) << text;
  }
}

TEST(RenderTop, FitsEveryWidthAndNamesWhatItLeavesOut) {
  TopView view = three_rows();
  view.omitted = 12;
  for (const std::size_t width : {60U, 80U, 100U, 132U, 200U}) {
    std::istringstream lines(render(view, {.width = width}));
    for (std::string line; std::getline(lines, line);) EXPECT_LE(display_width(line), width) << line;
  }
  const std::string text = render(view, {.width = 80});
  EXPECT_NE(text.find("12 rows left out"), std::string::npos) << text;
  EXPECT_NE(text.find("columns are left out at this width: REGIONS, SAMPLES"), std::string::npos) << text;
  EXPECT_NE(text.find("redis-server"), std::string::npos) << text;
  EXPECT_EQ(render(view, {}).find("left out at this width"), std::string::npos);
}

}  // namespace
}  // namespace tier
