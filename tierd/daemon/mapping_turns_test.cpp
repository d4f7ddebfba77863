#include "tierd/daemon/mapping_turns.h"

#include <gtest/gtest.h>

#include <map>
#include <utility>

namespace tier {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

std::vector<Target> processes(std::uint32_t count) {
  std::vector<Target> all(count);
  for (std::uint32_t i = 0; i < count; ++i) {
    all[i].id = TargetId{i + 1};
    all[i].user_time = milliseconds(30);
  }
  return all;
}

// Who ran: those whose CPU time is another one than at the last call.
class WhoRan {
 public:
  std::vector<bool> operator()(const std::vector<Target>& targets) {
    std::vector<bool> ran;
    ran.reserve(targets.size());
    for (const Target& target : targets)
      ran.push_back(std::exchange(times_[target.id], target.user_time) != target.user_time);
    return ran;
  }

 private:
  std::map<TargetId, Nanoseconds> times_;
};

// Reads as long as the turns say so; each reading costs what the test says. Counts readings.
struct Reader {
  MappingTurns turns;
  WhoRan who_ran;
  std::map<TargetId, Nanoseconds> cost;
  std::map<TargetId, std::uint64_t> version;
  std::map<TargetId, int> reads;
  Nanoseconds longest_tick{};

  void tick(std::vector<Target>& targets, Nanoseconds now) {
    turns.begin(targets, who_ran(targets), now);
    for (const TargetId id : turns.checks()) turns.version(id, version[id]);
    Nanoseconds spent{};
    while (const auto id = turns.next()) {
      turns.read(*id, version[*id], cost[*id]);
      spent += cost[*id];
      ++reads[*id];
    }
    longest_tick = std::max(longest_tick, spent);
  }
};

TEST(MappingTurns, FirstLooksAreSpreadAndAllAreMade) {
  auto targets = processes(100);
  Reader reader;
  for (const Target& target : targets) {
    reader.cost[target.id] = milliseconds(200);  // 1 GiB that each of 100 processes maps, by numa_maps
    reader.version[target.id] = 7;
  }
  int ticks = 0;
  for (; reader.reads.size() < 100 && ticks < 100000; ++ticks) reader.tick(targets, seconds(ticks));
  EXPECT_EQ(reader.reads.size(), 100U);
  EXPECT_EQ(reader.longest_tick, milliseconds(200));  // one at a time
  for (const auto& [id, count] : reader.reads) EXPECT_EQ(count, 1);
  EXPECT_GT(reader.turns.postponed(), 0U);
  EXPECT_EQ(reader.turns.waiting(), 0U);
}

TEST(MappingTurns, OneThatAlwaysChangesStaysWithinTheShareAndKeepsNobodyWaiting) {
  auto targets = processes(10);
  Reader reader;
  const TargetId churner{1};
  for (const Target& target : targets) reader.cost[target.id] = Nanoseconds(std::chrono::microseconds(50));
  reader.cost[churner] = milliseconds(30);
  constexpr int kTicks = 2000;
  Nanoseconds oldest_cheap{};
  for (int tick = 0; tick < kTicks; ++tick) {
    for (Target& target : targets) target.user_time += milliseconds(100);
    ++reader.version[churner];
    if (tick % 20 == 0)
      for (const Target& target : targets) ++reader.version[target.id];
    reader.tick(targets, seconds(tick));
    for (std::uint32_t id = 2; id <= 10; ++id)
      oldest_cheap = std::max(oldest_cheap, reader.turns.age(TargetId{id}).value_or(Nanoseconds{}));
  }
  const double share = tier::seconds(reader.turns.budget().spent()) / kTicks;
  EXPECT_LE(share, 0.005 + 0.08 / kTicks);
  EXPECT_GT(reader.reads[churner], kTicks / 10);  // its map is renewed every few seconds
  for (std::uint32_t id = 2; id <= 10; ++id) EXPECT_GE(reader.reads[TargetId{id}], kTicks / 20 - 1);
  EXPECT_LT(oldest_cheap, seconds(30));
}

TEST(MappingTurns, NobodyStarvesWhenEverybodyAlwaysChanges) {
  auto targets = processes(50);
  Reader reader;
  for (const Target& target : targets)
    reader.cost[target.id] = milliseconds(target.id.value % 2 == 0 ? 1 : 20);
  for (int tick = 0; tick < 20000; ++tick) {
    for (Target& target : targets) target.user_time += milliseconds(100), ++reader.version[target.id];
    reader.tick(targets, seconds(tick));
  }
  int fewest = 1 << 30;
  for (const auto& [id, count] : reader.reads) fewest = std::min(fewest, count);
  EXPECT_EQ(reader.reads.size(), 50U);
  EXPECT_GT(fewest, 20);
}

TEST(MappingTurns, WhoDoesNotRunIsAskedRarelyAndNobodyMoreOftenThanTheLimit) {
  auto targets = processes(1000);
  Reader reader;
  for (int tick = 0; tick < 10; ++tick) reader.tick(targets, seconds(tick));
  std::map<TargetId, int> checks;
  for (int tick = 10; tick < 266; ++tick) {
    targets[0].user_time += milliseconds(10);
    reader.turns.begin(targets, reader.who_ran(targets), seconds(tick));
    const auto asked = reader.turns.checks();
    EXPECT_LE(asked.size(), 256U);
    for (const TargetId id : asked) ++checks[id];
  }
  EXPECT_EQ(checks.size(), 1000U);
  EXPECT_GE(checks[TargetId{1}], 40) << "until, after a minute, it is to be read anyway";
  EXPECT_LE(checks[TargetId{500}], 5);
}

TEST(MappingTurns, SamplesOutsideThatNoReadingExplainsAreNotReadForEveryTick) {
  auto targets = processes(1);
  Reader reader;
  reader.version[TargetId{1}] = 3;
  for (int tick = 0; tick < 1000; ++tick) {
    reader.turns.outside(TargetId{1});
    reader.tick(targets, seconds(tick));
  }
  EXPECT_LT(reader.reads[TargetId{1}], 40);
  // A change is followed at once, and explains new samples.
  reader.version[TargetId{1}] = 4;
  targets[0].user_time += milliseconds(100);
  const int before = reader.reads[TargetId{1}];
  reader.tick(targets, seconds(1000));
  EXPECT_EQ(reader.reads[TargetId{1}], before + 1);
  reader.turns.outside(TargetId{1});
  reader.tick(targets, seconds(1001));
  EXPECT_EQ(reader.reads[TargetId{1}], before + 2);
}

TEST(MappingTurns, FailuresAreTriedAgainLessAndLessOften) {
  auto targets = processes(1);
  MappingTurns turns;
  WhoRan who_ran;
  int tries = 0;
  for (int tick = 0; tick < 1000; ++tick) {
    targets[0].user_time += milliseconds(10);
    turns.begin(targets, who_ran(targets), seconds(tick));
    for (const TargetId id : turns.checks()) turns.version(id, static_cast<std::uint64_t>(tick));
    while (const auto id = turns.next()) {
      turns.failed(*id, milliseconds(1));
      ++tries;
    }
  }
  EXPECT_GT(tries, 10);
  EXPECT_LT(tries, 30);
  EXPECT_FALSE(turns.age(TargetId{1}));
}

TEST(MappingTurns, AnOldMapSaysHowOldItIsAndTheGoneAreForgotten) {
  auto targets = processes(2);
  Reader reader;
  reader.tick(targets, seconds(0));
  EXPECT_FALSE(reader.turns.age(TargetId{1}));  // current
  reader.turns.begin(targets, reader.who_ran(targets), seconds(7));
  reader.turns.version(TargetId{1}, 99);
  EXPECT_EQ(reader.turns.age(TargetId{1}), seconds(7));
  EXPECT_EQ(reader.turns.oldest(), seconds(7));
  EXPECT_EQ(reader.turns.waiting(), 1U);
  targets.erase(targets.begin());
  reader.turns.begin(targets, reader.who_ran(targets), seconds(8));
  EXPECT_EQ(reader.turns.waiting(), 0U);
  EXPECT_EQ(reader.turns.next(), std::nullopt);
}

}  // namespace
}  // namespace tier
