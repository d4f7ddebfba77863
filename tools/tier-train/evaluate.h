// How well forecasters foretell a dataset: every expert by itself, every forecaster and the switch.
#pragma once

#include <array>
#include <functional>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

#include "core/forecast.h"
#include "predictor/network/learned.h"
#include "predictor/switch.h"
#include "tools/tier-train/dataset.h"

namespace tier::sim {

inline constexpr std::array<double, 3> kShares = {1.0 / 2, 1.0 / 8, 1.0 / 16};  // K: of the regions held
inline constexpr std::size_t kEighth = 1;

struct HorizonScores {
  // Demand captured by the K regions forecast highest over that of the K highest; sums over all ticks.
  std::array<double, kShares.size()> hit{};
  double recall = 0;  // of the K = 1/8 highest regions, how many are among the K forecast highest
  // Losses of the three quantiles (the mean for 0.5), per accesses of true demand; regions in the snapshot.
  std::array<double, 3> pinball{};
  double coverage = 0;       // of true demand by [low, high], regions in the snapshot
  double coverage_busy = 0;  // those of them that were forecast at least the mean of all
};

struct ForecasterScores {
  std::string name;
  std::array<HorizonScores, kHorizons.size()> horizons{};
  // Ticks after a sudden change of the highest K = 1/8 until the mean of hit over 8 ticks, at horizon 1, is
  // 95 % of what it becomes; none where there was no such change.
  std::optional<double> ticks_to_adapt;
  std::uint64_t changes = 0;  // of that kind, in the data
};

// A forecaster to be scored.
struct Contender {
  std::string name;
  std::function<std::unique_ptr<Forecaster>()> make;
};

// Every expert alone with its own quantiles, the forecasters that are no expert, and the switch.
// With a model also the network alone, and the switch with the network as one more expert.
std::vector<Contender> all_contenders(const SwitchSettings& settings,
                                      const std::shared_ptr<const NamedModel>& model = nullptr);

// Every contender sees every tick; the first `warm_up` are not scored. kUsage: too few ticks to score any.
Result<std::vector<ForecasterScores>> evaluate(const Dataset& dataset,
                                               const std::vector<Contender>& contenders,
                                               std::size_t warm_up = 8);

nlohmann::json to_json(const ForecasterScores& scores);

}  // namespace tier::sim
