#include "platform/linux/sampling/task_clocks.h"

#include <gtest/gtest.h>

#include <map>

namespace tier {
namespace {

using std::chrono::microseconds;
using std::chrono::seconds;

// Threads by number, each of the process of its hundreds.
struct Fake {
  struct Thread {
    double busy = 1;        // share of a CPU
    double switches = 100;  // a second of its run time
  };
  std::map<std::int32_t, Thread> threads;
  std::map<std::int32_t, double> opened;  // the frequency last asked for
  int opens = 0;
  std::size_t descriptors = 1000;
  double now = 1000;  // s

  TaskClocks::Machine machine() {
    return {[this](Tid tid, double frequency) -> Result<FileDescriptor> {
              if (descriptors == 0) return fail(ErrorKind::kFailed, "too many open files");
              --descriptors;
              ++opens;
              opened[tid.value] = frequency;
              return FileDescriptor();
            },
            [this](Pid, Tid tid) -> std::optional<TaskClocks::RunTime> {
              const auto found = threads.find(tid.value);
              if (found == threads.end()) return std::nullopt;
              const double ran = now * found->second.busy;
              return TaskClocks::RunTime{Nanoseconds(static_cast<std::int64_t>(ran * 1e9)),
                                         static_cast<std::uint64_t>(ran * found->second.switches)};
            }};
  }

  void look(TaskClocks& clocks, std::vector<std::int32_t> seen) {
    std::vector<SeenThread> list;
    for (std::size_t i = 0; i < seen.size(); ++i)
      list.push_back({Pid{seen[i] / 100}, Tid{seen[i]}, seen.size() - i});
    now += 1;
    clocks.look(list, Nanoseconds(static_cast<std::int64_t>(now * 1e9)));
  }
};

constexpr Nanoseconds kPrice = microseconds(10);  // a program bears 1,000 a second

TEST(TaskClocks, AThreadHasAnEventOnceItsRunTimeIsKnown) {
  Fake fake;
  fake.threads[101] = {0.5, 100};
  TaskClocks clocks(fake.machine());
  fake.look(clocks, {101});
  EXPECT_EQ(clocks.reach(kPrice).useful, 0);
  fake.look(clocks, {101});
  EXPECT_NEAR(clocks.reach(kPrice).useful, 0.5, 1e-6);
  EXPECT_NEAR(clocks.reach(kPrice).paid, 0.5, 1e-6);
  EXPECT_NEAR(clocks.reach(kPrice).spent, 0.5 * 100 * 10e-6, 1e-6);
  ASSERT_TRUE(clocks.set_frequency(400, kPrice));
  EXPECT_DOUBLE_EQ(fake.opened[101], 400);
  EXPECT_EQ(clocks.events(), 1U);
  EXPECT_NEAR(clocks.interrupts(), 0.5 * (400 + 100), 0.01);
  ASSERT_TRUE(clocks.set_frequency(410, kPrice));
  EXPECT_EQ(fake.opens, 1) << "no new event for a small step";
  ASSERT_TRUE(clocks.set_frequency(0, kPrice));
  EXPECT_EQ(clocks.events(), 0U);
}

TEST(TaskClocks, AThreadThatChangesPlacesOftenPaysLessOrIsLeftOut) {
  Fake fake;
  fake.threads[101] = {1, 20};
  fake.threads[201] = {1, 700};    // 700 settings of the clock leave 300 interrupts
  fake.threads[301] = {1, 30000};  // a server that waits for each request
  TaskClocks clocks(fake.machine());
  for (int look = 0; look < 2; ++look) fake.look(clocks, {101, 201, 301});
  EXPECT_NEAR(clocks.reach(kPrice).useful, 2, 1e-6);
  ASSERT_TRUE(clocks.set_frequency(500, kPrice));
  EXPECT_DOUBLE_EQ(fake.opened[101], 500);
  EXPECT_NEAR(fake.opened[201], 300, 1);
  EXPECT_FALSE(fake.opened.contains(301));
}

TEST(TaskClocks, WhatEndsOrRestsLosesItsEvent) {
  Fake fake;
  fake.threads[101] = fake.threads[102] = {};
  TaskClocks clocks(fake.machine());
  for (int look = 0; look < 2; ++look) fake.look(clocks, {101, 102});
  ASSERT_TRUE(clocks.set_frequency(300, kPrice));
  EXPECT_EQ(clocks.events(), 2U);
  fake.threads.erase(102);
  fake.look(clocks, {101, 102});
  EXPECT_EQ(clocks.events(), 1U);
  for (unsigned look = 0; look <= TaskClocks::kForgetAfter; ++look) fake.look(clocks, {});
  EXPECT_EQ(clocks.events(), 0U);
  EXPECT_EQ(clocks.reach(kPrice).useful, 0);
}

TEST(TaskClocks, FewDescriptorsLeaveSomeWithout) {
  Fake fake;
  for (std::int32_t i = 1; i <= 4; ++i) fake.threads[100 * i] = {};
  fake.descriptors = 2;
  TaskClocks clocks(fake.machine());
  for (int look = 0; look < 2; ++look) fake.look(clocks, {100, 200, 300, 400});
  EXPECT_TRUE(clocks.set_frequency(300, kPrice));
  EXPECT_EQ(clocks.events(), 2U);
  EXPECT_TRUE(clocks.set_frequency(0, kPrice));
  const Result<void> none = clocks.set_frequency(300, kPrice);
  ASSERT_FALSE(none);
  EXPECT_EQ(none.error().message, "too many open files");
}

TEST(TaskClocks, AProgramOfManyThreadsLeavesRoomForOthers) {
  Fake fake;
  std::vector<std::int32_t> seen;
  seen.reserve(91);
  for (std::int32_t i = 0; i < 90; ++i) seen.push_back(100 + i);
  seen.push_back(201);
  for (const std::int32_t tid : seen) fake.threads[tid] = {0.1, 10};
  TaskClocks clocks(fake.machine());
  for (int look = 0; look < 2; ++look) fake.look(clocks, seen);
  ASSERT_TRUE(clocks.set_frequency(100, kPrice));
  EXPECT_EQ(clocks.events(), TaskClocks::kMostOfProgram + 1);
  EXPECT_TRUE(fake.opened.contains(201));
}

}  // namespace
}  // namespace tier
