// Training of a recommendation model on the CPU's memory: look-ups in an embedding table all the time; layers
// with their activations forwards, then backwards; the optimiser's state at the end of each step; a data set
// read once through each epoch.
#include <algorithm>
#include <cmath>

#include "sim/workloads/draw.h"
#include "sim/workloads/patterns.h"
#include "sim/workloads/sweep.h"

namespace tier::sim {
namespace {

// Of a step's time: forward, then backward, which computes twice as much, then the optimiser.
constexpr double kForward = 0.3, kBackward = 0.6;
constexpr double kSkew = 0.8;  // of the embedding's popularity over regions
constexpr double kStores = 0.3;

class Training final : public Pattern {
 public:
  Training(const Common& common, const Values& values)
      : common_(common),
        step_(values["step"]),
        layer_misses_(values["rate"] * common.length() / kLineSize),
        sweep_(0, 1) {
    embedding_ = common.part(values["embedding"]);
    optimiser_ = common.part(values["optimiser"]);
    data_ = common.part(values["data"]);
    layers_ = common.regions - embedding_ - optimiser_ - data_;
    std::mt19937_64 random(common.seed);
    for (const std::uint32_t rank : draw_order(random, embedding_))
      popularity_.push_back(std::pow(1.0 + rank, -kSkew));
    // The data set lies in front: it is read in before anything is trained.
    sweep_ = Sweep(0, data_);
    data_step_ = data_ * common.length() / values["epoch"];
  }

  static double traffic(const Common& common, const Values& values) {
    const double data = values["data"] * common.regions * static_cast<double>(common.region_size.value);
    return values["rate"] + data / values["epoch"];
  }

  std::vector<Stream> streams() const override {
    return {lookup_stream("embedding"), sequential_stream("layers"), sequential_stream("data")};
  }

  bool advance(std::uint64_t index, std::vector<RegionEvent>& events) override {
    if (index == 0) events.push_back(common_.event(RegionChange::kAllocate, 0, common_.regions));
    begin_ = common_.time(index) / step_;
    sweep_.move(data_step_);
    return true;
  }

  void paint(Painter& painter) const override {
    const double data_misses = data_step_ * lines_per_region(common_);
    const double streamed = (layer_misses_ + data_misses) * reference_wait(sequential_stream(""), 0);
    for (std::uint32_t i = 0; i < embedding_; ++i) painter.cell(data_ + i, popularity_[i]);
    painter.by_waiting(0, common_.waiting() - streamed, kStores);
    paint_layers(painter);
    painter.by_misses(1, layer_misses_, 0);
    sweep_.paint(painter);
    painter.by_misses(2, data_misses, 0);
  }

 private:
  // The layers, then the optimiser's state, weighted by how long the interval spends on each.
  void paint_layers(Painter& painter) const {
    std::vector<double> weights(layers_ + optimiser_);
    const double end = begin_ + common_.length() / step_;
    for (double step = std::floor(begin_); step < end; ++step) {
      const double from = std::max(begin_, step) - step, to = std::min(end, step + 1) - step;
      spend(weights, from / kForward, to / kForward, 0, layers_, kForward);
      // Backwards: the mirror image of a pass forwards.
      spend(weights, 1 - (to - kForward) / kBackward, 1 - (from - kForward) / kBackward, 0, layers_,
            kBackward);
      const double rest = 1 - kForward - kBackward;
      spend(weights, (from - kForward - kBackward) / rest, (to - kForward - kBackward) / rest, layers_,
            optimiser_, rest);
    }
    for (std::uint32_t i = 0; i < weights.size(); ++i) painter.cell(data_ + embedding_ + i, weights[i]);
  }

  // A pass over `count` regions takes `time`; the interval sees it from `from` to `to`, shares of the pass.
  static void spend(std::vector<double>& weights, double from, double to, std::uint32_t first,
                    std::uint32_t count, double time) {
    from = std::max(from, 0.0) * count, to = std::min(to, 1.0) * count;
    for (double region = std::floor(from); region < to; ++region)
      weights[first + static_cast<std::uint32_t>(region)] +=
          time / count * (std::min(region + 1, to) - std::max(region, from));
  }

  Common common_;
  double step_, layer_misses_;
  std::uint32_t embedding_ = 0, optimiser_ = 0, data_ = 0, layers_ = 0;
  std::vector<double> popularity_;  // of the embedding's regions
  Sweep sweep_;
  double data_step_ = 0;  // regions of the data set per interval
  double begin_ = 0;      // of the interval, in steps since the start
};

}  // namespace

GeneratorEntry training() {
  const std::vector<Parameter> own = {
      {"step", "of training: forward, backward, optimiser", Unit::kSeconds, 6, 0.01, 3600},
      {"epoch", "once through the data set", Unit::kSeconds, 60, 0.01, 86400},
      {"embedding", "share of the footprint that is the embedding table", Unit::kShare, 0.25, 0.001, 0.3},
      {"optimiser", "share of the footprint that is the optimiser's state", Unit::kShare, 0.15, 0.001, 0.3},
      {"data", "share of the footprint that is the data set", Unit::kShare, 0.3, 0.001, 0.3},
      {"rate", "of the streams over the layers", Unit::kBytesPerSecond, 20.0 * (1 << 30), 1 << 20,
       1099511627776.0}};
  return {
      "training",
      "Training epochs: embedding look-ups, layers forwards and backwards, a data set read once an epoch.",
      with_common(own, 0.5), [](const Common& common, const Values& v) -> Result<std::unique_ptr<Pattern>> {
        TIER_TRY(check_traffic(common, Training::traffic(common, v)));
        return std::make_unique<Training>(common, v);
      }};
}

}  // namespace tier::sim
