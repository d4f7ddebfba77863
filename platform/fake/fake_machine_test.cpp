#include "platform/fake/fake_machine.h"

#include <gtest/gtest.h>

#include <cerrno>
#include <filesystem>

#include "platform/fake/tree.h"

namespace tier {
namespace {

constexpr Pid kPid{5};
constexpr Address kStart = 0x200000;

FakeSpec machine(bool huge = false) {
  return {.nodes = {{.id = 0, .capacity = 4_MiB}, {.id = 3, .capacity = 64_MiB, .has_cpus = false}},
          .processes = {{.pid = 5, .mappings = {{.start = kStart, .size = 8_MiB, .node = 3, .huge = huge}}}}};
}

std::vector<Address> pages(std::size_t count) {
  std::vector<Address> list;
  for (std::size_t i = 0; i < count; ++i) list.push_back(kStart + i * 4096);
  return list;
}

TEST(FakeMachine, CapacityIsKept) {
  FakeMachine fake(machine());
  EXPECT_EQ(fake.free_on({0}), 4_MiB);
  EXPECT_EQ(fake.free_on({3}), 56_MiB);
  const PageCall call = fake.move(kPid, pages(2048), {0});
  EXPECT_EQ(call.value, -1);
  EXPECT_EQ(call.error_number, ENOMEM);
  EXPECT_EQ(fake.resident_on(kPid, {0}), 4_MiB);
  EXPECT_EQ(fake.free_on({0}), Bytes{0});
  fake.exit(kPid);
  EXPECT_EQ(fake.free_on({0}), 4_MiB);
  EXPECT_EQ(fake.free_on({3}), 64_MiB);
}

TEST(FakeMachine, TheFirstUnmigratablePageEndsTheCallAndItsQueueStaysUnsaid) {
  FakeMachine fake(machine());
  fake.refuse_pages(kPid, {kStart + 2 * 4096, kStart + 3 * 4096}, EBUSY);
  fake.fail_migration(kPid, {kStart + 4 * 4096, kStart + 5 * 4096});
  const PageCall call = fake.move(kPid, pages(8), {0});
  // 0 and 1 moved, 2 refused at once (which flushes 0 and 1), then 3…7 queue up and 4 fails.
  EXPECT_EQ(call.value, 1);
  EXPECT_EQ(call.status, (std::vector<int>{0, 0, -EBUSY, kStatusUnknown, kStatusUnknown, kStatusUnknown,
                                           kStatusUnknown, kStatusUnknown}));
  EXPECT_EQ(fake.node_of(kPid, kStart + 5 * 4096), NodeId{0}) << "moved, though nobody said so";
  EXPECT_EQ(fake.node_of(kPid, kStart + 4 * 4096), NodeId{3});
}

TEST(FakeMachine, AnyAddressMovesItsHugePage) {
  FakeMachine fake(machine(true));
  const PageCall call = fake.move(kPid, std::vector<Address>{kStart + 77 * 4096}, {0});
  EXPECT_EQ(call.status, std::vector<int>{0});
  EXPECT_EQ(fake.resident_on(kPid, {0}), 2_MiB);
  EXPECT_EQ(fake.node_of(kPid, kStart + (2_MiB).value), NodeId{3});
}

TEST(FakeMachine, HandlesEndWithExitExecAndReuse) {
  FakeMachine fake(machine());
  const auto before = fake.open(kPid, 1);
  ASSERT_TRUE(before);
  fake.exec(kPid, {.name = "next"});
  EXPECT_FALSE((*before)->alive());
  EXPECT_EQ(fake.describe(kPid)->name, "next");
  const auto next = fake.open(kPid, 1);
  EXPECT_TRUE((*next)->alive());
  fake.spawn({.pid = 5, .start_time = 2});
  EXPECT_FALSE((*next)->alive());
  EXPECT_FALSE(fake.open(kPid, 1).has_value());
}

TEST(FakeMachine, AHoleSplitsTheMapping) {
  FakeMachine fake(machine());
  const auto version = fake.mappings_version(kPid);
  fake.unmap(kPid, {kStart + (2_MiB).value, kStart + (4_MiB).value});
  const auto mappings = fake.mappings(kPid);
  ASSERT_EQ(mappings->size(), 2u);
  EXPECT_EQ((*mappings)[1].range, (AddressRange{kStart + (4_MiB).value, kStart + (8_MiB).value}));
  EXPECT_NE(fake.mappings_version(kPid), version);
  EXPECT_EQ(fake.locate(kPid, std::vector<Address>{kStart + (2_MiB).value}).status.at(0), -EFAULT);
}

TEST(FakeMachine, CgroupsHoldTheirDescendants) {
  FakeMachine fake(
      {.processes = {{.pid = 1, .cgroup = "/a"}, {.pid = 2, .cgroup = "/a/b"}, {.pid = 3, .cgroup = "/ab"}}});
  EXPECT_EQ(fake.in_cgroup("/a"), (std::vector<Pid>{{1}, {2}}));
  EXPECT_EQ(fake.in_cgroup("/")->size(), 3u);
  EXPECT_FALSE(fake.in_cgroup("/c").has_value());
}

TEST(TemporaryTree, GoesWithTheObject) {
  std::string root;
  {
    TemporaryTree tree({{"a/b", "text"}, {"d", TreeDirectory{{"link", TreeLink{"../a/b"}}}}});
    root = tree.root();
    EXPECT_TRUE(std::filesystem::is_regular_file(root + "/d/link"));
    tree.write("a/c/d", "more");
    EXPECT_EQ(std::filesystem::file_size(root + "/a/c/d"), 4u);
  }
  EXPECT_FALSE(std::filesystem::exists(root));
}

}  // namespace
}  // namespace tier
