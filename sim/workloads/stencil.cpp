// Sweeps of a stencil code: reads one array, writes the next, and goes on to the next pair after a while, as
// solvers with several fields do (bwaves, roms, LULESH). Prefetchers hide most of it: it is bound by
// bandwidth.
#include "sim/workloads/patterns.h"
#include "sim/workloads/sweep.h"

namespace tier::sim {
namespace {

class Stencil final : public Pattern {
 public:
  Stencil(const Common& common, const Values& values)
      : common_(common),
        arrays_(static_cast<std::uint32_t>(values["arrays"])),
        size_(common.regions / arrays_),
        period_(values["period"]),
        source_(0, size_),
        target_(size_, size_) {
    // Both streams move at one pace: as many lines are written as are read.
    const double wait = reference_wait(streams()[0], 0) + reference_wait(streams()[1], 1);
    misses_ = common.waiting() / wait;
    step_ = misses_ / lines_per_region(common);
  }

  std::vector<Stream> streams() const override {
    return {sequential_stream("read"), sequential_stream("written")};
  }

  bool advance(std::uint64_t index, std::vector<RegionEvent>& events) override {
    if (index == 0) events.push_back(common_.event(RegionChange::kAllocate, 0, arrays_ * size_));
    const auto pair = static_cast<std::uint64_t>(common_.time(index) / period_) % arrays_;
    const bool turned = index == 0 || pair != pair_;
    if (turned) {
      pair_ = pair;
      source_ = Sweep(static_cast<std::uint32_t>(pair) * size_, size_);
      target_ = Sweep(static_cast<std::uint32_t>((pair + 1) % arrays_) * size_, size_);
    }
    source_.move(step_);
    target_.move(step_);
    return turned || !source_.covers_all(step_);
  }

  void paint(Painter& painter) const override {
    source_.paint(painter);
    painter.by_misses(0, misses_, 0);
    target_.paint(painter);
    painter.by_misses(1, misses_, 1);
  }

 private:
  Common common_;
  std::uint32_t arrays_, size_;
  double period_, misses_ = 0, step_ = 0;
  std::uint64_t pair_ = 0;
  Sweep source_, target_;
};

}  // namespace

GeneratorEntry stencil() {
  const std::vector<Parameter> own = {
      {"arrays", "of which two are in use at a time", Unit::kCount, 4, 2, 32},
      {"period", "between changes to the next pair", Unit::kSeconds, 20, 0.01, 86400}};
  return {"stencil", "Sequential sweeps that read one array and write another; the pair alternates.",
          with_common(own, 0.1),
          [](const Common& common, const Values& v) -> Result<std::unique_ptr<Pattern>> {
            return std::make_unique<Stencil>(common, v);
          }};
}

}  // namespace tier::sim
