#include "predictor/network/dense.h"

#include <gtest/gtest.h>

#include <cmath>
#include <filesystem>
#include <thread>

#include "predictor/network/network_fixture.h"
#include "predictor/network/onednn.h"

namespace tier {
namespace {

constexpr std::size_t kTicks = 40, kRegions = 19;

// One window: region 3 arrives at tick 7, region 4 just before the end, region 5 never.
struct Window {
  NetworkShape shape;
  std::vector<float> weights, features, d_outputs;
  std::vector<std::uint32_t> first;

  explicit Window(const NetworkShape& of)
      : shape(of),
        weights(testing::random_weights(of, 1)),
        features(testing::random_features(kTicks * kRegions * of.features, 2)),
        d_outputs(testing::random_features(kTicks * kRegions * kHeadOutputs, 3)),
        first(kRegions, 0) {
    first[3] = 7, first[4] = kTicks - 1, first[5] = kTicks;
  }
};

std::unique_ptr<DenseNetwork> make(const NetworkShape& shape, Kernels kernels) {
  auto made = DenseNetwork::make(shape, kTicks, kRegions, kernels);
  EXPECT_TRUE(made) << (made ? "" : made.error().text());
  return made ? std::move(*made) : nullptr;
}

std::vector<float> forward(DenseNetwork& network, const Window& window) {
  std::vector<float> outputs(kTicks * kRegions * kHeadOutputs);
  EXPECT_TRUE(network.forward(window.weights, window.features, window.first, outputs));
  return outputs;
}

// Relative to the largest: of sums that cancel, little is left to compare with.
void expect_close(const std::vector<float>& one, const std::vector<float>& other, double tolerance) {
  ASSERT_EQ(one.size(), other.size());
  double largest = 0, difference = 0;
  for (std::size_t i = 0; i < one.size(); ++i) {
    ASSERT_TRUE(std::isfinite(one[i]) && std::isfinite(other[i])) << i;
    largest = std::max<double>(largest, std::abs(one[i]));
    difference = std::max<double>(difference, std::abs(one[i] - other[i]));
  }
  EXPECT_GT(largest, 0);
  EXPECT_LE(difference, tolerance * largest);
}

class Shapes : public ::testing::TestWithParam<NetworkShape> {};
INSTANTIATE_TEST_SUITE_P(Dense, Shapes,
                         ::testing::Values(NetworkShape{24, 8, 0}, NetworkShape{24, 8, 1},
                                           NetworkShape{24, 8, 3}, NetworkShape{24, 16, 3},
                                           NetworkShape{16, 32, 4}, NetworkShape{8, 8, 5}),
                         [](const auto& shape) {
                           return "F" + std::to_string(shape.param.features) + "C" +
                                  std::to_string(shape.param.channels) + "B" +
                                  std::to_string(shape.param.blocks);
                         });

TEST_P(Shapes, OnednnAndPlainKernelsAgreeForwardAndBackward) {
  const Window window(GetParam());
  const auto fast = make(window.shape, Kernels::kOnednn), plain = make(window.shape, Kernels::kPlain);
  ASSERT_TRUE(fast && plain);
  expect_close(forward(*plain, window), forward(*fast, window), 1e-5);
  std::vector<float> by_fast(window.weights.size()), by_plain(window.weights.size());
  ASSERT_TRUE(fast->backward(window.d_outputs, by_fast));
  ASSERT_TRUE(plain->backward(window.d_outputs, by_plain));
  for (const TensorPlace& place : network_tensors(window.shape)) {
    SCOPED_TRACE(place.name);
    const auto of = [&](const std::vector<float>& all) {
      const auto from = all.begin() + static_cast<std::ptrdiff_t>(place.offset);
      return std::vector<float>(from, from + static_cast<std::ptrdiff_t>(place.size));
    };
    expect_close(of(by_plain), of(by_fast), 1e-4);
  }
}

// The same maths, written down once more without layers' layout: outputs of one region by recursion.
struct Recursive {
  const Window& window;
  std::vector<TensorPlace> places = network_tensors(window.shape);

  double weight(std::size_t tensor, std::size_t at) const {
    return window.weights[places[tensor].offset + at];
  }
  // Channel `o` after layer `layer` (0: stem) at `tick`; 0 before the region's first.
  double activation(std::size_t layer, int tick, std::size_t region, std::size_t o) const {
    if (tick < static_cast<int>(window.first[region])) return 0;
    const std::size_t channels = window.shape.channels, features = window.shape.features;
    double sum = weight(2 * layer + 1, o);
    if (layer == 0) {
      const std::size_t row = static_cast<std::size_t>(tick) * kRegions + region;
      for (std::size_t i = 0; i < features; ++i)
        sum += weight(0, o * features + i) * window.features[row * features + i];
      return std::max(sum, 0.0);
    }
    const int dilation = 1 << (layer - 1) / 2;
    for (std::size_t i = 0; i < channels; ++i)
      for (int tap = 0; tap < 3; ++tap)
        sum += weight(2 * layer, (o * channels + i) * 3 + static_cast<std::size_t>(tap)) *
               activation(layer - 1, tick - (2 - tap) * dilation, region, i);
    if (layer % 2 == 0) sum += activation(layer - 2, tick, region, o);
    return std::max(sum, 0.0);
  }
};

TEST(Dense, OutputsAreThoseOfTheDefinition) {
  const Window window({8, 8, 1});
  const Recursive recursive{window};
  const std::vector<float> outputs = forward(*make(window.shape, Kernels::kPlain), window);
  for (const std::size_t region : {0U, 3U, 4U, 5U})
    for (const int tick : {0, 1, 6, 7, 8, 9, 20, 39})
      for (const std::size_t o : {0U, 29U}) {
        double sum = recursive.weight(7, o);
        for (std::size_t i = 0; i < 8; ++i)
          sum += recursive.weight(6, o * 8 + i) * recursive.activation(2, tick, region, i);
        if (tick < static_cast<int>(window.first[region])) sum = 0;
        const std::size_t row = static_cast<std::size_t>(tick) * kRegions + region;
        EXPECT_NEAR(outputs[row * kHeadOutputs + o], sum, 1e-4 * (1 + std::abs(sum)))
            << region << " " << tick;
      }
}

// d(Σ outputs · d_outputs) by central differences, of some weights of each tensor.
TEST_P(Shapes, GradientIsThatOfFiniteDifferences) {
  Window window(GetParam());
  for (float& d_output : window.d_outputs) d_output /= 3e3F;
  const auto network = make(window.shape, Kernels::kOnednn);
  ASSERT_TRUE(network);
  forward(*network, window);
  std::vector<float> gradient(window.weights.size());
  ASSERT_TRUE(network->backward(window.d_outputs, gradient));
  const auto loss = [&](std::size_t at, float step) {
    const float kept = window.weights[at];
    window.weights[at] += step;
    const std::vector<float> outputs = forward(*network, window);
    window.weights[at] = kept;
    double sum = 0;
    for (std::size_t i = 0; i < outputs.size(); ++i)
      sum += static_cast<double>(outputs[i]) * window.d_outputs[i];
    return sum;
  };
  for (const TensorPlace& place : network_tensors(window.shape)) {
    double scale = 0;
    for (std::size_t i = 0; i < place.size; ++i)
      scale = std::max<double>(scale, std::abs(gradient[place.offset + i]));
    for (const std::size_t i : {std::size_t{0}, place.size / 2, place.size - 1}) {
      const std::size_t at = place.offset + i;
      // Small: kinks of the ReLU between the two points are no error of the gradient. Exact in binary.
      const float step = 1.0F / 4096;
      const double expected = (loss(at, step) - loss(at, -step)) / (2 * static_cast<double>(step));
      EXPECT_NEAR(gradient[at], expected, 0.01 * scale) << place.name << " " << i;
    }
  }
}

TEST(Dense, WhatComesBeforeARegionsFirstTickHasNoSay) {
  Window window({24, 8, 2});
  const auto network = make(window.shape, Kernels::kOnednn);
  const std::vector<float> outputs = forward(*network, window);
  std::vector<float> gradient(window.weights.size()), again(window.weights.size());
  ASSERT_TRUE(network->backward(window.d_outputs, gradient));
  for (std::size_t tick = 0; tick < 7; ++tick) {
    window.features[(tick * kRegions + 3) * window.shape.features] = 100;
    window.d_outputs[(tick * kRegions + 3) * kHeadOutputs] = 100;
  }
  EXPECT_EQ(forward(*network, window), outputs);
  ASSERT_TRUE(network->backward(window.d_outputs, again));
  EXPECT_EQ(again, gradient);
  for (std::size_t tick = 0; tick < 7; ++tick)
    EXPECT_EQ(outputs[(tick * kRegions + 3) * kHeadOutputs + 5], 0) << tick;
}

TEST(Dense, WhatCannotBeIsRefused) {
  EXPECT_EQ(DenseNetwork::make({20, 8, 3}, 8, 8, Kernels::kPlain).error().kind, ErrorKind::kUsage);
  EXPECT_EQ(DenseNetwork::make({24, 8, 3}, 0, 8, Kernels::kPlain).error().kind, ErrorKind::kUsage);
}

std::ptrdiff_t threads() {
  using std::filesystem::directory_iterator;
  return std::distance(directory_iterator("/proc/self/task"), directory_iterator());
}

// On a thread of its own: OpenMP keeps a team for each thread that ever had one.
TEST(Onednn, WorksOnTheCallingThreadAlone) {
  std::ptrdiff_t before = 0, after = 0;
  std::thread([&] {
    before = threads();
    const Window window({24, 16, 3});
    const auto network = make(window.shape, Kernels::kOnednn);
    forward(*network, window);
    std::vector<float> gradient(window.weights.size());
    EXPECT_TRUE(network->backward(window.d_outputs, gradient));
    after = threads();
  }).join();
  EXPECT_EQ(before, after);
}

}  // namespace
}  // namespace tier
