#include "platform/linux/sampling/stall_tables.h"

#include <bpf/libbpf.h>
#include <gtest/gtest.h>
#include <linux/bpf.h>

#include <algorithm>
#include <memory>
#include <set>
#include <vector>

#include "stall.skel.h"

namespace tier {
namespace {

// As bpf/stall.bpf.c looks it up.
const tier_watched_process* watched(const std::vector<tier_watch_line>& lines, std::uint32_t tgid) {
  for (std::uint32_t probe = 0; probe < TIER_WATCH_PROBES; ++probe) {
    const tier_watch_line& line = lines[(tier_watch_line_of(tgid) + probe) & (TIER_WATCH_LINES - 1)];
    for (const tier_watched_process& process : line.process)
      if (process.tgid == tgid) return &process;
    if (line.process[TIER_LINE_WAYS - 1].tgid == 0) return nullptr;
  }
  return nullptr;
}

WatchList list_of(const std::vector<std::uint32_t>& pids) {
  std::vector<Target> targets;
  for (const std::uint32_t pid : pids) {
    Target& target = targets.emplace_back();
    target.pid = Pid{static_cast<std::int32_t>(pid)};
    target.start_time = pid + 7;
  }
  WatchList list;
  list.replace(targets);
  return list;
}

class WatchedLinesTest : public ::testing::Test {
 protected:
  std::vector<tier_watch_line> lines_ = std::vector<tier_watch_line>(TIER_WATCH_LINES);
  WatchedLines table_{lines_};
};

TEST_F(WatchedLinesTest, FindsEveryProcessOfAFullTable) {
  for (const std::uint32_t step : {1U, 2U, 37U, 251U}) {  // numbers in a row, and far apart
    std::vector<std::uint32_t> pids;
    for (std::uint32_t i = 0; i < TIER_MAX_TARGETS; ++i) pids.push_back(100 + i * step);
    ASSERT_TRUE(table_.replace(list_of(pids))) << step;
    for (const std::uint32_t pid : pids) {
      const tier_watched_process* found = watched(lines_, pid);
      ASSERT_NE(found, nullptr) << pid;
      EXPECT_EQ(found->start_ticks, pid + 7);
    }
  }
}

TEST_F(WatchedLinesTest, WhoLeavesIsGoneAndTheOthersStay) {
  std::vector<std::uint32_t> pids, left;
  for (std::uint32_t i = 0; i < 5000; ++i) pids.push_back(100 + i);
  ASSERT_TRUE(table_.replace(list_of(pids)));
  for (std::uint32_t i = 0; i < 5000; i += 3) left.push_back(100 + i);
  ASSERT_TRUE(table_.replace(list_of(left)));
  for (const std::uint32_t pid : pids)
    EXPECT_EQ(watched(lines_, pid) != nullptr, (pid - 100) % 3 == 0) << pid;
  ASSERT_TRUE(table_.replace({}));
  for (const std::uint32_t pid : left) EXPECT_EQ(watched(lines_, pid), nullptr);
}

TEST_F(WatchedLinesTest, AReusedNumberHasItsNewStart) {
  WatchList list;
  Target target;
  target.pid = Pid{42};
  for (const std::uint64_t start : {5ULL, 0ULL, 9ULL}) {
    target.start_time = start;
    list.replace({&target, 1});
    ASSERT_TRUE(table_.replace(list));
    EXPECT_EQ(watched(lines_, 42)->start_ticks, start);
  }
}

TEST_F(WatchedLinesTest, WhomThereIsNoRoomForIsNamed) {
  // More processes than the lines that one number is looked for in can hold.
  std::vector<std::uint32_t> alike;
  for (std::uint32_t pid = 1; alike.size() <= TIER_WATCH_PROBES * TIER_LINE_WAYS; ++pid)
    if (tier_watch_line_of(pid) == 17) alike.push_back(pid);
  const auto replaced = table_.replace(list_of(alike));
  ASSERT_FALSE(replaced);
  EXPECT_NE(replaced.error().text().find("process " + std::to_string(alike.back())), std::string::npos);
  alike.pop_back();
  for (const std::uint32_t pid : alike) EXPECT_NE(watched(lines_, pid), nullptr) << pid;
}

class KnownCodeTest : public ::testing::Test {
 protected:
  std::uint64_t until(const tier_known_code& key) const {
    const std::uint64_t tag = tier_code_tag(key.ip, key.tgid, key.exec_id);
    for (const tier_known_place& place : lines_[tier_code_line_of(tag)].place)
      if (place.tag == tag) return place.until;
    return 0;
  }
  // Places of one line, so that they compete.
  std::vector<tier_known_code> rivals(std::size_t count) const {
    std::vector<tier_known_code> found;
    for (std::uint64_t ip = 0x401000; found.size() < count; ++ip)
      if (tier_code_line_of(tier_code_tag(ip, 3, 1)) == 5) found.push_back({ip, 3, 1});
    return found;
  }
  std::vector<tier_code_line> lines_ = std::vector<tier_code_line>(TIER_CODE_LINES);
  KnownCode code_{lines_};
};

TEST_F(KnownCodeTest, KnowsAPlaceOfOneProgramUntilItIsForgotten) {
  const tier_known_code key{0x401000, 3, 1};
  code_.learnt(key, 100, 1000);
  EXPECT_GE(until(key), 600U);
  EXPECT_LE(until(key), 1100U);
  EXPECT_EQ(until({0x401001, 3, 1}), 0U);
  EXPECT_EQ(until({0x401000, 4, 1}), 0U) << "another process";
  EXPECT_EQ(until({0x401000, 3, 2}), 0U) << "another program of the same process";
  code_.learnt(key, 5000, 1000);
  EXPECT_GE(until(key), 5500U);
  code_.forget(key);
  EXPECT_EQ(until(key), 0U);
}

TEST_F(KnownCodeTest, AFullLineDropsWhatIsAskedForAgainSoonest) {
  const auto keys = rivals(TIER_LINE_WAYS + 2);
  std::uint64_t lifetime = 1000;
  for (std::size_t i = 0; i < TIER_LINE_WAYS; ++i, lifetime *= 4) code_.learnt(keys[i], 100, lifetime);
  code_.learnt(keys[4], 100, 90000);
  EXPECT_EQ(until(keys[0]), 0U);
  EXPECT_GT(until(keys[4]), 40000U);
  for (std::size_t i = 1; i < TIER_LINE_WAYS; ++i) EXPECT_GT(until(keys[i]), 0U);
  code_.forget(keys[2]);
  code_.learnt(keys[5], 5000, 1000);  // there is a free place now, and one whose time is over
  EXPECT_GT(until(keys[5]), 0U);
  EXPECT_GT(until(keys[3]), 0U);
  EXPECT_GT(until(keys[4]), 0U);
}

TEST_F(KnownCodeTest, WhatIsLearntTogetherIsNotAskedForAgainTogether) {
  std::uint64_t first = ~0ULL, last = 0;
  for (std::uint64_t ip = 0x401000; ip < 0x401100; ++ip) {
    code_.learnt({ip, 3, 1}, 100, 1000);
    first = std::min(first, until({ip, 3, 1}));
    last = std::max(last, until({ip, 3, 1}));
  }
  EXPECT_LT(first, 700U);
  EXPECT_GT(last, 1000U);
}

TEST_F(KnownCodeTest, TagsTellApart) {
  std::set<unsigned long long> tags;
  for (std::uint64_t ip = 0x400000; ip < 0x400400; ++ip)
    for (const std::uint32_t tgid : {1U, 2U, 0x10000U})
      for (const std::uint32_t exec : {0U, 1U, 0x10000U}) tags.insert(tier_code_tag(ip, tgid, exec));
  EXPECT_EQ(tags.size(), 1024U * 9);
  EXPECT_EQ(tags.count(0), 0U);
}

class SlotReaderTest : public ::testing::Test {
 protected:
  // As the sampler does it: the slot, then the head.
  void send(std::uint32_t cpu, std::uint64_t ip) {
    tier_slot& slot = slots_[cpu * kEach + (cpus_[cpu].head & (kEach - 1))];
    slot = {};
    slot.time_ns = ip * 10, slot.start_ticks = 8, slot.tgid = 3, slot.tid = 4, slot.exec_id = 2;
    slot.kind = TIER_EVENT_TICK, slot.stands_for = 4000000, slot.ip = ip, slot.fs_base = 6;
    slot.general[15] = ip + 1;
    ++cpus_[cpu].head;
  }
  std::vector<std::uint64_t> drained() {
    std::vector<std::uint64_t> ips;
    reader_.drain([&](const tier_sample& sample) { ips.push_back(sample.registers.ip), last_ = sample; });
    return ips;
  }
  static constexpr std::uint32_t kEach = 4;
  std::vector<tier_cpu> cpus_ = std::vector<tier_cpu>(2);
  std::vector<tier_slot> slots_ = std::vector<tier_slot>(2 * kEach);
  SlotReader reader_{cpus_, slots_};
  tier_sample last_{};
};

TEST_F(SlotReaderTest, HandsOverWhatHasComeOnceWithAllThatItTells) {
  EXPECT_TRUE(drained().empty());
  send(1, 100);
  send(0, 200);
  send(1, 101);
  EXPECT_EQ(drained(), (std::vector<std::uint64_t>{200, 100, 101}));
  EXPECT_EQ(last_.header.version, TIER_EVENTS_VERSION);
  EXPECT_EQ(last_.header.kind, TIER_EVENT_TICK);
  EXPECT_EQ(last_.header.cpu, 1U);
  EXPECT_EQ(last_.header.tgid, 3U);
  EXPECT_EQ(last_.header.tid, 4U);
  EXPECT_EQ(last_.header.exec_id, 2U);
  EXPECT_EQ(last_.header.start_ticks, 8U);
  EXPECT_EQ(last_.header.time_ns, 1010U);
  EXPECT_EQ(last_.header.has_code, 0U);
  EXPECT_EQ(last_.stands_for, 4000000U);
  EXPECT_EQ(last_.registers.general[15], 102U);
  EXPECT_EQ(last_.registers.fs_base, 6U);
  EXPECT_TRUE(drained().empty());
}

TEST_F(SlotReaderTest, GoesRoundAndRound) {
  for (std::uint64_t round = 0; round < 5; ++round) {
    for (std::uint64_t i = 0; i < kEach - 1; ++i) send(0, round * 10 + i);
    EXPECT_EQ(drained(), (std::vector<std::uint64_t>{round * 10, round * 10 + 1, round * 10 + 2}));
  }
  EXPECT_EQ(reader_.lost(), 0U);
}

TEST_F(SlotReaderTest, CountsWhatWasWrittenOver) {
  for (std::uint64_t i = 0; i < 11; ++i) send(0, i);
  send(1, 50);
  const auto read = drained();
  EXPECT_EQ(read, (std::vector<std::uint64_t>{8, 9, 10, 50}));
  EXPECT_EQ(reader_.lost(), 8U) << "the oldest slot may be half written at any time";
}

TEST_F(SlotReaderTest, WhatIsWrittenOverWhileItIsReadIsNotBelieved) {
  for (std::uint64_t i = 0; i < 3; ++i) send(0, i);
  std::vector<std::uint64_t> read;
  reader_.drain([&](const tier_sample& sample) {
    read.push_back(sample.registers.ip);
    if (read.size() == 1)
      for (std::uint64_t i = 3; i < 6; ++i) send(0, i);  // goes over the second
  });
  EXPECT_EQ(read, (std::vector<std::uint64_t>{0}));
  EXPECT_EQ(reader_.lost(), 2U);
  EXPECT_EQ(drained(), (std::vector<std::uint64_t>{3, 4, 5}));
}

TEST(Slots, AreAPowerOfTwoWithinBounds) {
  EXPECT_EQ(slots_for(4U << 20, 2), 2048U);
  EXPECT_EQ(slots_for(4U << 20, 1), 4096U);
  EXPECT_EQ(slots_for(4U << 20, 256), 512U);
  EXPECT_EQ(slots_for(4096, 1), 512U);
  EXPECT_EQ(slots_for(4U << 20, 0), 4096U);
}

struct Closer {
  void operator()(stall_bpf* skeleton) const { stall_bpf__destroy(skeleton); }
};

// Before the kernel sees the object, which needs no privilege.
TEST(StallTables, AreSizedForTheMachineAndTheirRingLiesOnTheSpareNode) {
  const std::unique_ptr<stall_bpf, Closer> skeleton(stall_bpf__open());
  ASSERT_NE(skeleton, nullptr);
  SamplingSettings settings;
  settings.spare_node = NodeId{3};
  const auto each = StallTables::prepare(*skeleton->obj, settings);
  ASSERT_TRUE(each) << each.error().text();
  const std::uint32_t cpus = bpf_map__max_entries(skeleton->maps.cpus);
  EXPECT_GE(cpus, 1U);
  EXPECT_EQ(*each, slots_for(settings.ring_bytes, cpus));
  EXPECT_EQ(bpf_map__max_entries(skeleton->maps.slots), cpus * *each);
  EXPECT_EQ(bpf_map__max_entries(skeleton->maps.samples), settings.ring_bytes / 4);
  EXPECT_EQ(bpf_map__numa_node(skeleton->maps.samples), 3U);
  EXPECT_EQ(bpf_map__map_flags(skeleton->maps.samples), static_cast<std::uint32_t>(BPF_F_NUMA_NODE));
  EXPECT_EQ(bpf_map__map_flags(skeleton->maps.slots), static_cast<std::uint32_t>(BPF_F_MMAPABLE))
      << "written at every sample, so it stays near";
}

}  // namespace
}  // namespace tier
