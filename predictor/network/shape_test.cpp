#include "predictor/network/shape.h"

#include <gtest/gtest.h>

namespace tier {
namespace {

TEST(NetworkShape, TheDefaultSees29Ticks) {
  const NetworkShape shape;
  ASSERT_TRUE(shape.check());
  EXPECT_EQ(shape.receptive_field(), 29U);
  // Stem 32·8 + 8, six convolutions of 3·8·8 + 8, head 33·8 + 33.
  EXPECT_EQ(network_weights(shape), 264U + 6 * 200 + 297);
}

TEST(NetworkShape, TensorsFollowEachOtherWithoutGaps) {
  std::size_t offset = 0;
  for (const TensorPlace& place : network_tensors({16, 16, 2})) {
    EXPECT_EQ(place.offset, offset) << place.name;
    offset += place.size;
  }
  EXPECT_EQ(network_tensors({16, 16, 2}).size(), 2U + 2 * 4 + 2);
  EXPECT_EQ(NetworkShape({16, 16, 0}).receptive_field(), 1U);
}

TEST(NetworkShape, WhatItCannotBuildItRefuses) {
  EXPECT_FALSE(NetworkShape({20, 8, 3}).check().has_value());
  EXPECT_FALSE(NetworkShape({24, 0, 3}).check().has_value());
  EXPECT_FALSE(NetworkShape({24, 8, 6}).check().has_value());
  EXPECT_TRUE(NetworkShape({64, 64, 5}).check());
}

}  // namespace
}  // namespace tier
