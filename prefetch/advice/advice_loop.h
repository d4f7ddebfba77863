// Advice ahead of need: what the forecast wants and is not in memory is read in before it is used, as long as
// that proves to be so.
#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <set>
#include <string>

#include "prefetch/advice/executor.h"
#include "prefetch/advice/score.h"

namespace tier {

struct AdviceSettings {
  Bytes rate = 32_MiB;            // per second, at most; a second's worth may come at once
  std::uint32_t judge_after = 4;  // ticks: as far as the planner looks ahead
  AdvicePlannerSettings planner;
  AdviceScoreSettings score;
};

// For people: io.tierd.prefetch/1.
struct AdviceState {
  bool armed = false;
  std::uint64_t ranges = 0;    // regions advised since start
  std::uint64_t failed = 0;    // regions that could not be
  std::uint64_t unjudged = 0;  // regions whose process had gone before they were judged
  Bytes advised, used, judged;
  std::optional<double> useful_share;  // of the judged, lately
  std::string state;                   // one sentence
};

// Not thread-safe. References must outlive it. It leaves nothing behind: advice is no setting.
class AdviceLoop {
 public:
  using FindTarget = std::function<const Target*(TargetId)>;  // null: it has gone

  // `page`: base page size.
  AdviceLoop(const PageLocator& locator, PageAdvisor& advisor, Bytes page, AdviceSettings settings = {})
      : settings_(settings),
        planner_(page, settings.planner),
        executor_(locator, advisor, page),
        score_(settings.score) {
    arm(false);
  }

  // Off until it is armed. What was advised before it was disarmed is still judged.
  void arm(bool armed);
  // After each forecast; `now` is monotonic.
  void tick(const RegionSnapshot& snapshot, const ForecastSet& forecasts, const FindTarget& find,
            Nanoseconds now);
  const AdviceState& state() const { return state_; }

 private:
  struct Pending {
    Advised advised;
    std::uint64_t due = 0;  // tick
  };
  void judge(std::uint64_t tick, const FindTarget& find, Nanoseconds now);
  Bytes refill(Nanoseconds now);
  bool advise(const AdviceWish& wish, std::uint64_t due, const FindTarget& find);

  AdviceSettings settings_;
  AdvicePlanner planner_;
  AdviceExecutor executor_;
  AdviceScore score_;
  AdviceState state_;
  std::deque<Pending> pending_;  // by due
  std::set<RegionKey> taken_;    // of pending_
  double tokens_ = 0;            // bytes; negative: the last region was larger than what was left
  Nanoseconds refilled_{};
  std::string refused_;  // why nothing can be advised at all; empty: it can
};

}  // namespace tier
