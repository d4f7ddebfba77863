// Every view with texts that try to steer a terminal, to add a line or to break JSON.
#include <gtest/gtest.h>

#include "core/printable.h"
#include "tierd/control/fake_backend.h"
#include "tierd/control/views_json.h"
#include "tools/tierctl/render.h"
#include "tools/tierctl/text.h"

namespace tier {
namespace {

using nlohmann::json;

const Caller kAdministrator{.privileged = true};
// A line of one's own, a screen cleared, the one-byte CSI, text turned round, a line separator, no UTF-8.
const std::string kHostile =
    "x\nFORGED\t\x1b[2J\xc2\x9b"
    "31m\u202e\u2028\x7f\xff";

// Every text of a view, whatever it is for; a few are words that decide what is rendered.
void poison(json& value) {
  if (value.is_string()) {
    value = value.get<std::string>() + kHostile;
  } else if (value.is_structured()) {
    for (json& each : value) poison(each);
  }
}

void expect_harmless(const std::string& text) {
  std::size_t at = 0;
  for (std::size_t end; (end = text.find('\n', at)) != std::string::npos; at = end + 1) {
    const std::string line = text.substr(at, end - at);
    EXPECT_EQ(line, escaped(line));
    EXPECT_FALSE(line.starts_with("FORGED")) << text;
  }
  EXPECT_EQ(at, text.size()) << "whole lines";
}

template <typename View>
void expect_view(const View& good) {
  json poisoned = good;
  poison(poisoned);
  const View view = poisoned.get<View>();
  expect_harmless(render(view, {}));
  for (const int indent : {-1, 2}) {
    const std::string text = dump_json(json(view), indent);
    EXPECT_TRUE(json::accept(text)) << text;
    expect_harmless(text + "\n");
  }
}

TEST(Hostile, NoViewLetsTextSteerTheTerminal) {
  FakeBackend backend;
  expect_view(*backend.status(kAdministrator));
  expect_view(*backend.doctor(kAdministrator));
  expect_view(*backend.nodes(kAdministrator));
  expect_view(*backend.top(kAdministrator, {}));
  expect_view(*backend.heatmap(kAdministrator, {}));
  expect_view(*backend.forecast(kAdministrator));
  expect_view(*backend.explain(kAdministrator, {4100, 0x7f0000123456}));
  expect_view(*backend.prefetch(kAdministrator));
  expect_view(*backend.prefetch_explain(kAdministrator, {"core 3"}));
  expect_view(*backend.prefetch_arm(kAdministrator, true));
}

// Its TOML has lines of its own; the daemon writes texts in it as TOML escapes (show_config()).
TEST(Hostile, TheConfigurationIsShownWithoutControls) {
  json poisoned = *FakeBackend().config_show(kAdministrator);
  poison(poisoned);
  const std::string text = render(poisoned.get<ConfigView>(), {});
  EXPECT_EQ(text.find('\x1b'), std::string::npos);
  EXPECT_EQ(text.find("\u202e"), std::string::npos);
}

TEST(Hostile, EventsAndTheLineForMonitoringToo) {
  Event event = FakeBackend().events(kAdministrator, {})->events.front();
  event.kind += kHostile, event.message += kHostile, event.actor = kHostile;
  expect_harmless(render_event(event));
  json poisoned = *FakeBackend().status(kAdministrator);
  poison(poisoned["sight"]["reason"]);
  expect_harmless(render_check(poisoned.get<StatusView>()));
  poisoned["sight"]["state"] = "blind";
  expect_harmless(render_check(poisoned.get<StatusView>()));
  poison(poisoned);
  expect_harmless(render_policy(poisoned.get<StatusView>(), *FakeBackend().config_show(kAdministrator), {}));
}

TEST(Hostile, ErrorsAreWholeLines) { EXPECT_EQ(printable_lines("one\ntw\x1bo"), "one\ntw\\x1bo"); }

}  // namespace
}  // namespace tier
