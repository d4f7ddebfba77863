#include "predictor/training/loss.h"

#include <cmath>

namespace tier {
namespace {

constexpr std::size_t kCount = kHorizons.size();
// Of the mean demand: added to every forecast and truth, so that a region forecast at nothing does not cost
// everything when it is touched once.
constexpr double kFloor = 0.01;

// One tick and horizon.
class Slice {
 public:
  Slice(const LossInput& in, std::size_t tick, std::size_t horizon)
      : in_(in), horizon_(horizon), unit_(in.unit[tick]) {
    for (std::size_t r = 0; r < in.regions; ++r) {
      const std::size_t at = (tick * in.regions + r) * kCount + horizon;
      if (in.counts[tick * in.regions + r] == 0 || in.came[at] < 0) continue;
      places_.push_back(at);
      came_ += in.came[at];
      forecast_ += in.mean[at];
    }
    floor_ = places_.empty() ? 0 : kFloor * came_ / static_cast<double>(places_.size());
  }

  std::size_t horizon() const { return horizon_; }
  bool empty() const { return !(came_ > 0); }

  void add(Loss& loss, const LossWeights& weights, double scale, LossGradient* gradient) const {
    const auto count = static_cast<double>(places_.size());
    const double came = came_ + count * floor_, forecast = forecast_ + count * floor_;
    const double off = std::log(forecast / came);
    loss.level += scale * off * off;
    for (const std::size_t at : places_) {
      const double y = in_.came[at] + floor_, m = in_.mean[at] + floor_;
      loss.divergence += scale * y / came * std::log(y / came * forecast / m);
      if (gradient != nullptr)
        gradient->mean[at] =
            static_cast<float>(scale * (1 / forecast - y / came / m + weights.level * 2 * off / forecast));
      const double unit = scale / (came_ + count * unit_);
      loss.pinball += unit * pinball(in_.low[at], in_.came[at], 0.1);
      loss.pinball += unit * pinball(in_.high[at], in_.came[at], 0.9);
      if (gradient == nullptr) continue;
      gradient->low[at] = static_cast<float>(weights.pinball * unit * slope(in_.low[at], in_.came[at], 0.1));
      gradient->high[at] =
          static_cast<float>(weights.pinball * unit * slope(in_.high[at], in_.came[at], 0.9));
    }
  }

 private:
  static double pinball(double quantile, double came, double level) {
    return came >= quantile ? level * (came - quantile) : (1 - level) * (quantile - came);
  }
  static double slope(double quantile, double came, double level) {
    return came >= quantile ? -level : 1 - level;
  }

  const LossInput& in_;
  std::size_t horizon_;
  std::vector<std::size_t> places_;
  double unit_ = 0, came_ = 0, forecast_ = 0, floor_ = 0;
};

}  // namespace

Loss training_loss(const LossInput& in, const LossWeights& weights, LossGradient* gradient) {
  if (gradient != nullptr)
    for (auto* each : {&gradient->low, &gradient->mean, &gradient->high}) each->assign(in.mean.size(), 0);
  std::vector<Slice> slices;
  for (std::size_t tick = 0; tick < in.ticks; ++tick)
    for (std::size_t h = 0; h < kCount; ++h) {
      Slice slice(in, tick, h);
      if (!slice.empty()) slices.push_back(std::move(slice));
    }
  Loss loss;
  loss.scored = slices.size();
  const double scale = slices.empty() ? 0 : 1 / static_cast<double>(slices.size());
  for (const Slice& slice : slices)
    slice.add(loss, weights, scale * weights.horizons[slice.horizon()], gradient);
  return loss;
}

}  // namespace tier
