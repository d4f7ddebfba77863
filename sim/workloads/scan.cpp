// Look-ups in a hot set, and now and then a sequential scan of everything else, once through: backup, export,
// analytics beside a store. Its pages are touched often within a second and never again.
#include "sim/workloads/patterns.h"
#include "sim/workloads/sweep.h"

namespace tier::sim {
namespace {

class Scan final : public Pattern {
 public:
  Scan(const Common& common, const Values& values)
      : common_(common),
        hot_(std::min(common.part(values["hot"]), common.regions - 1)),
        heat_(values["heat"]),
        every_(values["every"]),
        misses_(values["rate"] * common.length() / kLineSize),
        next_scan_(values["every"] / 2),
        sweep_(0, 1) {
    // The hot set lies at the end: what is touched first is not what is used most.
    cold_ = common.regions - hot_;
    restart();
  }

  std::vector<Stream> streams() const override {
    return {lookup_stream("look-ups"), sequential_stream("scan")};
  }

  bool advance(std::uint64_t index, std::vector<RegionEvent>& events) override {
    if (index == 0) events.push_back(common_.event(RegionChange::kAllocate, 0, common_.regions));
    const bool scanned = scanning_;
    if (left_ <= 0) scanning_ = false;
    if (!scanning_ && common_.time(index) >= next_scan_) {
      scanning_ = true;
      next_scan_ += every_;
      restart();
    }
    if (scanning_) {
      step_ = std::fmin(left_, misses_ / lines_per_region(common_));
      sweep_.move(step_);
      left_ -= step_;
    }
    return index == 0 || scanning_ || scanned;
  }

  void paint(Painter& painter) const override {
    // Looked up as fast as the rest of the waiting allows.
    const double misses = scanning_ ? step_ * lines_per_region(common_) : 0;
    const double waits = misses * reference_wait(sequential_stream(""), 0);
    painter.span(0, cold_, (1 - heat_) / cold_);
    painter.span(cold_, hot_, heat_ / hot_);
    painter.by_waiting(0, common_.waiting() - waits, 0.1);
    if (!scanning_) return;
    sweep_.paint(painter);
    painter.by_misses(1, misses, 0);
  }

 private:
  void restart() {
    sweep_ = Sweep(0, cold_);
    left_ = cold_;
  }

  Common common_;
  std::uint32_t hot_, cold_ = 1;
  double heat_, every_, misses_;
  double next_scan_;
  bool scanning_ = false;
  Sweep sweep_;
  double left_ = 0, step_ = 0;  // regions
};

}  // namespace

GeneratorEntry scan() {
  const std::vector<Parameter> own = {
      {"hot", "share of the footprint that is hot", Unit::kShare, 0.1, 0.001, 0.9},
      {"heat", "share of the look-ups that go there", Unit::kShare, 0.95, 0, 1},
      {"every", "from one scan's start to the next", Unit::kSeconds, 60, 0.01, 86400},
      {"rate", "of the scan", Unit::kBytesPerSecond, 4.0 * (1 << 30), 1 << 20, 1099511627776.0}};
  return {"scan",
          "Look-ups in a hot set, and now and then one sequential scan of all the rest, which pollutes.",
          with_common(own), [](const Common& common, const Values& v) -> Result<std::unique_ptr<Pattern>> {
            TIER_TRY(check_traffic(common, v["rate"]));
            return std::make_unique<Scan>(common, v);
          }};
}

}  // namespace tier::sim
