#include "tierd/daemon/runs_on.h"

#include <gtest/gtest.h>

namespace tier {
namespace {

std::vector<NumaNode> two_sockets() {
  std::vector<NumaNode> nodes(3);
  for (int i = 0; i < 3; ++i) nodes[static_cast<std::size_t>(i)].id = {i};
  nodes[0].cpus = {0, 1}, nodes[1].cpus = {2, 3};
  return nodes;
}

SampleBatch samples(int target, std::uint32_t cpu, int count) {
  AccessSample sample;
  sample.target = {static_cast<std::uint32_t>(target)};
  sample.cpu = cpu;
  SampleBatch batch;
  batch.samples.assign(static_cast<std::size_t>(count), sample);
  return batch;
}

std::vector<NodeShare> shares(const RunsOn& runs_on) {
  std::vector<Target> targets(1);
  targets[0].id = {1};
  runs_on.tell(targets);
  return targets[0].runs_on;
}

TEST(RunsOn, SharesFollowTheCpusWithinAFewTicks) {
  RunsOn runs_on;
  EXPECT_TRUE(shares(runs_on).empty());
  runs_on.fold(samples(1, 1, 30));
  runs_on.fold(samples(1, 3, 10));
  runs_on.fold(samples(2, 3, 500));
  runs_on.close_tick(two_sockets());
  ASSERT_EQ(shares(runs_on).size(), 2u);
  EXPECT_DOUBLE_EQ(shares(runs_on)[0].share, 0.75);
  EXPECT_EQ(shares(runs_on)[1].node, NodeId{1});
  for (int tick = 0; tick < 4; ++tick) {
    runs_on.fold(samples(1, 2, 40));
    runs_on.close_tick(two_sockets());
  }
  EXPECT_GT(shares(runs_on)[1].share, 0.85);
}

TEST(RunsOn, FewSamplesUnknownCpusAndOneSocketTellNothing) {
  RunsOn runs_on;
  runs_on.fold(samples(1, 1, 3));
  runs_on.fold(samples(1, kNoCpu, 100));
  runs_on.fold(samples(1, 77, 100));
  runs_on.close_tick(two_sockets());
  EXPECT_TRUE(shares(runs_on).empty());
  runs_on.fold(samples(1, 1, 100));
  std::vector<NumaNode> one = two_sockets();
  one.erase(one.begin() + 1);
  runs_on.close_tick(one);
  EXPECT_TRUE(shares(runs_on).empty());
}

TEST(RunsOn, ATargetThatIsNotSampledIsForgotten) {
  RunsOn runs_on;
  runs_on.fold(samples(1, 1, 100));
  runs_on.close_tick(two_sockets());
  EXPECT_FALSE(shares(runs_on).empty());
  for (int tick = 0; tick < 20; ++tick) runs_on.close_tick(two_sockets());
  EXPECT_TRUE(shares(runs_on).empty());
}

}  // namespace
}  // namespace tier
