// A store of keys and values whose popularity is zipfian and drifts, as CacheLib's and YCSB's are. Each look-
// up walks the index, a chain of dependent loads, and then reads or writes a value.
#include <cmath>

#include "sim/workloads/draw.h"
#include "sim/workloads/patterns.h"

namespace tier::sim {
namespace {

// Of the waiting, where a hash index of two dependent misses stands before values of several lines.
constexpr double kIndexWaits = 0.25;
constexpr double kIndexParallelism = 2;

class Zipf final : public Pattern {
 public:
  Zipf(const Common& common, const Values& values)
      : common_(common),
        index_regions_(common.part(values["index"])),
        period_(values["period"]),
        drift_(values["drift"]),
        writes_(values["writes"]),
        random_(common.seed) {
    const std::uint32_t count = common.regions - index_regions_;
    const auto rank = draw_order(random_, count);
    weights_.resize(count);
    for (std::uint32_t i = 0; i < count; ++i) weights_[i] = std::pow(1.0 + rank[i], -values["skew"]);
    next_drift_ = period_;
  }

  std::vector<Stream> streams() const override {
    return {{"index", 0, kIndexParallelism, 0}, lookup_stream("values")};
  }

  bool advance(std::uint64_t index, std::vector<RegionEvent>& events) override {
    if (index == 0) events.push_back(common_.event(RegionChange::kAllocate, 0, common_.regions));
    if (drift_ <= 0 || common_.time(index) < next_drift_) return index == 0;
    next_drift_ += period_;
    const auto count = static_cast<std::uint32_t>(weights_.size());
    // Each exchange gives two regions another popularity.
    const auto exchanges = static_cast<std::uint32_t>(std::ceil(drift_ * count / 2));
    for (std::uint32_t i = 0; i < exchanges; ++i)
      std::swap(weights_[draw_below(random_, count)], weights_[draw_below(random_, count)]);
    return true;
  }

  void paint(Painter& painter) const override {
    painter.span(0, index_regions_, 1);
    painter.by_waiting(0, common_.waiting() * kIndexWaits, 0);
    for (std::uint32_t i = 0; i < weights_.size(); ++i) painter.cell(index_regions_ + i, weights_[i]);
    painter.by_waiting(1, common_.waiting() * (1 - kIndexWaits), writes_);
  }

 private:
  Common common_;
  std::uint32_t index_regions_;
  double period_, drift_, writes_;
  std::mt19937_64 random_;
  std::vector<double> weights_;  // popularity of the regions of values
  double next_drift_ = 0;
};

}  // namespace

GeneratorEntry zipf() {
  const std::vector<Parameter> own = {
      {"skew", "exponent of the popularity over regions", Unit::kNumber, 0.99, 0, 3},
      {"index", "share of the footprint that is the index", Unit::kShare, 0.02, 0.0001, 0.5},
      {"writes", "share of the value accesses that write", Unit::kShare, 0.05, 0, 1},
      {"period", "between steps of the drift", Unit::kSeconds, 10, 0.01, 86400},
      {"drift", "share of the regions whose popularity a step exchanges; 0: none", Unit::kShare, 0.02, 0, 1}};
  return {"zipf",
          "A key-value store: dependent look-ups in an index, zipfian values whose popularity drifts.",
          with_common(own), [](const Common& common, const Values& v) -> Result<std::unique_ptr<Pattern>> {
            return std::make_unique<Zipf>(common, v);
          }};
}

}  // namespace tier::sim
