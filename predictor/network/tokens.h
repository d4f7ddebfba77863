// The context of a forecast as tokens: one per tier, one per sensor that is there, one per window of the
// workload. What is missing is no token; any number of tiers is as many tokens.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <vector>

#include "core/node_context.h"
#include "predictor/network/workload_windows.h"

namespace tier {

enum class TokenKind : std::uint8_t { kTier, kMetric, kWorkload };
inline constexpr std::size_t kTokenKinds = 3;
inline constexpr std::size_t kTokenInputs = 20;

struct Token {
  TokenKind kind{};
  std::string name;                           // "tier 0", "power", "workload -16"
  std::array<float, kTokenInputs> numbers{};  // about -2..4
};

// Remembers the metrics' averages, so that tokens tell level and slope. Not thread-safe.
class TokenMaker {
 public:
  void observe(const NodeContext& node);  // once per tick
  std::vector<Token> tokens(const WorkloadWindows& workload) const;

 private:
  NodeContext node_;
  std::array<double, kNodeMetrics> average_{};
  std::array<bool, kNodeMetrics> seen_{};
};

}  // namespace tier
