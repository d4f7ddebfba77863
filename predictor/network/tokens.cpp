#include "predictor/network/tokens.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

namespace tier {
namespace {

constexpr double kRate = 0.1;  // of the metrics' averages
static_assert(kTokenInputs >= kWorkloadNumbers + kWindows && kTokenInputs >= 3 + kNodeMetrics);

// Readings run over decades: the logarithm of those without an upper end, shares of the others.
float normalised(NodeMetric metric, double value) {
  const double v = std::max(value, 0.0);
  switch (metric) {
    case NodeMetric::kMemoryPressureSome:
    case NodeMetric::kMemoryPressureFull:
    case NodeMetric::kCpuPressureSome:
    case NodeMetric::kTemperature:
      return static_cast<float>(std::min(v, 200.0) / 100);
    case NodeMetric::kFastFree:
    case NodeMetric::kPrefetch:
      return static_cast<float>(std::min(v, 1.0));
    case NodeMetric::kFastBandwidthUsed:
    case NodeMetric::kSlowBandwidthUsed:
    case NodeMetric::kMigrated:
      return static_cast<float>(std::log1p(v / 1e6) / 8);  // from a megabyte a second on
    case NodeMetric::kPower:
    case NodeMetric::kRefaults:
    case NodeMetric::kSampled:
      return static_cast<float>(std::log1p(v) / 8);
  }
  return 0;
}

float bounded_log2(double ratio) {
  return ratio > 0 ? static_cast<float>(std::clamp(std::log2(ratio), -8.0, 8.0) / 2) : 0.0F;
}

Token tier_token(const NodeContext& node, std::size_t i, double total) {
  const TierContext& tier = node.tiers[i];
  const TierContext& first = node.tiers[0];
  Token token{TokenKind::kTier, fmt::format("tier {}", tier.rank), {}};
  auto& n = token.numbers;
  n[0] = i == 0 ? 1.0F : 0.0F;
  n[1] = i + 1 == node.tiers.size() ? 1.0F : 0.0F;
  const double latency = seconds(tier.loaded_latency), fastest = seconds(first.loaded_latency);
  if (latency > 0) n[2] = 1, n[3] = bounded_log2(latency / 100e-9);
  if (latency > 0 && fastest > 0) n[4] = bounded_log2(latency / fastest);
  if (tier.bandwidth) n[5] = 1, n[6] = bounded_log2(static_cast<double>(tier.bandwidth->value) / 100e9);
  if (tier.bandwidth && first.bandwidth && first.bandwidth->value > 0)
    n[7] = bounded_log2(static_cast<double>(tier.bandwidth->value) /
                        static_cast<double>(first.bandwidth->value));
  const auto size = static_cast<double>(tier.total.value);
  if (total > 0) n[8] = static_cast<float>(size / total);
  if (size > 0) n[9] = static_cast<float>(static_cast<double>(tier.free.value) / size);
  if (tier.distance > 0) n[10] = 1, n[11] = static_cast<float>(tier.distance - 10) / 10;
  n[12] = 1 / static_cast<float>(1 + i);
  return token;
}

}  // namespace

void TokenMaker::observe(const NodeContext& node) {
  node_ = node;
  for (std::size_t m = 0; m < kNodeMetrics; ++m) {
    if (!node.metrics[m] || !std::isfinite(*node.metrics[m])) {
      node_.metrics[m].reset();
      continue;
    }
    const double value = normalised(static_cast<NodeMetric>(m), *node.metrics[m]);
    average_[m] = seen_[m] ? average_[m] + kRate * (value - average_[m]) : value;
    seen_[m] = true;
  }
}

std::vector<Token> TokenMaker::tokens(const WorkloadWindows& workload) const {
  std::vector<Token> out;
  double total = 0;
  for (const TierContext& tier : node_.tiers) total += static_cast<double>(tier.total.value);
  for (std::size_t i = 0; i < node_.tiers.size(); ++i) out.push_back(tier_token(node_, i, total));
  for (std::size_t m = 0; m < kNodeMetrics; ++m) {
    if (!node_.metrics[m]) continue;
    const auto metric = static_cast<NodeMetric>(m);
    Token token{TokenKind::kMetric, to_string(metric), {}};
    const float now = normalised(metric, *node_.metrics[m]);
    token.numbers[0] = now;
    token.numbers[1] = now - static_cast<float>(average_[m]);
    token.numbers[2] = static_cast<float>(average_[m]);
    token.numbers[3 + m] = 1;
    out.push_back(token);
  }
  const auto windows = workload.windows();
  for (std::size_t w = 0; w < windows.size(); ++w) {
    Token token{TokenKind::kWorkload, fmt::format("workload -{}", (w + 1) * kWindowTicks), {}};
    std::copy(windows[w].begin(), windows[w].end(), token.numbers.begin());
    token.numbers[kWorkloadNumbers + w] = 1;
    out.push_back(token);
  }
  return out;
}

}  // namespace tier
