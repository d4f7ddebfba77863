// A quiet program with short spikes at irregular times: each allocates scratch memory, uses it and a piece of
// the data hard, and releases it. Too short to be worth moving for; bait for whoever reacts to the last
// second.
#include <algorithm>

#include "sim/workloads/draw.h"
#include "sim/workloads/patterns.h"

namespace tier::sim {
namespace {

constexpr double kQuietHeat = 0.8, kQuietShare = 0.1;  // of the look-ups, to this share of the data
constexpr double kScratchWaits = 0.3;                  // of a burst's waiting
constexpr double kStores = 0.1, kScratchStores = 0.5;

class Bursts final : public Pattern {
 public:
  Bursts(const Common& common, const Values& values)
      : common_(common),
        gap_(values["gap"]),
        burst_(values["burst"]),
        spike_(values["spike"]),
        piece_(common.part(values["piece"])),
        scratch_(common.part(values["scratch"])),
        random_(common.seed) {
    data_ = common.regions - scratch_;
    piece_ = std::min(piece_, data_);
    hot_ = std::max<std::uint32_t>(1, static_cast<std::uint32_t>(kQuietShare * data_));
    start_ = draw_exponential(random_, gap_);
  }

  std::vector<Stream> streams() const override {
    return {lookup_stream("look-ups"), {"burst", 0, kUpdateParallelism, 0}, lookup_stream("scratch")};
  }

  bool advance(std::uint64_t index, std::vector<RegionEvent>& events) override {
    const double now = common_.time(index);
    if (index == 0) events.push_back(common_.event(RegionChange::kAllocate, 0, data_));
    if (bursting_ && now >= end_) {
      bursting_ = false;
      start_ = now + draw_exponential(random_, gap_);
      events.push_back(common_.event(RegionChange::kRelease, data_, scratch_));
      return true;
    }
    if (bursting_ || now < start_) return index == 0;
    bursting_ = true;
    end_ = now + burst_;
    first_ = draw_below(random_, data_ - piece_ + 1);
    events.push_back(common_.event(RegionChange::kAllocate, data_, scratch_));
    return true;
  }

  void paint(Painter& painter) const override {
    // The quiet hot set lies at the data's end: what is touched first is not what is used most.
    painter.span(0, data_ - hot_, (1 - kQuietHeat) / data_);
    painter.span(data_ - hot_, hot_, (1 - kQuietHeat) / data_ + kQuietHeat / hot_);
    painter.by_waiting(0, common_.waiting(), kStores);
    if (!bursting_) return;
    const double more = spike_ * common_.thread_seconds() - common_.waiting();
    painter.span(first_, piece_, 1);
    painter.by_waiting(1, more * (1 - kScratchWaits), kStores);
    painter.span(data_, scratch_, 1);
    painter.by_waiting(2, more * kScratchWaits, kScratchStores);
  }

 private:
  Common common_;
  double gap_, burst_, spike_;
  std::uint32_t piece_, scratch_, data_ = 0, hot_ = 0, first_ = 0;
  std::mt19937_64 random_;
  bool bursting_ = false;
  double start_ = 0, end_ = 0;
};

}  // namespace

GeneratorEntry bursts() {
  const std::vector<Parameter> own = {
      {"gap", "mean time between bursts", Unit::kSeconds, 20, 0.01, 86400},
      {"burst", "length of one", Unit::kSeconds, 3, 0.01, 3600},
      {"spike", "share of the time that waits for memory during one; above the intensity", Unit::kShare, 0.9,
       0.02, 0.99},
      {"piece", "share of the footprint that one uses hard", Unit::kShare, 0.05, 0.001, 0.5},
      {"scratch", "share of the footprint that one allocates and releases", Unit::kShare, 0.05, 0.001, 0.5}};
  return {"bursts", "Quiet look-ups, and short spikes at irregular times on data and on scratch memory.",
          with_common(own, 0.3),
          [](const Common& common, const Values& v) -> Result<std::unique_ptr<Pattern>> {
            if (v["spike"] < common.intensity)
              return fail(ErrorKind::kUsage, "the spike is below the intensity",
                          "raise spike or lower intensity");
            return std::make_unique<Bursts>(common, v);
          }};
}

}  // namespace tier::sim
