// A chain of dependent loads beside a stream with many more misses: what is hottest is not what programs wait
// for (SOAR and PACT's case; the stream's misses overlap and are prefetched).
#include "sim/workloads/patterns.h"
#include "sim/workloads/sweep.h"

namespace tier::sim {
namespace {

class Chase final : public Pattern {
 public:
  Chase(const Common& common, const Values& values)
      : common_(common),
        chain_(std::min(common.part(values["chain"]), common.regions - 1)),
        misses_(values["rate"] * common.length() / kLineSize),
        sweep_(0, common.regions - chain_) {
    step_ = misses_ / lines_per_region(common);
  }

  std::vector<Stream> streams() const override {
    return {{"chain", 0, kChaseParallelism, 0}, sequential_stream("stream")};
  }

  bool advance(std::uint64_t index, std::vector<RegionEvent>& events) override {
    if (index == 0) events.push_back(common_.event(RegionChange::kAllocate, 0, common_.regions));
    sweep_.move(step_);
    return index == 0 || !sweep_.covers_all(step_);
  }

  void paint(Painter& painter) const override {
    const double streamed = misses_ * reference_wait(sequential_stream(""), 0);
    painter.span(common_.regions - chain_, chain_, 1);
    painter.by_waiting(0, common_.waiting() - streamed, 0);
    sweep_.paint(painter);
    painter.by_misses(1, misses_, 0);
  }

 private:
  Common common_;
  std::uint32_t chain_;
  double misses_, step_ = 0;
  Sweep sweep_;
};

}  // namespace

GeneratorEntry chase() {
  const std::vector<Parameter> own = {
      {"chain", "share of the footprint that the chain runs through", Unit::kShare, 0.2, 0.001, 0.9},
      {"rate", "of the stream beside it, over the rest", Unit::kBytesPerSecond, 16.0 * (1 << 30), 1 << 20,
       1099511627776.0}};
  return {"chase", "Dependent loads through a chain, beside a stream that misses more and waits less.",
          with_common(own), [](const Common& common, const Values& v) -> Result<std::unique_ptr<Pattern>> {
            TIER_TRY(check_traffic(common, v["rate"]));
            return std::make_unique<Chase>(common, v);
          }};
}

}  // namespace tier::sim
