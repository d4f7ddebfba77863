// What is decided about an object before the kernel sees it; opening one needs no privilege.
#include "platform/linux/sampling/bpf_support.h"

#include <bpf/libbpf.h>
#include <gtest/gtest.h>
#include <linux/bpf.h>

#include <memory>
#include <set>
#include <string>

#include "hardware.skel.h"

namespace tier {
namespace {

struct Closer {
  void operator()(hardware_bpf* skeleton) const { hardware_bpf__destroy(skeleton); }
};

// Names of the maps that are to come from `node`.
std::set<std::string> placed_on(const bpf_object& object, std::uint32_t node) {
  std::set<std::string> names;
  bpf_map* map = nullptr;
  while ((map = bpf_object__next_map(&object, map)) != nullptr) {
    const bool asked = (bpf_map__map_flags(map) & BPF_F_NUMA_NODE) != 0;
    if (asked && bpf_map__numa_node(map) == node) names.insert(bpf_map__name(map));
  }
  return names;
}

TEST(Tables, LargeOnesComeFromTheSpareNode) {
  const std::unique_ptr<hardware_bpf, Closer> skeleton(hardware_bpf__open());
  ASSERT_NE(skeleton, nullptr);
  SamplingSettings settings;
  settings.spare_node = NodeId{3};
  ASSERT_TRUE(prepare_tables(*skeleton->obj, settings));
  EXPECT_EQ(bpf_map__max_entries(skeleton->maps.samples), settings.ring_bytes);
  EXPECT_EQ(placed_on(*skeleton->obj, 3), (std::set<std::string>{"samples"}));
  EXPECT_EQ(bpf_map__map_flags(skeleton->maps.watched), static_cast<std::uint32_t>(BPF_F_NO_PREALLOC));
}

TEST(Tables, SmallOnesStay) {
  const std::unique_ptr<hardware_bpf, Closer> skeleton(hardware_bpf__open());
  ASSERT_NE(skeleton, nullptr);
  SamplingSettings settings;
  settings.ring_bytes = 1U << 16;
  settings.spare_node = NodeId{3};
  ASSERT_TRUE(prepare_tables(*skeleton->obj, settings));
  EXPECT_TRUE(placed_on(*skeleton->obj, 3).empty());
}

TEST(Tables, WithoutASpareNodeTheyComeFromAnywhere) {
  const std::unique_ptr<hardware_bpf, Closer> skeleton(hardware_bpf__open());
  ASSERT_NE(skeleton, nullptr);
  ASSERT_TRUE(prepare_tables(*skeleton->obj, {}));
  EXPECT_TRUE(placed_on(*skeleton->obj, 0).empty());
}

}  // namespace
}  // namespace tier
