// Memory that is allocated, used hard, left alone and released: a managed heap, a queue of jobs. Most cohorts
// die young (the generational hypothesis); what lies in the fast tier when they die is free again.
#include <algorithm>

#include "sim/workloads/draw.h"
#include "sim/workloads/patterns.h"

namespace tier::sim {
namespace {

constexpr double kOldShare = 0.25;            // of the footprint: lives as long as the program
constexpr double kWarm = 0.05, kOld = 0.02;   // demand per region against one in use
constexpr double kYoung = 0.8;                // of the cohorts die young
constexpr double kYoungLife = 4, kLife = 40;  // mean, in gaps between allocations
constexpr double kJitter = 0.5;               // of the gaps
constexpr double kStores = 0.4;

class Generational final : public Pattern {
 public:
  Generational(const Common& common, const Values& values)
      : common_(common), every_(values["every"]), use_(values["use"]), random_(common.seed) {
    old_ = common.part(kOldShare);
    const std::uint32_t room = common.regions - old_;
    const auto cohorts = std::min(room, static_cast<std::uint32_t>(values["cohorts"]));
    size_ = room / cohorts;
    slots_.resize(cohorts);
  }

  std::vector<Stream> streams() const override { return {lookup_stream("objects")}; }

  bool advance(std::uint64_t index, std::vector<RegionEvent>& events) override {
    now_ = common_.time(index);
    if (index == 0) events.push_back(common_.event(RegionChange::kAllocate, 0, old_));
    bool changed = release(events) || index == 0;
    if (now_ >= next_) {
      next_ = now_ + every_ * (1 - kJitter + 2 * kJitter * draw_uniform(random_));
      changed = allocate(events) || changed;
    }
    for (Slot& slot : slots_) {
      if (!slot.live || !slot.in_use || now_ - slot.born < use_) continue;
      slot.in_use = false;
      changed = true;
    }
    return changed;
  }

  void paint(Painter& painter) const override {
    painter.span(0, old_, kOld);
    for (std::uint32_t i = 0; i < slots_.size(); ++i)
      if (slots_[i].live) painter.span(first(i), size_, slots_[i].in_use ? 1 : kWarm);
    painter.by_waiting(0, common_.waiting(), kStores);
  }

 private:
  struct Slot {
    bool live = false, in_use = false;
    double born = 0, dies = 0;
  };

  std::uint32_t first(std::uint32_t slot) const { return old_ + slot * size_; }

  bool release(std::vector<RegionEvent>& events) {
    bool any = false;
    for (std::uint32_t i = 0; i < slots_.size(); ++i) {
      if (!slots_[i].live || now_ < slots_[i].dies) continue;
      slots_[i].live = false;
      events.push_back(common_.event(RegionChange::kRelease, first(i), size_));
      any = true;
    }
    return any;
  }

  // Takes the lowest free place, as an allocator would; none is left: the program goes on without.
  bool allocate(std::vector<RegionEvent>& events) {
    const double mean = every_ * (draw_uniform(random_) < kYoung ? kYoungLife : kLife);
    const double life = draw_exponential(random_, mean);
    const auto slot = std::find_if(slots_.begin(), slots_.end(), [](const Slot& s) { return !s.live; });
    if (slot == slots_.end()) return false;
    *slot = {true, true, now_, now_ + std::max(life, common_.length())};
    events.push_back(common_.event(RegionChange::kAllocate,
                                   first(static_cast<std::uint32_t>(slot - slots_.begin())), size_));
    return true;
  }

  Common common_;
  double every_, use_;
  std::mt19937_64 random_;
  std::uint32_t old_ = 0, size_ = 0;
  std::vector<Slot> slots_;
  double now_ = 0, next_ = 0;
};

}  // namespace

GeneratorEntry generational() {
  const std::vector<Parameter> own = {
      {"cohorts", "that fit at the same time", Unit::kCount, 24, 1, 4096},
      {"every", "mean time between allocations", Unit::kSeconds, 5, 0.01, 86400},
      {"use", "for how long a cohort is used after its allocation", Unit::kSeconds, 12, 0.01, 86400}};
  return {"generational",
          "Cohorts are allocated, used for a while, left alone and released, most of them young.",
          with_common(own), [](const Common& common, const Values& v) -> Result<std::unique_ptr<Pattern>> {
            return std::make_unique<Generational>(common, v);
          }};
}

}  // namespace tier::sim
