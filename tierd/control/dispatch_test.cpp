#include "tierd/control/dispatch.h"

#include <gtest/gtest.h>

#include <random>

#include "tierd/control/fake_backend.h"
#include "tierd/control/protocol.h"

namespace tier {
namespace {

using nlohmann::json;

constexpr Caller kRoot{.uid = 0, .gid = 0, .pid = 1, .privileged = true};
constexpr Caller kUser{.uid = 1000, .gid = 1000, .pid = 9, .privileged = false};

class Dispatch : public testing::Test {
 protected:
  json ask(const Caller& caller, const std::string& method, const json& parameters = json::object()) {
    const json request = {{"method", method}, {"parameters", parameters}};
    const Outcome outcome = dispatch(backend_, caller, {"0.1.0"}, request.dump());
    return outcome.reply ? json::parse(*outcome.reply) : json();
  }

  FakeBackend backend_{1000};
};

TEST_F(Dispatch, AnswersViews) {
  const json reply = ask(kRoot, "io.tierd.Control.Status");
  EXPECT_EQ(reply.at("parameters").at("mode"), "act");
  EXPECT_FALSE(reply.contains("error"));
}

TEST_F(Dispatch, DescribesItself) {
  const json info = ask(kUser, "org.varlink.service.GetInfo").at("parameters");
  EXPECT_EQ(info.at("version"), "0.1.0");
  EXPECT_EQ(info.at("interfaces").size(), 2u);
  const json text =
      ask(kUser, "org.varlink.service.GetInterfaceDescription", {{"interface", "io.tierd.Control"}});
  EXPECT_EQ(text.at("parameters").at("description"), control_interface_description());
}

TEST_F(Dispatch, NamesWhatItDoesNotKnow) {
  EXPECT_EQ(ask(kRoot, "io.tierd.Control.Fly").at("error"), kErrorMethod);
  EXPECT_EQ(ask(kRoot, "io.example.Other.Fly").at("error"), kErrorInterface);
  EXPECT_EQ(ask(kRoot, "nodots").at("error"), kErrorInterface);
  EXPECT_EQ(ask(kRoot, "org.varlink.service.GetInterfaceDescription", {{"interface", "x.y"}}).at("error"),
            kErrorInterface);
}

TEST_F(Dispatch, OnlyThePrivilegedControl) {
  for (const char* method : {"Pause", "Resume", "Reload"}) {
    const json refused = ask(kUser, std::string("io.tierd.Control.") + method);
    EXPECT_EQ(refused.at("error"), kErrorPermission) << method;
    EXPECT_TRUE(backend_.control_calls.empty());
  }
  EXPECT_EQ(ask(kRoot, "io.tierd.Control.Pause"), (json{{"parameters", json::object()}}));
  EXPECT_TRUE(backend_.paused);
  EXPECT_EQ(backend_.control_calls.size(), 1u);
}

TEST_F(Dispatch, OnlyThePrivilegedOrderPrefetch) {
  for (const char* method : {"PrefetchArm", "PrefetchDisarm", "PrefetchRestore"}) {
    for (const bool dry_run : {true, false})
      EXPECT_EQ(ask(kUser, std::string("io.tierd.Control.") + method, {{"dry_run", dry_run}}).at("error"),
                kErrorPermission)
          << method;
    EXPECT_TRUE(backend_.control_calls.empty());
  }
  EXPECT_EQ(ask(kRoot, "io.tierd.Control.PrefetchDisarm").at("parameters").at("state"), "disarmed");
  const json dry = ask(kRoot, "io.tierd.Control.PrefetchArm", {{"dry_run", true}}).at("parameters");
  EXPECT_EQ(dry.at("dry_run"), true);
  EXPECT_EQ(dry.at("state"), "disarmed");
  EXPECT_EQ(ask(kRoot, "io.tierd.Control.PrefetchArm").at("parameters").at("state"), "armed");
  EXPECT_EQ(backend_.prefetch_state, "armed");
}

TEST_F(Dispatch, UsersSeeSettingsButNotWhatProgramsDo) {
  const json mine = ask(kUser, "io.tierd.Control.Prefetch").at("parameters");
  EXPECT_TRUE(mine.at("progress").is_null());
  EXPECT_EQ(mine.at("controls").at(0).at("setting"), "l2-off");
  EXPECT_EQ(mine.at("controls").at(0).at("context"), "");
  const json all = ask(kRoot, "io.tierd.Control.Prefetch").at("parameters");
  EXPECT_EQ(all.at("controls").at(0).at("context"), "random, slow tier busy");
  const json explained =
      ask(kUser, "io.tierd.Control.PrefetchExplain", {{"control", "core 3"}}).at("parameters");
  EXPECT_EQ(explained.at("control").at("context"), "");
  EXPECT_EQ(explained.at("decisions").at(0).at("to"), "l2-off");
}

TEST_F(Dispatch, AControlThatIsNotThereIsAFailure) {
  const Error error =
      from_error_reply(ask(kRoot, "io.tierd.Control.PrefetchExplain", {{"control", "core 99"}}));
  EXPECT_EQ(error.kind, ErrorKind::kFailed);
  EXPECT_EQ(error.text(), "no control is called \"core 99\" (fix: `tierctl prefetch status` lists them)");
}

TEST_F(Dispatch, OneWayCallsAreDoneButNotAnswered) {
  const Outcome outcome =
      dispatch(backend_, kRoot, {"0.1.0"}, R"({"method": "io.tierd.Control.Pause", "oneway": true})");
  EXPECT_FALSE(outcome.reply);
  EXPECT_FALSE(outcome.hang_up);
  EXPECT_TRUE(backend_.paused);
}

TEST_F(Dispatch, UsersSeeTheirOwn) {
  const json top = ask(kUser, "io.tierd.Control.Top", {{"limit", 5}}).at("parameters");
  EXPECT_EQ(top.at("rows").size(), 1u);
  EXPECT_EQ(top.at("hidden"), 1);
  EXPECT_EQ(
      ask(kUser, "io.tierd.Control.Explain", {{"pid", 4100}, {"address", 4096}}).at("parameters").at("pid"),
      4100);
  EXPECT_EQ(ask(kUser, "io.tierd.Control.Explain", {{"pid", 4200}, {"address", 4096}}).at("error"),
            kErrorPermission);
}

// Whether an address is mapped in somebody else's process is itself a secret (address space randomisation).
TEST_F(Dispatch, ErrorsTellNothingOfForeignProcesses) {
  const auto refusal = [&](std::int32_t pid, std::uint64_t address) {
    return ask(kUser, "io.tierd.Control.Explain", {{"pid", pid}, {"address", address}}).at("error");
  };
  EXPECT_EQ(refusal(4200, 4096), kErrorPermission);
  EXPECT_EQ(refusal(4200, 0), kErrorPermission);  // where a privileged caller learns that nothing is mapped
  EXPECT_EQ(refusal(99, 4096), kErrorPermission);
  EXPECT_EQ(ask(kRoot, "io.tierd.Control.Explain", {{"pid", 4200}, {"address", 0}}).at("error"),
            kErrorFailed);
}

TEST_F(Dispatch, RefusesParametersOfTheWrongKind) {
  const auto wrong = [&](const std::string& method, const json& parameters) {
    const json reply = ask(kRoot, "io.tierd.Control." + method, parameters);
    return reply.value("error", "") == kErrorParameter ? reply.at("parameters").at("parameter")
                                                       : json("accepted");
  };
  EXPECT_EQ(wrong("Explain", json::object()), "pid");
  EXPECT_EQ(wrong("Explain", {{"pid", 4100}}), "address");
  EXPECT_EQ(wrong("Explain", {{"pid", -1}, {"address", 1}}), "pid");
  EXPECT_EQ(wrong("Explain", {{"pid", "4100"}, {"address", 1}}), "pid");
  EXPECT_EQ(wrong("Explain", {{"pid", 4100}, {"address", 1.5}}), "address");
  EXPECT_EQ(wrong("Explain", {{"pid", 1ULL << 40}, {"address", 1}}), "pid");
  EXPECT_EQ(wrong("Heatmap", {{"max_rows", 0}}), "max_rows");
  EXPECT_EQ(wrong("Heatmap", {{"max_ticks", 1'000'000}}), "max_ticks");
  EXPECT_EQ(wrong("Top", {{"limit", true}}), "limit");
  EXPECT_EQ(wrong("Events", {{"since", "x"}}), "since");
  EXPECT_EQ(wrong("Snapshot", {{"held", 1}}), "held");
  EXPECT_EQ(wrong("PrefetchExplain", json::object()), "control");
  EXPECT_EQ(wrong("PrefetchExplain", {{"control", 3}}), "control");
  EXPECT_EQ(wrong("PrefetchArm", {{"dry_run", "yes"}}), "dry_run");
  EXPECT_EQ(wrong("PrefetchArm", {{"dry_run", 1}}), "dry_run");
  EXPECT_EQ(wrong("Top", json::array({1})), "parameters");
}

TEST_F(Dispatch, AnErrorOfTheDaemonKeepsKindAndFix) {
  backend_.reload_answer = fail(ErrorKind::kUsage, "tierd.toml:3: unknown key \"x\"", "remove it");
  const Error error = from_error_reply(ask(kRoot, "io.tierd.Control.Reload"));
  EXPECT_EQ(error.kind, ErrorKind::kUsage);
  EXPECT_EQ(error.text(), "tierd.toml:3: unknown key \"x\" (fix: remove it)");
}

TEST_F(Dispatch, EveryErrorReplyHasAText) {
  for (const char* reply : {"{}", R"({"error": ""})", R"({"error": 1, "parameters": null})",
                            R"({"error": "", "parameters": 7})", R"({"error": "x.y", "parameters": []})"})
    EXPECT_NE(from_error_reply(json::parse(reply)).message, "") << reply;
}

TEST_F(Dispatch, WhatIsNoCallEndsTheConnection) {
  for (const char* message :
       {"", "null", "[]", "42", "{}", "{\"method\": 3}", "not json", "{\"method\":\"x\"",
        "{\"method\": \"io.tierd.Control.Status\", \"upgrade\": true}", "\xff\xfe"}) {
    const Outcome outcome = dispatch(backend_, kRoot, {"0.1.0"}, message);
    EXPECT_TRUE(outcome.hang_up) << message;
    EXPECT_FALSE(outcome.reply) << message;
  }
}

// One bracket in every byte of a message: recursion over it once overflowed the stack.
TEST_F(Dispatch, DeepNestingEndsTheConnection) {
  for (const std::string& open : {std::string("["), std::string("{\"a\":")}) {
    for (const std::size_t depth : {std::size_t{17}, (std::size_t{64} << 10) / open.size()}) {
      std::string deep = R"({"method": "io.tierd.Control.Status", "parameters": {"a": )";
      for (std::size_t i = 0; i < depth; ++i) deep += open;
      deep += "1";
      for (std::size_t i = 0; i < depth; ++i) deep += open == "[" ? ']' : '}';
      EXPECT_TRUE(dispatch(backend_, kRoot, {"0.1.0"}, deep + "}}").hang_up) << depth;
    }
  }
}

// Two levels are those of the request itself.
TEST_F(Dispatch, SixteenLevelsAreTheMost) {
  const auto hangs_up = [&](std::size_t arrays, const std::string& innermost) {
    const std::string value = std::string(arrays, '[') + innermost + std::string(arrays, ']');
    const std::string head = R"({"method": "io.tierd.Control.Status", "parameters": {"a": )";
    return dispatch(backend_, kRoot, {"0.1.0"}, head + value + "}}").hang_up;
  };
  for (const char* innermost : {"", "1", R"("]")"}) {
    EXPECT_FALSE(hangs_up(14, innermost)) << innermost;
    EXPECT_TRUE(hangs_up(15, innermost)) << innermost;
  }
  EXPECT_FALSE(hangs_up(13, "[],[],{}")) << "side by side is not nested";
  EXPECT_TRUE(hangs_up(13, R"([],{"b":[]})"));
}

TEST_F(Dispatch, WhatIsNotJsonEndsTheConnection) {
  const std::string call = R"({"method": "io.tierd.Control.Status", "parameters": {"a": [1]}})";
  ASSERT_FALSE(dispatch(backend_, kRoot, {"0.1.0"}, call).hang_up);
  for (std::size_t length = 0; length < call.size(); ++length)
    EXPECT_TRUE(dispatch(backend_, kRoot, {"0.1.0"}, call.substr(0, length)).hang_up) << length;
  EXPECT_TRUE(dispatch(backend_, kRoot, {"0.1.0"}, call + "]").hang_up);
  EXPECT_TRUE(dispatch(backend_, kRoot, {"0.1.0"}, std::string(64 << 10, '[')).hang_up) << "never closed";
}

TEST_F(Dispatch, BracketsInTextAreNotNesting) {
  const json reply = ask(kRoot, "io.tierd.Control.Status",
                         {{"ignored", std::string(100, '[') + "\"" + std::string(100, '{')}});
  EXPECT_FALSE(reply.contains("error")) << reply;
}

TEST_F(Dispatch, FollowersGetPagesOfWhatTheyMaySee) {
  for (int i = 0; i < 50; ++i) backend_.add_event("promoted", 4200, 4242, "other");
  backend_.add_event("promoted", 4100, 1000, "mine");
  const Outcome outcome =
      dispatch(backend_, kUser, {"0.1.0"},
               R"({"method": "io.tierd.Control.Events", "more": true, "parameters": {"limit": 10}})");
  ASSERT_TRUE(outcome.follow);
  Follow follow = *outcome.follow;
  const json first = json::parse(*next_reply(backend_, kUser, follow, true));
  EXPECT_EQ(first.at("continues"), true);
  EXPECT_EQ(first.at("parameters").at("events").size(), 2u);
  const json second = json::parse(*next_reply(backend_, kUser, follow, false));
  EXPECT_EQ(second.at("parameters").at("events").at(0).at("message"), "mine");
  EXPECT_FALSE(next_reply(backend_, kUser, follow, false));
}

TEST_F(Dispatch, SnapshotsTellWhatIsHeldWhenAsked) {
  for (const bool held : {true, false}) {
    const json view = ask(kRoot, "io.tierd.Control.Snapshot", {{"held", held}}).at("parameters");
    EXPECT_EQ(view.at("tick"), 100);
    ASSERT_EQ(view.at("targets").size(), 2u);
    EXPECT_EQ(view.at("targets").at(0).at("held").is_array(), held);
  }
}

TEST_F(Dispatch, SnapshotFollowersGetEachTickOnceAndTheirOwnProcesses) {
  const Outcome outcome =
      dispatch(backend_, kUser, {"0.1.0"}, R"({"method": "io.tierd.Control.Snapshot", "more": true})");
  ASSERT_TRUE(outcome.follow);
  Follow follow = *outcome.follow;
  std::vector<std::uint64_t> held_in;
  for (; backend_.tick < 125; ++backend_.tick) {
    const auto reply = next_reply(backend_, kUser, follow, backend_.tick == 100);
    ASSERT_TRUE(reply);
    const json message = json::parse(*reply);
    EXPECT_EQ(message.at("continues"), true);
    const json& view = message.at("parameters");
    EXPECT_EQ(view.at("tick"), backend_.tick);
    EXPECT_EQ(view.at("hidden"), 1);
    ASSERT_EQ(view.at("targets").size(), 1u);
    EXPECT_EQ(view.at("targets").at(0).at("pid"), 4100);
    if (!view.at("targets").at(0).at("held").is_null()) held_in.push_back(backend_.tick);
    EXPECT_FALSE(next_reply(backend_, kUser, follow, true)) << "a tick is sent once";
  }
  EXPECT_EQ(held_in, (std::vector<std::uint64_t>{100, 110, 120}));
}

TEST_F(Dispatch, NoSnapshotBeforeTheFirstTick) {
  backend_.tick = 0;
  Follow follow{.stream = Stream::kSnapshots};
  EXPECT_FALSE(next_reply(backend_, kRoot, follow, true));
  backend_.tick = 1;
  EXPECT_TRUE(next_reply(backend_, kRoot, follow, false));
}

// Mutations of valid calls and plain noise: whatever comes, there is a reply, a follow, or the end of the
// connection.
TEST_F(Dispatch, SurvivesNoise) {
  std::mt19937 random(20261121);  // NOLINT: a fixed seed makes a failure repeatable
  const std::vector<std::string> seeds = {
      R"({"method":"io.tierd.Control.Explain","parameters":{"pid":4100,"address":139637976727552}})",
      R"({"method":"io.tierd.Control.Heatmap","parameters":{"pid":4100,"max_rows":16,"max_ticks":8},"more":true})",
      R"({"method":"io.tierd.Control.Events","parameters":{"since":1,"limit":2},"more":true})",
      R"({"method":"io.tierd.Control.Snapshot","parameters":{"held":true}})",
      R"({"method":"io.tierd.Control.PrefetchExplain","parameters":{"control":"core 3"}})",
      R"({"method":"io.tierd.Control.PrefetchArm","parameters":{"dry_run":true}})",
      R"({"method":"org.varlink.service.GetInterfaceDescription","parameters":{"interface":"io.tierd.Control"}})"};
  for (int round = 0; round < 20'000; ++round) {
    std::string message = seeds[random() % seeds.size()];
    for (auto edits = random() % 6; edits > 0; --edits) {
      const std::size_t at = random() % message.size();
      switch (random() % 4) {
        case 0:
          message[at] = static_cast<char>(random());
          break;
        case 1:
          message.erase(at, 1 + random() % 8);
          break;
        case 2:
          message.insert(at, message.substr(random() % message.size(), random() % 12));
          break;
        default:
          message.insert(at, 1, "{}[]\",:-0e"[random() % 10]);
          break;
      }
      if (message.empty()) message = "{";
    }
    const Outcome outcome = dispatch(backend_, round % 2 ? kUser : kRoot, {"0.1.0"}, message);
    if (outcome.reply) {
      ASSERT_TRUE(json::accept(*outcome.reply)) << message;
    }
  }
}

}  // namespace
}  // namespace tier
