#include "tierd/daemon/settings.h"

#include <gtest/gtest.h>

namespace tier {
namespace {

using namespace std::chrono_literals;

NumaNode node(int id, std::optional<Nanoseconds> latency, Bytes free, bool cpus = false) {
  NumaNode made;
  made.id = {id};
  made.has_cpus = cpus;
  made.total = 8_GiB;
  made.free = free;
  made.read_latency = latency;
  if (latency) made.latency_source = FactSource::kFirmware;
  return made;
}

TEST(SamplingSettings, CalibrationTakesItsMemoryFromTheRoomiestNodeOfTheSlowestTier) {
  const std::vector<NumaNode> nodes = {node(0, 80ns, 4_GiB, true), node(1, 240ns, 1_GiB),
                                       node(2, 240ns, 2_GiB)};
  EXPECT_EQ(sampling_settings({}, nodes).spare_node, NodeId{2});
}

TEST(SamplingSettings, TheAdministratorsOrderSaysWhichMemoryIsSlow) {
  Config config;
  config.tiers.order = {{1}, {0}};
  const std::vector<NumaNode> nodes = {node(0, 100ns, 4_GiB, true), node(1, 110ns, 4_GiB)};
  EXPECT_EQ(sampling_settings(config, nodes).spare_node, NodeId{0});
}

TEST(SamplingSettings, WithOneTierTheCalibrationRunsWhereItLikes) {
  EXPECT_FALSE(sampling_settings({}, {node(0, 80ns, 4_GiB, true)}).spare_node);
  EXPECT_FALSE(sampling_settings({}, {}).spare_node);
}

}  // namespace
}  // namespace tier
