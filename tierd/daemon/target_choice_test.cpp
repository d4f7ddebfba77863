#include "tierd/daemon/target_choice.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>
#include <random>

namespace tier {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;
using testing::UnorderedElementsAre;

// Processes with the sizes that they had, and whether they are watched.
struct Crowd {
  struct One {
    SizeRange range;
    Bytes now;
    bool watched = false;
  };
  std::map<int, One> all;

  void look(int pid, Bytes size) {
    all[pid].now = size;
    all[pid].range.add(size);
  }
  Choice choose(std::size_t limit, bool replace = true) {
    std::vector<ChoiceEntry> entries;
    for (auto& [pid, one] : all) entries.push_back({Pid{pid}, one.now, &one.range, one.watched});
    Choice choice = tier::choose(entries, limit, replace);
    for (const Pid pid : choice.out) all[pid.value].watched = false;
    for (const Pid pid : choice.in) all[pid.value].watched = true;
    return choice;
  }
};

TEST(TargetChoice, FillsWithTheBiggest) {
  Crowd crowd;
  crowd.look(1, 1_MiB), crowd.look(2, 3_MiB), crowd.look(3, 2_MiB);
  EXPECT_THAT(crowd.choose(2).in, ElementsAre(Pid{2}, Pid{3}));
  EXPECT_THAT(crowd.choose(2).in, IsEmpty());
  crowd.all.erase(2);
  EXPECT_THAT(crowd.choose(2).in, ElementsAre(Pid{1}));
}

TEST(TargetChoice, ALowerLimitLetsTheSmallestGo) {
  Crowd crowd;
  crowd.look(1, 1_MiB), crowd.look(2, 3_MiB), crowd.look(3, 2_MiB);
  crowd.choose(3);
  EXPECT_THAT(crowd.choose(1).out, UnorderedElementsAre(Pid{1}, Pid{3}));
}

TEST(TargetChoice, SizesThatGoUpAndDownReplaceNobody) {
  Crowd crowd;
  std::mt19937 random(7);
  std::size_t replaced = 0;
  for (int round = 0; round < 240; ++round) {
    for (int pid = 1; pid <= 400; ++pid) crowd.look(pid, Bytes{(64ULL + random() % 192) << 20});
    replaced += crowd.choose(256).out.size();
  }
  EXPECT_EQ(replaced, 0U);
}

TEST(TargetChoice, ANewcomerThatStaysBiggerTakesThePlaceOfTheSmallest) {
  Crowd crowd;
  std::uint32_t rounds = 0;
  const auto round = [&](Bytes newcomer) {
    crowd.look(1, 10_MiB), crowd.look(2, 20_MiB);
    if (rounds++ > 0) crowd.look(3, newcomer);
    return crowd.choose(2);
  };
  for (std::uint32_t i = 0; i <= SizeRange::kWindow; ++i)
    EXPECT_THAT(round(15_MiB).out, IsEmpty()) << "not before it was so for a while: " << i;
  const Choice choice = round(15_MiB);
  EXPECT_THAT(choice.in, ElementsAre(Pid{3}));
  EXPECT_THAT(choice.out, ElementsAre(Pid{1}));
  EXPECT_THAT(round(15_MiB).out, IsEmpty());
}

TEST(TargetChoice, BetweenLooksForNewNobodyIsReplaced) {
  Crowd crowd;
  crowd.look(1, 1_MiB);
  crowd.choose(1);
  for (std::uint32_t i = 0; i < 3 * SizeRange::kWindow; ++i) crowd.look(1, 1_MiB), crowd.look(2, 1_GiB);
  EXPECT_THAT(crowd.choose(1, false).out, IsEmpty());
  EXPECT_THAT(crowd.choose(1, true).out, ElementsAre(Pid{1}));
}

}  // namespace
}  // namespace tier
