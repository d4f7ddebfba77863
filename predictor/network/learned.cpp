#include "predictor/network/learned.h"

#include <algorithm>
#include <cmath>

#include "core/score.h"
#include "predictor/skip_idle.h"

namespace tier {

LearnedForecaster::LearnedForecaster(const std::shared_ptr<const NamedModel>& model,
                                     const LearnedSettings& settings)
    : settings_(settings),
      classical_(settings.classical),
      network_(model, settings.network),
      adapter_(model, settings.adapter) {
  for (std::size_t h = 0; h < kCount; ++h) contests_.emplace_back(kCandidates, kSwitch, settings_.contest);
}

void LearnedForecaster::observe(const NodeContext& node) {
  classical_.observe(node);
  network_.observe(node);
}

ForecastSet LearnedForecaster::forecast(const RegionSnapshot& snapshot) {
  ForecastSet set = classical_.forecast(snapshot);
  set.forecaster = name();
  for (std::size_t h = 0; h < kCount; ++h) {
    counsel_[h].resize(set.forecasts.size());
    for (std::size_t row = 0; row < set.forecasts.size(); ++row)
      counsel_[h][row] = set.forecasts[row].horizons[h].mean;
  }
  // A change of behaviour that the switch found is one for the network too.
  if (const std::uint64_t resets = classical_.drift_resets(); resets != resets_) {
    resets_ = resets;
    network_.forget();
    adapter_.forget();
  }
  network_.observe(snapshot, classical_.statistics(), {counsel_[0], counsel_[1], counsel_[2]});
  adapter_.observe(network_, classical_.statistics().roster(), classical_.panel().rows());
  waiting_.tick(classical_.panel());
  learn();
  barred_ = !network_.ready() || !sound();
  for (std::size_t h = 0; h < kCount; ++h) {
    share_[h] = share_of_network(h);
    ask_panel(h);
    mix(h, set);
  }
  return set;
}

void LearnedForecaster::learn() {
  const double weight = classical_.statistics().sample_weight();
  for (std::size_t h = 0; h < kCount; ++h) {
    const Outcomes* const due = waiting_.due(h);
    contests_[h].add(waiting_.of(h), due);
    if (due != nullptr) spread_[h].add(*due, kIssued, h, weight);
    if (h != 0 || due == nullptr || !due->valid[kNetwork] || !(due->total > 0)) continue;
    ++scored_;
    note_error(*due);
  }
}

void LearnedForecaster::note_error(const Outcomes& due) {
  const auto forecasts = due.of(kNetwork);
  double off = 0;
  for (std::size_t i = 0; i < due.size(); ++i) off += std::abs(forecasts[i] - due.came[i]);
  adapter_.note_error(off / due.total);
}

bool LearnedForecaster::sound() const {
  float unsound = 0;  // infinities and what is not a number stay what they are
  for (const float value : network_.mean()) unsound += 0 * value;
  return unsound == 0;
}

double LearnedForecaster::share_of_network(std::size_t horizon) const {
  if (barred_) return 0;
  if (settings_.network_alone) return 1;
  const Contest& contest = contests_[horizon];
  const double captured = contest.captured(kSwitch);
  if (!(captured > 0)) return 0;
  const double better = (contest.score(kNetwork) - contest.score(kSwitch)) / captured;
  const double doubt = settings_.trust.doubt[horizon], width = settings_.trust.width[horizon];
  const double proved =
      std::min(1.0, static_cast<double>(scored_) / static_cast<double>(settings_.trust.proving));
  return proved * std::clamp(0.5 + (better - doubt) / (2 * width), 0.0, 1.0);
}

void LearnedForecaster::ask_panel(std::size_t horizon) {
  const Panel& panel = classical_.panel();
  Outcomes* const outcomes =
      waiting_.begin(horizon, panel, classical_.panel_capacity(), share_[horizon] > 0 ? kIssued : kSwitch);
  if (outcomes == nullptr) return;
  const auto switched = outcomes->of(kSwitch), learned = outcomes->of(kNetwork),
             issued = outcomes->of(kIssued);
  const auto share = static_cast<float>(share_[horizon]);
  outcomes->valid[kSwitch] = outcomes->valid[kIssued] = true, outcomes->valid[kNetwork] = !barred_;
  for (std::size_t i = 0; i < outcomes->size(); ++i) {
    const std::uint32_t row = panel.rows()[i];
    switched[i] = counsel_[horizon][row];
    learned[i] = barred_ ? 0.0F : network_.mean()[row * kCount + horizon];
    issued[i] = switched[i] + share * (learned[i] - switched[i]);
  }
  for (std::size_t c = 0; c < kCandidates; ++c)
    choose_highest(outcomes->of(c), outcomes->capacity, outcomes->chosen_by(c), scratch_);
}

// Where the network has no share the set stays the switch's.
void LearnedForecaster::mix(std::size_t horizon, ForecastSet& set) {
  if (share_[horizon] == 0) return;
  const auto share = static_cast<float>(share_[horizon]);
  const auto& switched = counsel_[horizon];
  mixed_.resize(switched.size());
  for (std::size_t row = 0; row < mixed_.size(); ++row)
    mixed_[row] = switched[row] + share * (network_.mean()[row * kCount + horizon] - switched[row]);
  spread_[horizon].about(mixed_, classical_.statistics().sample_weight(), spread_[0], horizon, set.forecasts);
}

LearnedStatus LearnedForecaster::describe() const {
  LearnedStatus status{
      classical_.describe(), network_.describe(), adapter_.describe(), share_, {}, {}, barred_};
  for (std::size_t h = 0; h < kCount; ++h) {
    status.score[h] = contests_[h].score(kNetwork);
    status.classical_score[h] = contests_[h].score(kSwitch);
  }
  return status;
}

std::vector<std::string> LearnedForecaster::leaders() const {
  std::vector<std::string> names = classical_.leaders();
  for (std::size_t h = 0; h < names.size(); ++h)
    if (share_[h] >= 0.5) names[h] = "network";
  return names;
}

std::vector<Attention> LearnedForecaster::attention() const {
  std::vector<Attention> out;
  for (const TokenWeight& token : network_.describe().tokens) {
    float sum = 0;
    for (const float weight : token.attention) sum += weight;
    out.push_back({token.token, sum / static_cast<float>(kHeads)});
  }
  return out;
}

std::size_t LearnedForecaster::bytes_used() const {
  std::size_t bytes = classical_.bytes_used() + network_.bytes_used() + adapter_.bytes_used() +
                      waiting_.bytes_used() + (scratch_.capacity() + mixed_.capacity()) * sizeof(float);
  for (const auto& counsel : counsel_) bytes += counsel.capacity() * sizeof(float);
  return bytes;
}

std::function<std::unique_ptr<Forecaster>(const std::string&)> forecaster_maker(
    std::shared_ptr<const NamedModel> model, const LearnedSettings& settings) {
  return [model = std::move(model), settings](const std::string& name) -> std::unique_ptr<Forecaster> {
    if (name != kLearnedForecaster || !model) return make_forecaster(name);
    return std::make_unique<SkipIdle>(std::make_unique<LearnedForecaster>(model, settings));
  };
}

}  // namespace tier
