#include "predictor/network/encoder.h"

#include <gtest/gtest.h>

#include <cmath>

#include "predictor/network/model.h"

namespace tier {
namespace {

std::vector<Token> some_tokens() {
  std::vector<Token> tokens;
  float next = 0.1F;
  for (const TokenKind kind :
       {TokenKind::kTier, TokenKind::kTier, TokenKind::kMetric, TokenKind::kWorkload, TokenKind::kWorkload}) {
    Token token{kind, "t", {}};
    for (float& number : token.numbers) number = std::sin(next), next += 0.7F;
    tokens.push_back(token);
  }
  return tokens;
}

std::vector<float> weights_of(const EncoderShape& shape) {
  std::vector<float> weights(encoder_weights(shape));
  for (std::size_t i = 0; i < weights.size(); ++i)
    weights[i] = 0.3F * std::sin(1.3F * static_cast<float>(i) + 0.2F);
  return weights;
}

double weighed_sum(const Encoding& e) {
  double sum = 0;
  for (std::size_t r = 0; r < e.z.size(); ++r) sum += e.z[r] * (1 + static_cast<double>(r) / 3);
  return sum;
}

TEST(Encoder, AttentionOfEveryHeadSumsToOneOverTheTokensThatAreThere) {
  const EncoderShape shape;
  const auto weights = weights_of(shape);
  auto tokens = some_tokens();
  while (!tokens.empty()) {
    const Encoding e = encode(shape, weights, tokens);
    ASSERT_EQ(e.attention.size(), tokens.size() * kHeads);
    for (std::size_t head = 0; head < kHeads; ++head) {
      float sum = 0;
      for (std::size_t i = 0; i < tokens.size(); ++i) sum += e.attention[i * kHeads + head];
      EXPECT_NEAR(sum, 1, 1e-5);
    }
    tokens.pop_back();
  }
  EXPECT_EQ(encode(shape, weights, {}).z.size(), shape.rank) << "no token at all is a context too";
}

TEST(Encoder, TheOrderOfTokensDoesNotMatter) {
  const EncoderShape shape;
  const auto weights = weights_of(shape);
  auto tokens = some_tokens();
  const Encoding before = encode(shape, weights, tokens);
  std::swap(tokens[0], tokens[4]), std::swap(tokens[1], tokens[2]);
  const Encoding after = encode(shape, weights, tokens);
  for (std::size_t r = 0; r < shape.rank; ++r) EXPECT_NEAR(after.z[r], before.z[r], 1e-5);
}

TEST(Encoder, OneMoreTierChangesTheContext) {
  const EncoderShape shape;
  const auto weights = weights_of(shape);
  auto tokens = some_tokens();
  const Encoding before = encode(shape, weights, tokens);
  tokens.push_back(tokens[0]);
  tokens.back().numbers[4] = 2;
  const Encoding after = encode(shape, weights, tokens);
  float difference = 0;
  for (std::size_t r = 0; r < shape.rank; ++r) difference += std::abs(after.z[r] - before.z[r]);
  EXPECT_GT(difference, 1e-3F);
}

void check_gradient(const EncoderShape& shape) {
  auto weights = weights_of(shape);
  const auto tokens = some_tokens();
  const Encoding e = encode(shape, weights, tokens);
  std::vector<float> d_z(shape.rank), gradient(weights.size());
  for (std::size_t r = 0; r < d_z.size(); ++r) d_z[r] = 1 + static_cast<float>(r) / 3;
  encode_backward(shape, weights, tokens, e, d_z, gradient);
  for (const TensorPlace& place : encoder_tensors(shape)) {
    for (const std::size_t i : {place.offset, place.offset + place.size / 2, place.offset + place.size - 1}) {
      constexpr float kStep = 4e-4F;
      const float kept = weights[i];
      weights[i] = kept + kStep;
      const double above = weighed_sum(encode(shape, weights, tokens));
      weights[i] = kept - kStep;
      const double below = weighed_sum(encode(shape, weights, tokens));
      weights[i] = kept;
      const double expected = (above - below) / (2 * kStep);
      EXPECT_NEAR(gradient[i], expected, 2e-3 + 0.02 * std::abs(expected)) << place.name << " " << i;
    }
  }
}

TEST(Encoder, ItsGradientIsThatOfFiniteDifferences) { check_gradient({}); }
TEST(Encoder, SoItIsWithoutAttention) { check_gradient({4, false}); }

TEST(Model, StartsTheSameFromTheSameSeedOnly) {
  const ModelShape shape;
  const Model one = Model::random(shape, 1), same = Model::random(shape, 1), other = Model::random(shape, 2);
  EXPECT_TRUE(std::equal(one.values().begin(), one.values().end(), same.values().begin()));
  EXPECT_FALSE(std::equal(one.values().begin(), one.values().end(), other.values().begin()));
}

TEST(Model, TensorsCoverEveryValueOnce) {
  for (const ModelShape& shape : {ModelShape{}, ModelShape{{24, 16, 2}, {0, true}, true}}) {
    std::size_t offset = 0;
    for (const TensorPlace& place : model_tensors(shape)) {
      EXPECT_EQ(place.offset, offset) << place.name;
      offset += place.size;
    }
    EXPECT_EQ(offset, Model(shape).values().size());
  }
}

TEST(Model, WeightsAreTheBaseAndTheWeighedBasis) {
  Model model = Model::random({}, 3);
  std::vector<float> weights(model.network_size());
  model.generate({}, weights);
  EXPECT_TRUE(std::equal(weights.begin(), weights.end(), model.base().begin()));
  std::vector<float> z(8);
  z[2] = 0.5F;
  model.generate(z, weights);
  for (std::size_t i = 0; i < weights.size(); i += 97)
    EXPECT_FLOAT_EQ(weights[i], model.base()[i] + 0.5F * model.basis(2)[i]);
}

TEST(Model, ContextThatGeneratesNothingMovesTheStemOnly) {
  const ModelShape shape{{}, {}, false};
  const Model model = Model::random(shape, 3);
  std::vector<float> z(8, 1.0F), weights(model.network_size());
  model.generate(z, weights);
  std::size_t moved = 0;
  for (std::size_t i = 0; i < weights.size(); ++i) moved += weights[i] != model.base()[i] ? 1U : 0U;
  EXPECT_EQ(moved, shape.network.channels);
}

TEST(Model, GradientsReachBaseBasisAndContext) {
  const Model model = Model::random({}, 5);
  const std::vector<float> z = {0.1F, -0.2F, 0.3F, 0, 0.5F, 0, 0, 1};
  std::vector<float> d_weights(model.network_size()), d_values(model.values().size());
  for (std::size_t i = 0; i < d_weights.size(); ++i) d_weights[i] = std::cos(static_cast<float>(i));
  const auto d_z = model.generate_backward(z, d_weights, d_values);
  double expected = 0;
  for (std::size_t i = 0; i < d_weights.size(); ++i) expected += d_weights[i] * model.basis(4)[i];
  EXPECT_NEAR(d_z[4], expected, 1e-4);
  EXPECT_FLOAT_EQ(d_values[7], d_weights[7]);
  EXPECT_FLOAT_EQ(d_values[(1 + 4) * model.network_size() + 7], 0.5F * d_weights[7]);
}

}  // namespace
}  // namespace tier
