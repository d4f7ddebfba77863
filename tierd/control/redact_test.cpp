#include "tierd/control/redact.h"

#include <gtest/gtest.h>

#include "tierd/control/fake_backend.h"

namespace tier {
namespace {

constexpr Caller kPrivileged{.uid = 0, .privileged = true};
constexpr Caller kMember{.uid = 77, .privileged = true};
constexpr Caller kStranger{.uid = 1000, .gid = 1000, .pid = 9, .privileged = false};

TEST(Redact, PrivilegedSeeEverything) {
  for (const Caller& caller : {kPrivileged, kMember}) {
    FakeBackend backend(1000);
    auto top = *backend.top(caller, {});
    redact(top, caller);
    EXPECT_EQ(top.rows.size(), 2u);
    EXPECT_EQ(top.hidden, 0u);
    auto status = *backend.status(caller);
    redact(status, caller);
    EXPECT_FALSE(status.last_error.empty());
    EXPECT_FALSE(status.troubles.empty());
  }
}

TEST(Redact, OthersSeeTheirOwnRowsAndHowManyAreHidden) {
  FakeBackend backend(1000);
  auto top = *backend.top(kStranger, {});
  redact(top, kStranger);
  ASSERT_EQ(top.rows.size(), 1u);
  EXPECT_EQ(top.rows[0].pid, 4100);
  EXPECT_EQ(top.hidden, 1u);

  auto map = *backend.heatmap(kStranger, {});
  redact(map, kStranger);
  EXPECT_EQ(map.rows.size(), 2u);
  EXPECT_EQ(map.hidden, 1u);

  auto events = *backend.events(kStranger, {});
  redact(events, kStranger);
  ASSERT_EQ(events.events.size(), 2u);
  EXPECT_EQ(events.events[0].kind, "mode");
  EXPECT_EQ(events.events[1].pid, 4100);

  auto snapshot = *backend.snapshot(kStranger, {.held = true});
  redact(snapshot, kStranger);
  ASSERT_EQ(snapshot.targets.size(), 1u);
  EXPECT_EQ(snapshot.targets[0].pid, 4100);
  EXPECT_EQ(snapshot.hidden, 1u);

  auto status = *backend.status(kStranger);
  redact(status, kStranger);
  EXPECT_TRUE(status.last_error.empty());
  EXPECT_TRUE(status.troubles.empty());
}

TEST(Redact, CountersAndPatternsOfPrefetchAreForThePrivileged) {
  FakeBackend backend(1000);
  auto view = *backend.prefetch(kMember);
  redact(view, kMember);
  EXPECT_TRUE(view.progress);
  EXPECT_TRUE(view.signals.at(0).per_second);
  EXPECT_FALSE(view.controls.at(0).context.empty());

  redact(view, kStranger);
  EXPECT_FALSE(view.progress);
  for (const PrefetchSignalView& signal : view.signals) EXPECT_FALSE(signal.per_second) << signal.name;
  EXPECT_EQ(view.controls.size(), 3u);
  for (const PrefetchControlView& control : view.controls) {
    EXPECT_TRUE(control.context.empty() && control.reason.empty()) << control.name;
    EXPECT_FALSE(control.setting.empty()) << control.name;
  }
  EXPECT_EQ(view.refused.size(), 68u);

  auto explained = *backend.prefetch_explain(kStranger, {.control = "core 3"});
  redact(explained, kStranger);
  EXPECT_TRUE(explained.control.context.empty() && explained.control.reason.empty());
  for (const PrefetchDecisionView& decision : explained.decisions) EXPECT_TRUE(decision.reason.empty());
  EXPECT_EQ(explained.arms.size(), 4u);
}

TEST(Redact, RowsWithoutAnOwnerAreNotShownToUsers) {
  TopView top;
  top.rows.emplace_back().pid = 1;
  redact(top, kStranger);
  EXPECT_TRUE(top.rows.empty());
  EventsView events;
  events.events.emplace_back().pid = 5;
  redact(events, kStranger);
  EXPECT_TRUE(events.events.empty());
}

TEST(Redact, OtherPeoplesProcessesAreNotExplained) {
  ExplainView view;
  view.pid = 5, view.uid = 4242;
  EXPECT_TRUE(check_owner(view, kPrivileged));
  const auto refused = check_owner(view, kStranger);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().kind, ErrorKind::kPermission);
  view.uid = kNobody;
  EXPECT_FALSE(check_owner(view, kStranger).has_value());
  view.uid = 1000;
  EXPECT_TRUE(check_owner(view, kStranger));
}

}  // namespace
}  // namespace tier
