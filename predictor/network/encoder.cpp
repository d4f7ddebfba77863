#include "predictor/network/encoder.h"

#include <algorithm>
#include <array>
#include <cmath>

namespace tier {
namespace {

constexpr std::size_t kPerHead = kTokenWidth / kHeads;
constexpr std::array<const char*, kTokenKinds> kKindNames = {"token.tier", "token.metric", "token.workload"};

struct Layer {
  std::size_t weight = 0, bias = 0;  // offsets
  std::size_t in = 0, out = 0;
};

struct Layers {
  std::array<Layer, kTokenKinds> token;
  Layer query, key, value, hidden, z;
};

// The order of encoder_tensors().
Layers layers_of(const EncoderShape& shape) {
  std::size_t offset = 0;
  const auto next = [&](std::size_t in, std::size_t out) {
    const Layer layer{offset, offset + in * out, in, out};
    offset += in * out + out;
    return layer;
  };
  Layers layers;
  for (Layer& token : layers.token) token = next(kTokenInputs, kTokenWidth);
  layers.query = next(kTokenWidth, kTokenWidth);
  layers.key = next(kTokenWidth, kTokenWidth);
  layers.value = next(kTokenWidth, kTokenWidth);
  layers.hidden = next(kTokenWidth, kHidden);
  layers.z = next(kHidden, shape.rank);
  return layers;
}

void affine(std::span<const float> weights, const Layer& layer, const float* in, float* out) {
  for (std::size_t o = 0; o < layer.out; ++o) {
    float sum = weights[layer.bias + o];
    const float* const row = weights.data() + layer.weight + o * layer.in;
    for (std::size_t i = 0; i < layer.in; ++i) sum += row[i] * in[i];
    out[o] = sum;
  }
}

// Adds to d_weights, and to d_in where that is not null.
void affine_backward(std::span<const float> weights, const Layer& layer, const float* in, const float* d_out,
                     std::span<float> d_weights, float* d_in) {
  for (std::size_t o = 0; o < layer.out; ++o) {
    d_weights[layer.bias + o] += d_out[o];
    const float* const row = weights.data() + layer.weight + o * layer.in;
    float* const d_row = d_weights.data() + layer.weight + o * layer.in;
    for (std::size_t i = 0; i < layer.in; ++i) {
      d_row[i] += d_out[o] * in[i];
      if (d_in != nullptr) d_in[i] += d_out[o] * row[i];
    }
  }
}

void rectify(std::span<float> values) {
  for (float& v : values) v = std::max(v, 0.0F);
}
void rectify_backward(std::span<const float> values, std::span<float> gradient) {
  for (std::size_t i = 0; i < values.size(); ++i)
    if (values[i] <= 0) gradient[i] = 0;
}

const float kScale = 1 / std::sqrt(static_cast<float>(kPerHead));

// Softmax over the tokens, of one head.
void attend(Encoding& e, std::size_t head, bool attention) {
  const std::size_t count = e.tokens;
  float highest = -1e30F, sum = 0;
  const auto weight = [&](std::size_t i) -> float& { return e.attention[i * kHeads + head]; };
  for (std::size_t i = 0; i < count; ++i) {
    float score = 0;
    for (std::size_t d = head * kPerHead; d < (head + 1) * kPerHead; ++d)
      score += e.query[d] * e.keys[i * kTokenWidth + d];
    weight(i) = attention ? score * kScale : 0;
    highest = std::max(highest, weight(i));
  }
  for (std::size_t i = 0; i < count; ++i) sum += weight(i) = std::exp(weight(i) - highest);
  for (std::size_t i = 0; i < count; ++i) {
    weight(i) /= sum;
    for (std::size_t d = head * kPerHead; d < (head + 1) * kPerHead; ++d)
      e.heads[d] += weight(i) * e.values[i * kTokenWidth + d];
  }
}

struct Gradients {
  std::vector<float> embedded, keys, values, query;
};

void attend_backward(const Encoding& e, std::size_t head, bool attention, const std::vector<float>& d_heads,
                     Gradients& g) {
  const std::size_t from = head * kPerHead, to = from + kPerHead;
  std::vector<float> d_weight(e.tokens);
  float mean = 0;
  for (std::size_t i = 0; i < e.tokens; ++i) {
    const float weight = e.attention[i * kHeads + head];
    for (std::size_t d = from; d < to; ++d) {
      g.values[i * kTokenWidth + d] += weight * d_heads[d];
      d_weight[i] += d_heads[d] * e.values[i * kTokenWidth + d];
    }
    mean += weight * d_weight[i];
  }
  if (!attention) return;
  for (std::size_t i = 0; i < e.tokens; ++i) {
    const float d_score = e.attention[i * kHeads + head] * (d_weight[i] - mean) * kScale;
    for (std::size_t d = from; d < to; ++d) {
      g.query[d] += d_score * e.keys[i * kTokenWidth + d];
      g.keys[i * kTokenWidth + d] += d_score * e.query[d];
    }
  }
}

}  // namespace

std::vector<TensorPlace> encoder_tensors(const EncoderShape& shape) {
  const Layers layers = layers_of(shape);
  std::vector<TensorPlace> places;
  const auto add = [&](const std::string& name, const Layer& layer) {
    places.push_back({name + ".weight", {layer.out, layer.in}, layer.weight, layer.in * layer.out, layer.in});
    places.push_back({name + ".bias", {layer.out}, layer.bias, layer.out, 0});
  };
  for (std::size_t k = 0; k < kTokenKinds; ++k) add(kKindNames[k], layers.token[k]);
  add("query", layers.query), add("key", layers.key), add("value", layers.value);
  add("hidden", layers.hidden), add("z", layers.z);
  return places;
}

std::size_t encoder_weights(const EncoderShape& shape) {
  const Layer last = layers_of(shape).z;
  return last.bias + last.out;
}

Encoding encode(const EncoderShape& shape, std::span<const float> weights, std::span<const Token> tokens) {
  const Layers layers = layers_of(shape);
  Encoding e;
  e.tokens = tokens.size();
  e.embedded.resize(e.tokens * kTokenWidth), e.keys.resize(e.tokens * kTokenWidth);
  e.values.resize(e.tokens * kTokenWidth), e.attention.resize(e.tokens * kHeads);
  e.mean.resize(kTokenWidth), e.query.resize(kTokenWidth), e.heads.resize(kTokenWidth);
  e.hidden.resize(kHidden), e.z.resize(shape.rank);
  for (std::size_t i = 0; i < e.tokens; ++i) {
    float* const embedded = e.embedded.data() + i * kTokenWidth;
    affine(weights, layers.token[static_cast<std::size_t>(tokens[i].kind)], tokens[i].numbers.data(),
           embedded);
    rectify({embedded, kTokenWidth});
    affine(weights, layers.key, embedded, e.keys.data() + i * kTokenWidth);
    affine(weights, layers.value, embedded, e.values.data() + i * kTokenWidth);
    if (tokens[i].kind != TokenKind::kWorkload) continue;
    ++e.workload_tokens;
    for (std::size_t d = 0; d < kTokenWidth; ++d) e.mean[d] += embedded[d];
  }
  for (float& mean : e.mean) mean /= static_cast<float>(std::max<std::size_t>(e.workload_tokens, 1));
  affine(weights, layers.query, e.mean.data(), e.query.data());
  if (e.tokens > 0)
    for (std::size_t head = 0; head < kHeads; ++head) attend(e, head, shape.attention);
  affine(weights, layers.hidden, e.heads.data(), e.hidden.data());
  rectify(e.hidden);
  affine(weights, layers.z, e.hidden.data(), e.z.data());
  return e;
}

void encode_backward(const EncoderShape& shape, std::span<const float> weights, std::span<const Token> tokens,
                     const Encoding& e, std::span<const float> d_z, std::span<float> d_weights) {
  const Layers layers = layers_of(shape);
  std::vector<float> d_hidden(kHidden), d_heads(kTokenWidth), d_mean(kTokenWidth);
  affine_backward(weights, layers.z, e.hidden.data(), d_z.data(), d_weights, d_hidden.data());
  rectify_backward(e.hidden, d_hidden);
  affine_backward(weights, layers.hidden, e.heads.data(), d_hidden.data(), d_weights, d_heads.data());
  if (e.tokens == 0) return;
  const std::size_t size = e.tokens * kTokenWidth;
  Gradients g{std::vector<float>(size), std::vector<float>(size), std::vector<float>(size),
              std::vector<float>(kTokenWidth)};
  for (std::size_t head = 0; head < kHeads; ++head) attend_backward(e, head, shape.attention, d_heads, g);
  affine_backward(weights, layers.query, e.mean.data(), g.query.data(), d_weights, d_mean.data());
  for (std::size_t i = 0; i < e.tokens; ++i) {
    const std::size_t at = i * kTokenWidth;
    if (tokens[i].kind == TokenKind::kWorkload)
      for (std::size_t d = 0; d < kTokenWidth; ++d)
        g.embedded[at + d] += d_mean[d] / static_cast<float>(e.workload_tokens);
    affine_backward(weights, layers.key, &e.embedded[at], &g.keys[at], d_weights, &g.embedded[at]);
    affine_backward(weights, layers.value, &e.embedded[at], &g.values[at], d_weights, &g.embedded[at]);
    rectify_backward({&e.embedded[at], kTokenWidth}, {&g.embedded[at], kTokenWidth});
    affine_backward(weights, layers.token[static_cast<std::size_t>(tokens[i].kind)], tokens[i].numbers.data(),
                    &g.embedded[at], d_weights, nullptr);
  }
}

}  // namespace tier
