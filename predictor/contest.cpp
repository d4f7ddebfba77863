#include "predictor/contest.h"

namespace tier {
namespace {

double squared_error(std::span<const float> forecast, std::span<const float> came) {
  double sum = 0;
  for (std::size_t i = 0; i < came.size(); ++i) {
    const double error = forecast[i] - came[i];
    sum += error * error;
  }
  return sum;
}

}  // namespace

Contest::Contest(std::size_t candidates, std::size_t first, ContestSettings settings)
    : settings_(settings), tallies_(candidates), leader_(first) {}

void Contest::add(std::span<const Outcomes> outcomes, const Outcomes* due) {
  forget(settings_.decay);
  for (const Outcomes& each : outcomes) {
    if (!each.under_way) continue;
    for (std::size_t c = 0; c < tallies_.size(); ++c)
      if (each.valid[c]) tallies_[c].captured += each.captured[c], tallies_[c].total += each.asked;
  }
  if (due != nullptr && settings_.level_weight > 0) add_errors(*due);
}

void Contest::add_errors(const Outcomes& due) {
  double square = 0;
  for (const float came : due.came) square += static_cast<double>(came) * came;
  for (std::size_t c = 0; c < tallies_.size(); ++c) {
    if (!due.valid[c]) continue;
    tallies_[c].square += square;
    tallies_[c].error += squared_error(due.of(c), due.came);
  }
}

double Contest::captured(std::size_t candidate) const {
  const Tally& tally = tallies_[candidate];
  return tally.total > 0 ? tally.captured / tally.total : 0;
}

double Contest::score(std::size_t candidate) const {
  const Tally& tally = tallies_[candidate];
  const double price = tally.square > 0 ? settings_.level_weight * tally.error / tally.square : 0;
  return captured(candidate) - price;
}

void Contest::elect(const std::vector<std::uint8_t>& barred) {
  // Once the errors of some are known, they must be known of whoever shall lead.
  bool errors = false;
  for (const Tally& tally : tallies_) errors |= tally.square > 0;
  const auto scored = [&](std::size_t c) {
    return barred[c] == 0 && tallies_[c].total > 0 && (!errors || tallies_[c].square > 0);
  };
  std::size_t best = tallies_.size();
  for (std::size_t c = 0; c < tallies_.size(); ++c)
    if (scored(c) && (best == tallies_.size() || score(c) > score(best))) best = c;
  if (best == tallies_.size()) return;
  if (!scored(leader_) || score(best) > score(leader_) + settings_.hysteresis) leader_ = best;
}

void Contest::forget(double kept) {
  for (Tally& tally : tallies_)
    tally.captured *= kept, tally.total *= kept, tally.error *= kept, tally.square *= kept;
}

}  // namespace tier
