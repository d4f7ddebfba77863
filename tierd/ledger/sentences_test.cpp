#include "tierd/ledger/sentences.h"

#include <gtest/gtest.h>

namespace tier {
namespace {

Decision promoted() {
  Decision decision;
  decision.planned = Tick{3100};
  decision.request.from = NodeId{1}, decision.request.to = NodeId{0};
  decision.request.reason = MoveReason::kDemandRising;
  decision.request.promotion = true;
  decision.request.benefit = {0.12}, decision.request.cost = {1.3e-3};
  decision.request.why.forecast = {6.1e5, 7.22e5, 8.3e5};
  decision.request.why.horizon = std::chrono::seconds(16);
  decision.request.why.latency_from = Nanoseconds{250}, decision.request.why.latency_to = Nanoseconds{90};
  decision.report.emplace().fate = MoveFate::kMoved;
  decision.realised_benefit = {0.11}, decision.realised_cost = {31e-6};
  decision.verdict = Verdict::kUseful;
  return decision;
}

TEST(Sentences, TellAMoveWithoutExponents) {
  EXPECT_EQ(
      sentences(promoted()),
      "At tick 3100 it was moved from node 1 to node 0 (demand). The forecast was 722 k accesses a second "
      "(610 k to 830 k) over 16 s, at 250 ns on node 1 and 90 ns on node 0. The move was expected "
      "to save 120 ms and to cost 1.3 ms. So far it has saved 110 ms and has cost 31 us; it was "
      "useful.");
}

TEST(Sentences, SayWhatOthersWereToWait) {
  Decision decision = promoted();
  decision.request.why.relieved = Nanoseconds{31};
  EXPECT_NE(
      sentences(decision).find("90 ns on node 0. For each of them others would wait 31 ns less for memory."),
      std::string::npos);
  decision.request.why.relieved = Nanoseconds{-31};
  EXPECT_NE(sentences(decision).find("others would wait 31 ns longer for memory."), std::string::npos);
  decision.request.why.relieved = Nanoseconds{3};
  EXPECT_EQ(sentences(decision).find("others"), std::string::npos);
}

TEST(Sentences, SayThatAPlaceWasWrong) {
  Decision decision = promoted();
  decision.report->pages.requested = decision.report->pages.already_there = 512;
  const std::string text = sentences(decision);
  EXPECT_TRUE(text.starts_with(
      "At tick 3100 nothing moved, since all its pages were there already, from node 1 to node 0 (demand)."))
      << text;
}

TEST(Sentences, SayForWhomRoomWasMade) {
  Decision decision = promoted();
  decision.request.promotion = false;
  decision.request.reason = MoveReason::kHeadroom;
  EXPECT_NE(sentences(decision).find("It was next to unused, and some room is kept free."),
            std::string::npos);
  decision.request.why.beaten_value = {0.05};
  EXPECT_NE(sentences(decision).find("new memory, which is expected to be worth 50 ms in its place."),
            std::string::npos);
}

TEST(Sentences, SayWhatOnlyWouldHaveBeen) {
  Decision decision = promoted();
  decision.report.reset();
  decision.imagined = true;
  decision.request.why.partner = 7, decision.request.why.beaten = {TargetId{1}, 0x7f0000200000};
  decision.request.why.beaten_value = {0.002};
  const std::string text = sentences(decision);
  EXPECT_TRUE(text.starts_with("At tick 3100 tierd would have moved it, had it been allowed to act, from"))
      << text;
  EXPECT_NE(text.find("It displaced the region at 0x7f0000200000, which is worth 2 ms."), std::string::npos);
  EXPECT_NE(text.find("So far it would have saved 110 ms"), std::string::npos) << text;
  decision.declined = true;
  EXPECT_TRUE(sentences(decision).starts_with("At tick 3100 a move was declined: from node 1 to node 0"));
}

}  // namespace
}  // namespace tier
