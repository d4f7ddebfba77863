#include "platform/linux/watermarks.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

namespace tier {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;
using testing::Pair;

TEST(HighWatermarks, SumsTheZonesOfEachNode) {
  const char* text =
      "Node 0, zone      DMA\n  per-node stats\n      nr_inactive_anon 0\n  pages free     3840\n        "
      "boost    0\n"
      "        min      21\n        low      26\n        high     31\n  pagesets\n    cpu: 0\n              "
      "count:    0\n"
      "              high:     13\n"
      "Node 0, zone    DMA32\n        high     6446\n"
      "Node 1, zone  Movable\n        high     100\n";
  EXPECT_THAT(parse_high_watermarks(text), ElementsAre(Pair(0, 6477), Pair(1, 100)));
}

TEST(HighWatermarks, HostileTextYieldsNothing) {
  EXPECT_THAT(parse_high_watermarks(""), IsEmpty());
  EXPECT_THAT(parse_high_watermarks("high     31\n"), IsEmpty());
  EXPECT_THAT(parse_high_watermarks("Node x, zone DMA\n high 5\nNode 99999999999999999999, zone\nhigh 7"),
              IsEmpty());
  EXPECT_THAT(
      parse_high_watermarks("Node 0, zone DMA\nhigh -5\nhigh 99999999999999999999\nhigh 12x\nhigh \n"),
      IsEmpty());
  EXPECT_THAT(parse_high_watermarks(std::string(1000, '\0')), IsEmpty());
}

}  // namespace
}  // namespace tier
