// The switch: follows, for each horizon, the expert that foretold the latest ticks best.
//
// All experts' forecasts of a sample of regions are kept until their time has come and are then scored. The
// leader changes when another is better by more than chance would have it. A blend of all experts, with
// weights learnt from the same outcomes, is one more candidate. When the leader suddenly captures much less
// than it used to, the program has changed: the scores of the past count for little from then on.
#pragma once

#include <array>
#include <memory>
#include <string>
#include <vector>

#include "predictor/blend.h"
#include "predictor/contest.h"
#include "predictor/error_spread.h"
#include "predictor/experts/expert.h"
#include "predictor/forecaster.h"
#include "predictor/outcomes.h"
#include "predictor/panel.h"

namespace tier {

struct SwitchSettings {
  std::vector<std::string> experts;           // of the table, in its order; none: all of them
  bool blend = true;                          // as a candidate, where there are several experts
  std::string first = "exponential-average";  // leads until there are scores
  ContestSettings contest;
  double fast_share = 0.125;  // of the bytes, that fit into the fast tier: where better is not known
  // Drift: mean over 3 ticks of the captured share below so much of that over 33.
  double drift = 0.85;
  double kept_on_drift = 0.3;     // of all scores
  std::uint64_t barred_for = 64;  // ticks, after a forecast that is no number
  double caution = 0.5;           // see ForecastSet
};

struct ExpertStatus {
  std::string name;
  bool barred = false;
  std::array<double, kHorizons.size()> score{}, captured{};  // see Contest
  std::array<double, kHorizons.size()> weight{};             // in the blend; of the blend itself 0
};

struct SwitchStatus {
  std::array<std::string, kHorizons.size()> leader;
  std::array<std::uint64_t, kHorizons.size()> changes{};  // of the leader
  std::vector<ExpertStatus> experts;                      // the blend last, where there is one
  std::uint64_t drift_resets = 0;
  std::size_t panel = 0;  // regions on which is scored
};

class Switch final : public Forecaster {
 public:
  explicit Switch(SwitchSettings settings = {}, std::span<const ExpertEntry> table = expert_table());

  std::string name() const override { return "switch"; }
  // Takes the fastest tier's bytes, whose demand counts as captured, in place of the settings' share.
  void observe(const NodeContext& node) override;
  ForecastSet forecast(const RegionSnapshot& snapshot) override;
  std::size_t bytes_used() const override;
  std::vector<std::string> leaders() const override;

  SwitchStatus describe() const;
  const RegionStatistics& statistics() const { return statistics_; }  // of the last snapshot
  const Panel& panel() const { return panel_; }
  std::size_t panel_capacity() const { return panel_capacity_; }  // members that fit into the fast tier
  std::uint64_t drift_resets() const { return drift_resets_; }

 private:
  static constexpr std::size_t kCount = kHorizons.size();
  struct Candidate {
    std::string name;
    std::unique_ptr<Expert> expert;  // null: the blend
    std::uint64_t barred_until = 0;  // tick
    std::array<ErrorSpread, kCount> spread;
  };

  void learn();
  void watch_drift(const Outcomes& outcomes);
  void bar();
  void elect();
  void ask_panel(const RegionSnapshot& snapshot);
  double fast_share(const RegionSnapshot& snapshot) const;
  void ask(std::size_t candidate, std::size_t horizon, const Rows& rows, std::span<float> out);
  bool sound(std::size_t candidate, std::span<const float> values);
  void follow(std::size_t horizon);
  bool is_blend(std::size_t candidate) const { return candidates_[candidate].expert == nullptr; }

  SwitchSettings settings_;
  std::vector<Candidate> candidates_;
  RegionStatistics statistics_;
  Panel panel_;
  WaitingOutcomes waiting_;
  std::vector<Contest> contests_;  // by horizon
  std::vector<Blend> blends_;
  std::vector<std::uint8_t> barred_;  // by candidate, in this tick
  std::array<std::size_t, kCount> issued_{};
  std::array<std::vector<float>, kCount> means_;
  std::vector<float> scratch_;
  std::array<std::uint64_t, kCount> changes_{};
  double short_share_ = 0, long_share_ = 0;
  double fast_bytes_ = 0;  // 0: not known
  std::uint64_t tick_ = 0, drift_resets_ = 0, watched_ = 0;
  std::size_t panel_capacity_ = 1;
};

std::unique_ptr<Forecaster> make_switch();

}  // namespace tier
