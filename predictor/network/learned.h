// The learned forecaster: the switch, the network over it, and per horizon whichever of the two foretold the
// latest ticks better.
//
// The network takes what the switch says as one of its baselines. It is barred for a tick where it was late
// or gave what is no demand, and not followed where it scores below the switch; the switch alone is then as
// if there were no network.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "predictor/contest.h"
#include "predictor/error_spread.h"
#include "predictor/network/adapter.h"
#include "predictor/network/network_expert.h"
#include "predictor/switch.h"

namespace tier {

struct LearnedSettings {
  SwitchSettings classical;
  NetworkSettings network;
  AdapterSettings adapter;
  // Slower than among the switch's experts: of two there is less to mistake for luck.
  ContestSettings contest = {.decay = 0.97, .hysteresis = 0.002, .level_weight = 0.05};
  bool network_alone = false;  // never the switch: for evaluation
};

struct LearnedStatus {
  SwitchStatus classical;
  NetworkStatus network;
  AdapterStatus adapter;
  std::array<bool, kHorizons.size()> leads{};                       // the network, by horizon
  std::array<double, kHorizons.size()> score{}, classical_score{};  // see Contest
  bool barred = false;
};

class LearnedForecaster final : public Forecaster {
 public:
  LearnedForecaster(std::shared_ptr<const NamedModel> model, LearnedSettings settings = {});

  std::string name() const override { return "learned"; }
  void observe(const NodeContext& node) override;
  ForecastSet forecast(const RegionSnapshot& snapshot) override;
  bool idle_work() override { return adapter_.work(network_); }
  std::size_t bytes_used() const override;
  std::vector<std::string> leaders() const override;
  std::vector<Attention> attention() const override;

  LearnedStatus describe() const;

 private:
  static constexpr std::size_t kCount = kHorizons.size();
  static constexpr std::size_t kSwitch = 0, kNetwork = 1, kCandidates = 2;

  void learn();
  void note_error(const Outcomes& due);
  bool sound() const;
  void ask_panel(const ForecastSet& set);
  void follow(std::size_t horizon, ForecastSet& set);

  LearnedSettings settings_;
  Switch classical_;
  NetworkExpert network_;
  Adapter adapter_;
  WaitingOutcomes waiting_{kCandidates};
  std::vector<Contest> contests_;  // by horizon
  std::array<ErrorSpread, kCount> spread_;
  std::array<std::vector<float>, kCount> counsel_;
  std::vector<std::uint8_t> barred_ = {0, 1};
  std::array<std::size_t, kCount> issued_{};
  std::vector<float> scratch_;
  std::uint64_t resets_ = 0;
};

// make_forecaster() with a model: "learned" is then the above, idle regions skipped. Without one, or for
// other names, as make_forecaster().
std::function<std::unique_ptr<Forecaster>(const std::string&)> forecaster_maker(
    std::shared_ptr<const NamedModel> model, LearnedSettings settings = {});

}  // namespace tier
