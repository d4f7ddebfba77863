// The two patterns with which DAMON is shown and tested (github.com/sjp38/masim, configs/zigzag.cfg and
// stairs.cfg): after a phase that uses everything, 5 s on one part, 5 s on the next. Zigzag goes back and
// forth between two halves, stairs climbs through ten parts. Accesses are a page apart, where no prefetcher
// follows.
#include "sim/workloads/patterns.h"

namespace tier::sim {
namespace {

constexpr double kWarmUp = 10;  // seconds in which every part is used

class Masim final : public Pattern {
 public:
  Masim(const Common& common, std::uint32_t parts, double period)
      : common_(common), parts_(parts), size_(common.regions / parts), period_(period) {}

  std::vector<Stream> streams() const override { return {{"strided", 0, kUpdateParallelism, 0}}; }

  bool advance(std::uint64_t index, std::vector<RegionEvent>& events) override {
    if (index == 0) events.push_back(common_.event(RegionChange::kAllocate, 0, parts_ * size_));
    const double now = common_.time(index);
    const std::uint32_t before = part_;
    part_ = now < kWarmUp ? parts_ : static_cast<std::uint32_t>((now - kWarmUp) / period_) % parts_;
    return index == 0 || part_ != before;
  }

  void paint(Painter& painter) const override {
    if (part_ == parts_)
      painter.span(0, parts_ * size_, 1);
    else
      painter.span(part_ * size_, size_, 1);
    painter.by_waiting(0, common_.waiting(), 0);
  }

 private:
  Common common_;
  std::uint32_t parts_, size_;
  double period_;
  std::uint32_t part_ = 0;  // in use; `parts_`: all
};

std::vector<Parameter> parameters(double parts, double most) {
  return with_common({{"parts", "of the footprint, used one after the other", Unit::kCount, parts, 2, most},
                      {"period", "on one part", Unit::kSeconds, 5, 0.01, 86400}});
}

Result<std::unique_ptr<Pattern>> make(const Common& common, const Values& v) {
  return std::make_unique<Masim>(common, static_cast<std::uint32_t>(v["parts"]), v["period"]);
}

}  // namespace

GeneratorEntry zigzag() {
  return {"zigzag", "DAMON's masim zigzag: to and fro between the halves of the footprint.",
          parameters(2, 32), make};
}

GeneratorEntry stairs() {
  return {"stairs", "DAMON's masim stairs: one tenth of the footprint after the other.", parameters(10, 32),
          make};
}

}  // namespace tier::sim
