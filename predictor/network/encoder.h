// Context tokens to the few numbers z that the weights are generated from: multi-head attention (Vaswani et
// al. 2017) over however many tokens there are, then a small multilayer perceptron. Plain loops: one context
// in many ticks.
//
// Token x of kind k: e = ReLU(E_k x + b_k), width D. Query q = Q m + q0, m the mean e of the workload's
// tokens (0 without any); keys K e, values V e; per head softmax(q · k / sqrt(D / heads)) over the tokens.
// z = B ReLU(A o + a) + b of the heads' results o.
#pragma once

#include <cstddef>
#include <span>
#include <vector>

#include "predictor/network/shape.h"
#include "predictor/network/tokens.h"

namespace tier {

inline constexpr std::size_t kTokenWidth = 16, kHeads = 2, kHidden = 32;

struct EncoderShape {
  std::uint32_t rank = 8;  // numbers in z, 0 to 32
  bool attention = true;   // false: every token counts alike
  bool operator==(const EncoderShape&) const = default;
};

// As network_tensors(); "token.tier.weight", "query.weight", "hidden.bias", "z.weight" and so on.
std::vector<TensorPlace> encoder_tensors(const EncoderShape& shape);
std::size_t encoder_weights(const EncoderShape& shape);

// Everything a pass leaves, for the backward pass and for people. By token, then head or width.
struct Encoding {
  std::vector<float> z;          // rank
  std::vector<float> attention;  // tokens x kHeads; sums to 1 over the tokens of each head
  std::vector<float> embedded, keys, values;
  std::vector<float> mean, query, heads, hidden;
  std::size_t tokens = 0, workload_tokens = 0;
};

// `weights`: encoder_weights() floats. Without tokens z is what the biases give.
Encoding encode(const EncoderShape& shape, std::span<const float> weights, std::span<const Token> tokens);

// Adds d(loss)/d(weights) to `d_weights`, given d(loss)/d(z).
void encode_backward(const EncoderShape& shape, std::span<const float> weights, std::span<const Token> tokens,
                     const Encoding& encoding, std::span<const float> d_z, std::span<float> d_weights);

}  // namespace tier
