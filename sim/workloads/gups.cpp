// Random updates, most of them to a hot set: the field's first benchmark (HeMem, MEMTIS, Colloid: 90 % of the
// updates go to the hot set). An update loads a line and dirties it. Of its two halves the load waits; that
// half of the misses count as stores stands for the lines written back.
#include <algorithm>
#include <cmath>

#include "sim/workloads/draw.h"
#include "sim/workloads/patterns.h"

namespace tier::sim {
namespace {

constexpr double kStores = 0.5;

struct HotSet {
  double share, heat;  // of the regions; of the updates
  double at;           // where a set in one piece begins, as a share of the footprint
  double period;       // seconds between moves; 0: none
  double shift;        // share of the set that a move replaces
  bool scattered;
};

class Gups final : public Pattern {
 public:
  Gups(const Common& common, const HotSet& hot)
      : common_(common), hot_(hot), count_(common.part(hot.share)), random_(common.seed) {
    first_ = std::min(static_cast<std::uint32_t>(hot.at * common.regions), common.regions - 1);
    if (hot.scattered) order_ = draw_order(random_, common.regions);
    next_move_ = hot.period;
  }

  std::vector<Stream> streams() const override { return {{"updates", 0, kUpdateParallelism, 0}}; }

  bool advance(std::uint64_t index, std::vector<RegionEvent>& events) override {
    if (index == 0) events.push_back(common_.event(RegionChange::kAllocate, 0, common_.regions));
    if (hot_.period <= 0 || common_.time(index) < next_move_) return index == 0;
    next_move_ += hot_.period;
    if (hot_.scattered)
      exchange();
    else
      move();
    return true;
  }

  void paint(Painter& painter) const override {
    const double cold_regions = common_.regions - count_;
    const double hot = cold_regions > 0 ? hot_.heat / count_ : 1;
    const double cold = cold_regions > 0 ? (1 - hot_.heat) / cold_regions : 0;
    if (hot_.scattered) {
      std::vector<bool> is_hot(common_.regions);
      for (std::uint32_t i = 0; i < count_; ++i) is_hot[order_[i]] = true;
      for (std::uint32_t r = 0; r < common_.regions; ++r) painter.cell(r, is_hot[r] ? hot : cold);
    } else {
      const std::uint32_t wrapped = first_ + count_ > common_.regions ? first_ + count_ - common_.regions : 0;
      painter.span(0, wrapped, hot);
      painter.span(wrapped, first_ - wrapped, cold);
      painter.span(first_, count_ - wrapped, hot);
      if (wrapped == 0) painter.span(first_ + count_, common_.regions - first_ - count_, cold);
    }
    painter.by_waiting(0, common_.waiting(), kStores);
  }

 private:
  // Slides by its shift; a set that is replaced as a whole begins anywhere clear of where it was.
  void move() {
    const std::uint32_t clear = common_.regions > 2 * count_ ? common_.regions - 2 * count_ + 1 : 1;
    const std::uint32_t by =
        hot_.shift >= 1 ? count_ + draw_below(random_, clear)
                        : std::max<std::uint32_t>(1, static_cast<std::uint32_t>(hot_.shift * count_));
    first_ = (first_ + by) % common_.regions;
  }

  // Those that have been hot longest change places with as many cold ones drawn at random, no two the same.
  void exchange() {
    const std::uint32_t cold = common_.regions - count_;
    const auto moves = std::min(
        cold, std::max<std::uint32_t>(1, static_cast<std::uint32_t>(std::lround(hot_.shift * count_))));
    for (std::uint32_t i = 0; i < moves; ++i) {
      const std::uint32_t next = count_ + i;
      std::swap(order_[next], order_[next + draw_below(random_, cold - i)]);
      std::swap(order_[(oldest_ + i) % count_], order_[next]);
    }
    oldest_ = (oldest_ + moves) % count_;
  }

  Common common_;
  HotSet hot_;
  std::uint32_t count_, first_ = 0;
  std::vector<std::uint32_t> order_;  // scattered: the first `count_` are hot
  std::uint32_t oldest_ = 0;          // of the hot ones, in `order_`
  std::mt19937_64 random_;
  double next_move_ = 0;
};

std::vector<Parameter> parameters(std::vector<Parameter> own) {
  own.insert(own.begin(), {{"hot", "share of the footprint that is hot", Unit::kShare, 0.1, 0.001, 1},
                           {"heat", "share of the updates that go there", Unit::kShare, 0.9, 0, 1}});
  return with_common(std::move(own));
}

}  // namespace

GeneratorEntry gups() {
  const Parameter at = {"at", "where the hot set begins, as a share of the footprint", Unit::kShare, 0.5, 0,
                        0.999};
  return {"gups", "Random updates, most of them to a hot set that lies in one piece and stands still.",
          parameters({at}), [](const Common& common, const Values& v) -> Result<std::unique_ptr<Pattern>> {
            return std::make_unique<Gups>(common, HotSet{v["hot"], v["heat"], v["at"], 0, 0, false});
          }};
}

GeneratorEntry gups_moving() {
  const std::vector<Parameter> own = {
      {"at", "where the hot set begins at first, as a share of the footprint", Unit::kShare, 0.5, 0, 0.999},
      {"period", "between moves", Unit::kSeconds, 60, 0.01, 86400},
      {"shift", "share of the hot set that a move replaces; 1: a new place", Unit::kShare, 1, 0.001, 1}};
  return {"gups-moving", "Random updates, most of them to a hot set in one piece that moves every period.",
          parameters(own), [](const Common& common, const Values& v) -> Result<std::unique_ptr<Pattern>> {
            return std::make_unique<Gups>(
                common, HotSet{v["hot"], v["heat"], v["at"], v["period"], v["shift"], false});
          }};
}

GeneratorEntry gups_scattered() {
  const std::vector<Parameter> own = {
      {"period", "between moves; 0s: none", Unit::kSeconds, 0, 0, 86400},
      {"shift", "share of the hot regions that a move replaces", Unit::kShare, 0.2, 0.001, 1}};
  return {
      "gups-scattered",
      "Random updates, most of them to hot regions scattered over the footprint, a part of which may be "
      "replaced every period.",
      parameters(own), [](const Common& common, const Values& v) -> Result<std::unique_ptr<Pattern>> {
        return std::make_unique<Gups>(common, HotSet{v["hot"], v["heat"], 0, v["period"], v["shift"], true});
      }};
}

}  // namespace tier::sim
