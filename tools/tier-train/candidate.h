// One network that the search may try: its shape, the features it sees, how its loss weighs the horizons.
#pragma once

#include <cstdint>
#include <nlohmann/json.hpp>
#include <random>
#include <span>
#include <string>

#include "core/result.h"
#include "predictor/network/model.h"
#include "predictor/training/loss.h"

namespace tier::sim {

struct FeatureGroup {
  const char* name;
  std::uint64_t features;  // bit i: feature i of feature_table()
};
// Every feature is in one group.
std::span<const FeatureGroup> feature_groups();

struct HorizonsEntry {
  const char* name;
  std::array<double, kHorizons.size()> weights;  // mean 1
};
std::span<const HorizonsEntry> horizons_table();

struct Candidate {
  std::uint32_t channels = 8, blocks = 3, rank = 8;
  std::uint32_t groups = ~0U;  // bit i: it sees feature_groups()[i]; others are 0
  std::uint32_t horizons = 0;  // in horizons_table()
  bool operator==(const Candidate&) const = default;

  ModelShape shape() const;
  std::uint64_t seen_features() const;
  std::string key() const;  // "c8-b3-r8-gff-even": names it, and its results' files
  // Its training's, so that a result depends on the search's seed and on the candidate, not on when and
  // where.
  std::uint64_t seed(std::uint64_t search) const;
};

// Candidate{} with every group.
Candidate usual_candidate();
Candidate draw_candidate(std::mt19937_64& random);
// One or two of its properties drawn anew; another than `of`.
Candidate mutate(const Candidate& of, std::mt19937_64& random);

nlohmann::json to_json(const Candidate& candidate);
// kFailed: no candidate that draw_candidate() could give.
Result<Candidate> candidate_from(const nlohmann::json& json);

}  // namespace tier::sim
