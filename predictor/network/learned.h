// The learned forecaster: the switch and the network over it, mixed for each horizon by how much better the
// network foretold the latest ticks.
//
// The network takes what the switch says as one of its baselines. It is barred for a tick where it was late
// or gave what is no demand, and has no share where it scores clearly below the switch; the switch alone is
// then as if there were no network. A mixture and not the better of the two: scores are of what was sampled
// of a few horizons' worth of ticks, and where they cannot tell, the mean of two is the safer forecast
// (docs/benchmarks.md has both).
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

// The network's share of a forecast, by horizon: ½ where it scores better than the switch by `doubt`,
// relative to what the switch captures; all of it from `width` more, none from `width` less. Long horizons
// come due seldom and are doubted more. Chosen on recordings that the networks had not seen. A share grows
// from nothing over the first `proving` ticks that the network has foretold.
struct NetworkTrust {
  std::array<double, kHorizons.size()> doubt = {0.015, 0.015, 0.07}, width = {0.05, 0.05, 0.15};
  std::uint64_t proving = 8;
};

struct LearnedSettings {
  SwitchSettings classical;
  NetworkSettings network;
  AdapterSettings adapter;
  // Slower than among the switch's experts: of two there is less to mistake for luck.
  ContestSettings contest = {.decay = 0.97, .level_weight = 0.05};
  NetworkTrust trust;
  bool network_alone = false;  // never the switch: for evaluation
};

struct LearnedStatus {
  SwitchStatus classical;
  NetworkStatus network;
  AdapterStatus adapter;
  std::array<double, kHorizons.size()> share{};                     // the network's, 0..1
  std::array<double, kHorizons.size()> score{}, classical_score{};  // see Contest
  bool barred = false;
};

class LearnedForecaster final : public Forecaster {
 public:
  explicit LearnedForecaster(const std::shared_ptr<const NamedModel>& model,
                             const LearnedSettings& settings = {});

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
  static constexpr std::size_t kSwitch = 0, kNetwork = 1, kIssued = 2, kCandidates = 3;

  void learn();
  void note_error(const Outcomes& due);
  bool sound() const;
  double share_of_network(std::size_t horizon) const;
  void ask_panel(std::size_t horizon);
  void mix(std::size_t horizon, ForecastSet& set);

  LearnedSettings settings_;
  Switch classical_;
  NetworkExpert network_;
  Adapter adapter_;
  WaitingOutcomes waiting_{kCandidates};
  std::vector<Contest> contests_;  // by horizon
  std::array<ErrorSpread, kCount> spread_;
  std::array<std::vector<float>, kCount> counsel_;
  bool barred_ = true;        // the network, in this tick
  std::uint64_t scored_ = 0;  // ticks that it has foretold
  std::array<double, kCount> share_{};
  std::vector<float> mixed_, scratch_;
  std::uint64_t resets_ = 0;
};

// make_forecaster() with a model: "learned" is then the above, idle regions skipped. Without one, or for
// other names, as make_forecaster().
std::function<std::unique_ptr<Forecaster>(const std::string&)> forecaster_maker(
    std::shared_ptr<const NamedModel> model, const LearnedSettings& settings = {});

}  // namespace tier
