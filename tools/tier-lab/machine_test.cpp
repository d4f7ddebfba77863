#include "tools/tier-lab/machine.h"

#include <gmock/gmock.h>

namespace tier::lab {
namespace {

using ::testing::Contains;

TopologySpec two_nodes(std::uint64_t fast_mib, std::uint64_t slow_mib) {
  TopologySpec topology;
  topology.vcpus = 2;
  topology.nodes = {{fast_mib, {0, 1}, 80, 80, 100'000, 100'000}, {slow_mib, {}, 240, 240, 20'000, 20'000}};
  topology.distances = {{10, 20}, {20, 10}};
  return topology;
}

TEST(PhysicalMap, IsContiguousBelowTheHole) {
  const std::vector<PhysicalRange> ranges = physical_map(two_nodes(256, 2048));
  ASSERT_EQ(ranges.size(), 2U);
  EXPECT_EQ(ranges[0].start, 0U);
  EXPECT_EQ(ranges[0].end, 256ULL << 20);
  EXPECT_EQ(ranges[1].start, 256ULL << 20);
  EXPECT_EQ(ranges[1].end, 2304ULL << 20);
  EXPECT_EQ(ranges[1].node, 1U);
}

TEST(PhysicalMap, ContinuesAt4GiBOnceMemoryReachesTheHole) {
  const std::vector<PhysicalRange> ranges = physical_map(two_nodes(512, 3072));
  ASSERT_EQ(ranges.size(), 3U);
  EXPECT_EQ(ranges[1].end, 2048ULL << 20) << "2 GiB lie below the hole";
  EXPECT_EQ(ranges[2].start, 4096ULL << 20);
  EXPECT_EQ(ranges[2].end, (4096ULL + 1536) << 20);
  EXPECT_EQ(ranges[2].node, 1U);
}

TEST(PhysicalMap, CoversEveryByteOnce) {
  for (std::uint64_t slow : {1024ULL, 2560ULL, 2562ULL, 8192ULL}) {
    std::uint64_t bytes = 0;
    for (const PhysicalRange& range : physical_map(two_nodes(256, slow))) bytes += range.end - range.start;
    EXPECT_EQ(bytes, (256 + slow) << 20);
  }
}

TEST(RoomForTheImage, IsAddedWhereItIsUnpacked) {
  EXPECT_EQ(with_room_for_image(two_nodes(256, 1024), (30ULL << 20) + 1).nodes[0].size_mib, 288U);
  TopologySpec flat = two_nodes(256, 1024);
  std::swap(flat.nodes[0].cpus, flat.nodes[1].cpus);
  flat = with_room_for_image(flat, 4 << 20);
  EXPECT_EQ(flat.nodes[0].size_mib, 256U);
  EXPECT_EQ(flat.nodes[1].size_mib, 1028U) << "the CPUs are there";
}

TEST(TopologyArguments, NameNodesDistancesAndHmat) {
  const std::vector<std::string> arguments = topology_arguments(two_nodes(256, 1024));
  EXPECT_THAT(arguments, Contains("node,nodeid=0,memdev=m0,cpus=0,cpus=1"));
  EXPECT_THAT(arguments, Contains("node,nodeid=1,memdev=m1,initiator=0"));
  EXPECT_THAT(arguments, Contains("dist,src=0,dst=1,val=20"));
  EXPECT_THAT(arguments,
              Contains("hmat-lb,initiator=0,target=1,hierarchy=memory,data-type=read-latency,latency=240"));
  EXPECT_THAT(arguments, Contains("1280M"));
}

TEST(Latency, GrowsWithTheDistanceOfARemoteInitiator) {
  TopologySpec topology = two_nodes(256, 256);
  topology.nodes[1].cpus = {1};
  topology.nodes[0].cpus = {0};
  EXPECT_EQ(latency_between(topology, 1, 1, 240), 240U);
  EXPECT_EQ(latency_between(topology, 0, 1, 240), 480U);
}

TEST(PluginOptions, ChargeWhatTheHmatSays) {
  Scenario scenario;
  scenario.topology = two_nodes(256, 1024);
  scenario.topology.nodes[1].cpus = {1};
  scenario.topology.nodes[0].cpus = {0};
  scenario.clock = ClockKind::kWaiting;
  const PluginOptions options = plugin_options(scenario, "out");
  EXPECT_TRUE(options.charge);
  EXPECT_EQ(options.shift, 0U);
  EXPECT_EQ(options.latencies[0][0].read_ps, 80'000U);
  EXPECT_EQ(options.latencies[0][1].read_ps, 480'000U) << "from afar";
  EXPECT_EQ(options.latencies[1][1].read_ps, 240'000U);
  EXPECT_EQ(options.tiers[0].read_line_ps, 610U) << "64 B at 100,000 MiB/s";
  EXPECT_EQ(plugin_options_problem(options, 2), "");
}

}  // namespace
}  // namespace tier::lab
