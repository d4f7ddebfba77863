// ENOMEM: whether the node is full or only these pages find no place there.
#include <gmock/gmock.h>

#include <cerrno>

#include "migrator/migrator_fixture.h"

namespace tier {
namespace {

using testing::HasSubstr;

class ShortageTest : public MigratorTest {
 protected:
  void build_knowing(const FakeSpec& spec) {
    build(spec);
    make_migrator({}, {nullptr, machine.get(), machine.get()});
  }
};

// A page of 8 MiB (regions 0 to 3) in a pool, and 8 MiB of ordinary pages (regions 4 to 7).
FakeSpec pooled_and_plain() {
  FakeSpec spec = two_tiers(1_GiB, 8_MiB);
  spec.processes[0].mappings[0].pooled = 8_MiB;
  spec.processes[0].mappings.push_back({.start = kBase + (8_MiB).value, .size = 8_MiB, .node = 1});
  return spec;
}

TEST_F(ShortageTest, APageThatIsTooLargeForItsPoolLeavesItsNeighboursAlone) {
  build_knowing(pooled_and_plain());
  machine->set_pool(kFast, 8_MiB, 0);
  const auto reports = run(plan(1, {promote(0), promote(1), promote(4), promote(5)}));
  ASSERT_EQ(reports.size(), 4u);
  for (const auto& r : reports) EXPECT_TRUE(r.pages.balanced());
  EXPECT_EQ(reports[0].fate, MoveFate::kFailed);
  EXPECT_EQ(reports[0].pages.failed, (std::map<int, std::uint64_t>{{ENOMEM, kPagesPerRegion}}));
  EXPECT_THAT(reports[0].detail, HasSubstr("a page of 8MiB does not fit: node 0 has 0 free ones"));
  EXPECT_THAT(reports[0].detail, HasSubstr("enlarge its pool"));
  EXPECT_TRUE(reports[0].unmovable);
  EXPECT_EQ(reports[2].fate, MoveFate::kMoved) << reports[2].detail;
  EXPECT_EQ(reports[3].fate, MoveFate::kMoved) << reports[3].detail;
  const auto calls = machine->move_calls();
  EXPECT_TRUE(run(plan(2, {promote(0)})).at(0).unmovable);
  EXPECT_EQ(machine->move_calls(), calls) << "asked again at once";
}

TEST_F(ShortageTest, APageOfAPoolMovesIntoAFreeOne) {
  build_knowing(pooled_and_plain());
  machine->set_pool(kFast, 8_MiB, 1);
  const auto r = run(plan(1, {promote(0)})).at(0);
  EXPECT_EQ(r.fate, MoveFate::kMoved) << r.detail;
  EXPECT_EQ(machine->node_of(kProgram, kBase + (6_MiB).value), kFast);
}

TEST_F(ShortageTest, ARegionWithoutPlaceOnARoomyNodeWaitsAlone) {
  build_knowing(two_tiers(1_GiB, 8_MiB));
  machine->fail_calls(ENOMEM, 1);
  const auto reports = run(plan(1, {promote(0), promote(1)}));
  EXPECT_EQ(reports.at(0).fate, MoveFate::kFailed);
  EXPECT_THAT(reports.at(0).detail, HasSubstr("node 0 has 1024 MiB free and yet no place"));
  EXPECT_FALSE(reports.at(0).unmovable) << "memory comes together again";
  EXPECT_EQ(reports.at(1).fate, MoveFate::kMoved) << reports.at(1).detail;
  clock.advance(std::chrono::seconds(1));
  EXPECT_EQ(run(plan(2, {promote(0)})).at(0).fate, MoveFate::kMoved);
}

TEST_F(ShortageTest, AFullNodeIsStillFull) {
  build_knowing(two_tiers(3_MiB, 8_MiB));
  const auto reports = run(plan(1, {promote(0), promote(1), promote(2)}));
  EXPECT_EQ(reports.at(1).pages.failed, (std::map<int, std::uint64_t>{{ENOMEM, 256}}));
  EXPECT_THAT(reports.at(2).detail, HasSubstr("node 0 is full"));
}

// Half a huge page is free: too little for those, enough for others' small pages.
TEST_F(ShortageTest, ANodeWithoutAHugePageTakesSmallOnes) {
  FakeSpec spec = two_tiers(5_MiB, 8_MiB, true);
  spec.processes.push_back(
      {.pid = 200, .start_time = 9, .mappings = {{.start = kBase, .size = 1_MiB, .node = 1}}});
  build_knowing(spec);
  MigrationRequest small = promote(0);
  small.id = 50;
  small.key = {TargetId{2}, kBase};
  small.pid = Pid{200};
  small.start_time = 9;
  small.range = {kBase, kBase + (1_MiB).value};
  const auto reports = run(plan(1, {promote(0), promote(1), promote(2), promote(3), small}));
  ASSERT_EQ(reports.size(), 5u);
  EXPECT_EQ(reports[1].fate, MoveFate::kMoved);
  EXPECT_EQ(reports[2].fate, MoveFate::kFailed);
  EXPECT_THAT(reports[3].detail, HasSubstr("node 0 is full"));
  EXPECT_EQ(reports[4].fate, MoveFate::kMoved) << reports[4].detail;
}

}  // namespace
}  // namespace tier
