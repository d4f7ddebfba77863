#include "tierd/control/views_json.h"

#include <gtest/gtest.h>

#include "tierd/control/fake_backend.h"

namespace tier {
namespace {

using nlohmann::json;

template <typename View>
void expect_round_trip(const View& view) {
  const json first = view;
  EXPECT_EQ(json(first.get<View>()), first);
  EXPECT_EQ(first.at("schema").get<std::string>().rfind("io.tierd.", 0), 0u);
}

TEST(ViewsJson, EveryViewSurvivesTheRoundTrip) {
  FakeBackend backend;
  const Caller root{.privileged = true};
  expect_round_trip(*backend.status(root));
  expect_round_trip(*backend.doctor(root));
  expect_round_trip(*backend.nodes(root));
  expect_round_trip(*backend.top(root, {}));
  expect_round_trip(*backend.heatmap(root, {}));
  expect_round_trip(*backend.forecast(root));
  expect_round_trip(*backend.snapshot(root, {.held = true}));
  expect_round_trip(*backend.explain(root, {.pid = 4100, .address = 0x7f0000000000}));
  expect_round_trip(*backend.events(root, {}));
  expect_round_trip(*backend.config_show(root));
  expect_round_trip(*backend.prefetch(root));
  expect_round_trip(*backend.prefetch_explain(root, {.control = "core 3"}));
  expect_round_trip(*backend.prefetch_arm(root, /*dry_run=*/true));
}

TEST(ViewsJson, MissingFactsAreNullAndErrorsKeepTheirName) {
  StatusView view;
  view.pages.failed["EBUSY"] = 3;
  const json out = view;
  EXPECT_TRUE(out.at("hit_share").is_null());
  EXPECT_EQ(out.at("pages").at("failed").at("EBUSY"), 3);
}

TEST(ViewsJson, OlderAndNewerPeersAreUnderstood) {
  const auto view = json::parse(R"({"mode": "act", "field_of_the_future": [1, 2]})").get<StatusView>();
  EXPECT_EQ(view.mode, "act");
  EXPECT_EQ(view.ticks, 0u);
  EXPECT_FALSE(view.hit_share);
}

TEST(ViewsJson, NamesThatAreNotUtf8AreReplaced) {
  TopView view;
  view.rows.emplace_back().name = "bad\xff\xfename";
  const std::string text = dump_json(json(view));
  EXPECT_TRUE(json::accept(text));
  EXPECT_NE(text.find("name"), std::string::npos);
}

}  // namespace
}  // namespace tier
