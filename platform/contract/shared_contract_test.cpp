// Memory that two programs share, on the fake machine and on the real one. With two nodes or more (the lab's
// guest) pages really move.
#include <gtest/gtest.h>

#include <algorithm>
#include <cerrno>
#include <ostream>

#include "core/object_id.h"
#include "migrator/migrator.h"
#include "platform/contract/rig.h"

namespace tier {
namespace {

constexpr Bytes kSize = 4_MiB, kTouched = 3_MiB;
constexpr std::uint64_t kTouchedByBoth = (2_MiB).value;  // the middle

struct Machine {
  const char* name;
  std::unique_ptr<Rig> (*make)();
};

void PrintTo(const Machine& machine, std::ostream* out) { *out << machine.name; }

class Still final : public Clock {
  Nanoseconds now() const override { return {}; }
};

class SharedContract : public testing::TestWithParam<Machine> {
 protected:
  std::unique_ptr<Rig> rig = GetParam().make();

  std::vector<Address> pages_of(AddressRange range) {
    std::vector<Address> pages;
    for (Address a = range.start; a < range.end; a += rig->processes().base_page_size().value)
      pages.push_back(a);
    return pages;
  }
  std::vector<int> places(const Program& program, AddressRange range) {
    return rig->locator().locate(program.pid(), pages_of(range)).status;
  }
  static bool all(const std::vector<int>& places, int node) {
    return !places.empty() && std::all_of(places.begin(), places.end(), [&](int s) { return s == node; });
  }
  std::optional<Mapping> mapping_of(const Program& program) {
    for (const Mapping& mapping : rig->processes().mappings(program.pid()).value_or(std::vector<Mapping>{}))
      if (mapping.range.contains(program.range().start)) return mapping;
    return std::nullopt;
  }
  std::vector<NodeId> roomy_nodes() {
    std::vector<NodeId> ids;
    for (const NumaNode& node : rig->topology().nodes().value_or(std::vector<NumaNode>{}))
      if (node.free > 64_MiB) ids.push_back(node.id);
    return ids;
  }
  MigrationRequest request(const Program& first, const Program& second, NodeId from, NodeId to) {
    MigrationRequest r;
    r.key = {TargetId{kFirstObjectId}, 0};
    r.range = first.range();
    r.pid = first.pid();
    r.start_time = rig->processes().describe(first.pid())->start_time;
    r.also = {{second.pid(), rig->processes().describe(second.pid())->start_time, second.range().start}};
    r.from = from, r.to = to;
    return r;
  }
};

TEST_P(SharedContract, MappingsNameWhatIsShared) {
  const auto [first, second] = rig->start_pair({.size = kSize, .touched = kTouched});
  const auto alone = rig->start();
  const auto mine = mapping_of(*first), yours = mapping_of(*second), own = mapping_of(*alone);
  ASSERT_TRUE(mine && yours && own);
  ASSERT_TRUE(mine->object);
  EXPECT_EQ(mine->object, yours->object);
  EXPECT_TRUE(mine->shared);
  EXPECT_EQ(mine->backing, Backing::kShared);
  EXPECT_EQ(mine->offset + (first->range().start - mine->range.start),
            yours->offset + (second->range().start - yours->range.start));
  EXPECT_FALSE(own->object);
  const auto others = rig->start_pair({.size = kSize, .touched = kTouched});
  EXPECT_NE(mapping_of(*others.first)->object, mine->object);
}

TEST_P(SharedContract, AProcessShowsOnlyThePagesThatItTouched) {
  const auto [first, second] = rig->start_pair({.size = kSize, .touched = kTouched});
  const auto mine = places(*first, first->range()), yours = places(*second, second->range());
  const std::size_t pages = mine.size(), quarter = pages / 4;
  for (std::size_t i = 0; i < pages; ++i) {
    EXPECT_EQ(mine[i] >= 0, i < 3 * quarter) << i << ": " << mine[i];
    EXPECT_EQ(yours[i] >= 0, i >= quarter) << i << ": " << yours[i];
  }
}

TEST_P(SharedContract, PagesThatBothTouchedMoveWhenThatIsAskedFor) {
  const auto nodes = roomy_nodes();
  if (nodes.size() < 2) GTEST_SKIP() << "needs two NUMA nodes; this machine has " << nodes.size();
  const auto [first, second] = rig->start_pair({.size = kSize, .touched = kTouched});
  const Address middle = first->range().start + (1_MiB).value;
  const AddressRange both{middle, middle + kTouchedByBoth};
  const int from = places(*first, both).at(0);
  const NodeId to = from == nodes[0].value ? nodes[1] : nodes[0];
  const PageCall refused = rig->mover().move(first->pid(), pages_of(both), to);
  EXPECT_EQ(refused.value, 0) << refused.error_number;
  EXPECT_TRUE(all(refused.status, -EACCES));
  EXPECT_TRUE(all(places(*second, both), from));
  const PageCall moved = rig->mover().move(first->pid(), pages_of(both), to, PageSharing::kShared);
  EXPECT_EQ(moved.value, 0) << moved.error_number;
  EXPECT_TRUE(all(places(*first, both), to.value));
  EXPECT_TRUE(all(places(*second, both), to.value)) << "at the same addresses here";
}

TEST_P(SharedContract, TheMigratorMovesWhatTwoShareAsOneProgramsMemory) {
  const auto nodes = roomy_nodes();
  if (nodes.size() < 2) GTEST_SKIP() << "needs two NUMA nodes; this machine has " << nodes.size();
  const auto [first, second] = rig->start_pair({.size = kSize, .touched = kTouched});
  Still clock;
  auto executor = std::make_shared<ManualExecutor>();
  Migrator migrator(rig->mover(), rig->locator(), rig->processes(), clock, {.rate = Bytes{0}}, executor);
  std::uint64_t sequence = 0;
  for (const NodeId to : {nodes[1], nodes[0]}) {
    const NodeId from = to == nodes[0] ? nodes[1] : nodes[0];
    migrator.submit({.sequence = ++sequence, .tick = {}, .requests = {request(*first, *second, from, to)}});
    while (!migrator.idle()) executor->run_once();
    const MigrationReport report = migrator.take_reports().at(0);
    EXPECT_EQ(report.fate, MoveFate::kMoved) << report.detail;
    EXPECT_TRUE(report.pages.balanced());
    EXPECT_EQ(report.pages.absent, 0u) << "each page is found through one of the two";
    const Address third = first->range().start + kTouched.value;
    EXPECT_TRUE(all(places(*first, {first->range().start, third}), to.value));
    EXPECT_TRUE(all(places(*second, {third, second->range().end}), to.value));
  }
}

INSTANTIATE_TEST_SUITE_P(Machines, SharedContract,
                         testing::Values(Machine{"fake", &fake_rig}, Machine{"linux", &linux_rig}),
                         [](const auto& machine) { return std::string(machine.param.name); });

}  // namespace
}  // namespace tier
