#include "tools/tier-train/evaluate.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "core/score.h"

namespace tier::sim {
namespace {

constexpr std::size_t kCount = kHorizons.size();
constexpr std::array<double, 3> kQuantiles = {0.1, 0.5, 0.9};
// A change: what the highest K of the last tick capture falls below the first of what the best capture, after
// it was above the second.
constexpr double kFallen = 0.5, kSteady = 0.8;
constexpr std::size_t kAdapted = 24, kMeanOver = 8;  // ticks looked at after a change, and averaged over
constexpr double kOfLater = 0.95;

// True demand of the held regions over one horizon, and what the best choice captures.
struct Truth {
  std::vector<float> came, highest;  // by held region; highest: 1 for the K = 1/8 highest
  std::array<double, kShares.size()> best{};
  double most_recall = 0;
};

struct Sums {
  std::array<double, kShares.size()> captured{}, best{};
  double recalled = 0, to_recall = 0, demand = 0, rows = 0, covered = 0, busy = 0, busy_covered = 0;
  std::array<double, 3> loss{};
};

std::size_t count_of(double share, std::size_t regions) {
  return std::max<std::size_t>(1,
                               static_cast<std::size_t>(std::lround(share * static_cast<double>(regions))));
}

class Judge {
 public:
  Judge(const Dataset& dataset, const std::vector<Contender>& contenders) : dataset_(dataset) {
    for (const Contender& contender : contenders)
      entrants_.push_back({contender.name, contender.make(), {}, {}});
  }

  void tick(std::size_t t, bool scored) {
    std::vector<ForecastSet> sets;
    for (Entrant& entrant : entrants_) entrant.forecaster->observe(dataset_.node);
    for (Entrant& entrant : entrants_)
      sets.push_back(entrant.forecaster->forecast(dataset_.ticks[t].snapshot));
    if (!scored) return;
    find_held(t);
    if (held_.empty()) return;
    note_change(t);
    for (std::size_t h = 0; h < kCount; ++h) {
      if (t + static_cast<std::size_t>(kHorizons[h]) >= dataset_.ticks.size()) continue;
      find_truth(t, h);
      for (std::size_t e = 0; e < entrants_.size(); ++e) score(t, h, sets[e], entrants_[e]);
    }
  }

  std::vector<ForecasterScores> finish() const {
    std::vector<ForecasterScores> all;
    for (const Entrant& entrant : entrants_) all.push_back(conclude(entrant));
    return all;
  }

 private:
  struct Entrant {
    std::string name;
    std::unique_ptr<Forecaster> forecaster;
    std::array<Sums, kCount> sums;
    std::vector<double> hits;  // of horizon 1, by scored tick
  };

  void find_held(std::size_t t) {
    held_.clear();
    place_.assign(dataset_.regions, 0);
    const auto& demand = dataset_.ticks[t].demand;
    for (std::uint32_t r = 0; r < dataset_.regions; ++r)
      if (demand[r] != kNotHeld) place_[r] = static_cast<std::uint32_t>(held_.size()), held_.push_back(r);
  }

  // Whether the highest regions of tick t are no longer so in the next.
  void note_change(std::size_t t) {
    if (t + 1 >= dataset_.ticks.size() || held_.empty()) return;
    std::vector<float> now, next;
    for (const std::uint32_t r : held_) {
      now.push_back(dataset_.ticks[t].demand[r]);
      next.push_back(std::max(0.0F, dataset_.ticks[t + 1].demand[r]));
    }
    const std::size_t k = count_of(kShares[kEighth], held_.size());
    const double best = captured_demand(next, next, k, scratch_);
    stays_.push_back(best > 0 ? captured_demand(now, next, k, scratch_) / best : 1);
  }

  void find_truth(std::size_t t, std::size_t h) {
    const auto ahead = static_cast<std::size_t>(kHorizons[h]);
    truth_.came.assign(held_.size(), 0);
    for (std::size_t k = 1; k <= ahead; ++k) {
      const auto& demand = dataset_.ticks[t + k].demand;
      for (std::size_t i = 0; i < held_.size(); ++i) truth_.came[i] += std::max(0.0F, demand[held_[i]]);
    }
    for (float& came : truth_.came) came /= static_cast<float>(ahead);
    for (std::size_t k = 0; k < kShares.size(); ++k)
      truth_.best[k] =
          captured_demand(truth_.came, truth_.came, count_of(kShares[k], held_.size()), scratch_);
    scratch_ = truth_.came;
    const std::size_t most = count_of(kShares[kEighth], held_.size());
    std::nth_element(scratch_.begin(), scratch_.begin() + static_cast<std::ptrdiff_t>(most - 1),
                     scratch_.end(), std::greater<>());
    const float edge = scratch_[most - 1];
    truth_.highest.assign(held_.size(), 0);
    std::size_t found = 0;
    for (std::size_t i = 0; i < held_.size(); ++i)
      if (truth_.came[i] > 0 && truth_.came[i] >= edge) truth_.highest[i] = 1, ++found;
    truth_.most_recall = static_cast<double>(std::min(most, found));
  }

  void score(std::size_t t, std::size_t h, const ForecastSet& set, Entrant& entrant) {
    const auto& regions = dataset_.ticks[t].regions;
    forecast_.assign(held_.size(), 0);
    Sums& sums = entrant.sums[h];
    double mean = 0;
    for (std::size_t row = 0; row < regions.size(); ++row) mean += set.forecasts[row].horizons[h].mean;
    mean /= static_cast<double>(std::max<std::size_t>(regions.size(), 1));
    for (std::size_t row = 0; row < regions.size(); ++row) {
      const std::size_t i = place_[regions[row]];
      const DemandQuantiles& q = set.forecasts[row].horizons[h];
      forecast_[i] = q.mean;
      const double came = truth_.came[i];
      const std::array<double, 3> quantiles = {q.low, q.mean, q.high};
      for (std::size_t k = 0; k < 3; ++k) sums.loss[k] += pinball_loss(came, quantiles[k], kQuantiles[k]);
      const double inside = came >= q.low && came <= q.high ? 1 : 0;
      sums.demand += came, sums.rows += 1, sums.covered += inside;
      if (q.mean > 0 && q.mean >= mean) sums.busy += 1, sums.busy_covered += inside;
    }
    for (std::size_t k = 0; k < kShares.size(); ++k) {
      const double captured =
          captured_demand(forecast_, truth_.came, count_of(kShares[k], held_.size()), scratch_);
      sums.captured[k] += captured, sums.best[k] += truth_.best[k];
      if (h == 0 && k == kEighth) entrant.hits.push_back(truth_.best[k] > 0 ? captured / truth_.best[k] : 1);
    }
    sums.recalled +=
        captured_demand(forecast_, truth_.highest, count_of(kShares[kEighth], held_.size()), scratch_);
    sums.to_recall += truth_.most_recall;
  }

  static double over(double part, double whole, double otherwise) {
    return whole > 0 ? part / whole : otherwise;
  }

  ForecasterScores conclude(const Entrant& entrant) const {
    ForecasterScores scores;
    scores.name = entrant.name;
    for (std::size_t h = 0; h < kCount; ++h) {
      const Sums& sums = entrant.sums[h];
      HorizonScores& out = scores.horizons[h];
      for (std::size_t k = 0; k < kShares.size(); ++k) out.hit[k] = over(sums.captured[k], sums.best[k], 1);
      for (std::size_t k = 0; k < 3; ++k) out.pinball[k] = over(sums.loss[k], sums.demand, 0);
      out.recall = over(sums.recalled, sums.to_recall, 1);
      out.coverage = over(sums.covered, sums.rows, 1);
      out.coverage_busy = over(sums.busy_covered, sums.busy, 1);
    }
    add_adaptation(entrant, scores);
    return scores;
  }

  void add_adaptation(const Entrant& entrant, ForecasterScores& scores) const {
    const auto mean = [&](std::size_t from) {
      double sum = 0;
      for (std::size_t i = from; i < from + kMeanOver; ++i) sum += entrant.hits[i];
      return sum / static_cast<double>(kMeanOver);
    };
    double total = 0;
    for (std::size_t i = 1; i < stays_.size(); ++i) {
      if (!(stays_[i] < kFallen && stays_[i - 1] > kSteady)) continue;
      if (i + 1 + kAdapted + kMeanOver > entrant.hits.size()) break;
      // The forecast at i + 1 is the first that could have seen the change.
      const double later = mean(i + 1 + kAdapted);
      std::size_t ticks = 0;
      while (ticks < kAdapted && mean(i + 1 + ticks) < kOfLater * later) ++ticks;
      total += static_cast<double>(ticks);
      ++scores.changes;
    }
    if (scores.changes > 0) scores.ticks_to_adapt = total / static_cast<double>(scores.changes);
  }

  const Dataset& dataset_;
  std::vector<Entrant> entrants_;
  std::vector<std::uint32_t> held_, place_;
  std::vector<double> stays_;  // by scored tick
  std::vector<float> forecast_, scratch_;
  Truth truth_;
};

}  // namespace

std::vector<Contender> all_contenders(const SwitchSettings& settings,
                                      const std::shared_ptr<const NamedModel>& model) {
  std::vector<Contender> all;
  for (const ExpertEntry& expert : expert_table()) {
    SwitchSettings alone = settings;
    alone.experts = {expert.name};
    const std::string name =
        expert.name == std::string("exponential-average") ? "exp-average alone" : expert.name;
    all.push_back({name, [alone] { return std::make_unique<Switch>(alone); }});
  }
  for (const ForecasterEntry& entry : forecaster_table())
    if (entry.name == std::string("exponential-average")) all.push_back({entry.name, entry.make});
  all.push_back({"switch", [settings] { return std::make_unique<Switch>(settings); }});
  if (!model) return all;
  LearnedSettings learned;
  learned.classical = settings;
  all.push_back({"switch+network", [=] { return std::make_unique<LearnedForecaster>(model, learned); }});
  learned.network_alone = true;
  all.push_back({"network", [=] { return std::make_unique<LearnedForecaster>(model, learned); }});
  return all;
}

Result<std::vector<ForecasterScores>> evaluate(const Dataset& dataset,
                                               const std::vector<Contender>& contenders,
                                               std::size_t warm_up) {
  const std::size_t least = warm_up + static_cast<std::size_t>(kHorizons.back()) + 1;
  if (dataset.ticks.size() < least)
    return fail(ErrorKind::kUsage, fmt::format("{} ticks are too few to score", dataset.ticks.size()),
                fmt::format("give the workload at least {} ticks", least));
  Judge judge(dataset, contenders);
  for (std::size_t t = 0; t < dataset.ticks.size(); ++t) judge.tick(t, t >= warm_up);
  return judge.finish();
}

nlohmann::json to_json(const ForecasterScores& scores) {
  nlohmann::json horizons = nlohmann::json::array();
  for (std::size_t h = 0; h < kCount; ++h) {
    const HorizonScores& of = scores.horizons[h];
    horizons.push_back({{"ticks", kHorizons[h]},
                        {"hit", of.hit},
                        {"recall", of.recall},
                        {"pinball", of.pinball},
                        {"coverage", of.coverage},
                        {"coverage_busy", of.coverage_busy}});
  }
  nlohmann::json out = {{"forecaster", scores.name}, {"horizons", horizons}, {"changes", scores.changes}};
  out["ticks_to_adapt"] = scores.ticks_to_adapt ? nlohmann::json(*scores.ticks_to_adapt) : nlohmann::json();
  return out;
}

}  // namespace tier::sim
