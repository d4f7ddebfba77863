// A program of several phases that come round again, each with a hot set of its own; look-ups and dependent
// chains by turns. What a forecast can know and a history of the last seconds cannot.
#include <algorithm>

#include "sim/workloads/draw.h"
#include "sim/workloads/patterns.h"

namespace tier::sim {
namespace {

class Phases final : public Pattern {
 public:
  Phases(const Common& common, const Values& values)
      : common_(common),
        period_(values["period"]),
        jitter_(values["jitter"]),
        heat_(values["heat"]),
        writes_(values["writes"]),
        hot_(common.part(values["hot"])),
        random_(common.seed) {
    const auto count = static_cast<std::uint32_t>(values["phases"]);
    // One place in each part of the footprint, in an order of chance: hot sets do not overlap while they fit.
    for (const std::uint32_t part : draw_order(random_, count)) {
      const std::uint32_t begin = common.regions / count * part;
      starts_.push_back(std::min(begin, common.regions - hot_));
    }
    draw_end();
  }

  std::vector<Stream> streams() const override {
    return {lookup_stream("look-ups"), {"chains", 0, kChaseParallelism, 0}};
  }

  bool advance(std::uint64_t index, std::vector<RegionEvent>& events) override {
    if (index == 0) events.push_back(common_.event(RegionChange::kAllocate, 0, common_.regions));
    const std::size_t before = phase_;
    for (; common_.time(index) >= end_; draw_end()) phase_ = (phase_ + 1) % starts_.size();
    return index == 0 || phase_ != before;
  }

  void paint(Painter& painter) const override {
    const std::size_t kind = phase_ % 2, other = 1 - kind;
    painter.span(starts_[phase_], hot_, 1);
    painter.by_waiting(kind, common_.waiting() * heat_, writes_);
    painter.span(0, common_.regions, 1);
    painter.by_waiting(other, common_.waiting() * (1 - heat_), writes_);
  }

 private:
  void draw_end() { end_ += period_ * (1 + jitter_ * (2 * draw_uniform(random_) - 1)); }

  Common common_;
  double period_, jitter_, heat_, writes_;
  std::uint32_t hot_;
  std::mt19937_64 random_;
  std::vector<std::uint32_t> starts_;  // of the hot set, by phase
  std::size_t phase_ = 0;
  double end_ = 0;
};

}  // namespace

GeneratorEntry phases() {
  const std::vector<Parameter> own = {
      {"phases", "before the first comes again", Unit::kCount, 4, 2, 32},
      {"period", "mean length of a phase", Unit::kSeconds, 30, 0.01, 86400},
      {"jitter", "share by which a phase may be longer or shorter", Unit::kShare, 0.1, 0, 0.9},
      {"hot", "share of the footprint that a phase uses most", Unit::kShare, 0.1, 0.001, 1},
      {"heat", "share of the waiting that it causes there", Unit::kShare, 0.9, 0, 1},
      {"writes", "share of the accesses that write", Unit::kShare, 0.2, 0, 1}};
  return {"phases", "Phases that come round again, each with its own hot set; look-ups and chains by turns.",
          with_common(own), [](const Common& common, const Values& v) -> Result<std::unique_ptr<Pattern>> {
            return std::make_unique<Phases>(common, v);
          }};
}

}  // namespace tier::sim
