// Who forecasts one horizon best: discounted scores of all candidates, and the leader that is followed.
#pragma once

#include <cstdint>
#include <vector>

#include "predictor/outcomes.h"

namespace tier {

struct ContestSettings {
  double decay = 0.95;        // of what was scored, per tick
  double hysteresis = 0.005;  // by so much must a candidate beat the leader, in score
  // What a squared error as large as that of forecasting nothing costs, in score. 0: only the ranking counts.
  double level_weight = 0.1;
};

class Contest {
 public:
  // Candidate `first` leads until there are scores.
  Contest(std::size_t candidates, std::size_t first, ContestSettings settings);

  // Scores a tick: what the choices of all forecasts under way captured of its demand. So a change shows in
  // the scores with the next tick, not when the last forecast from before it has come due. Errors of level
  // count when forecasts come due.
  void add(std::span<const Outcomes> outcomes, const Outcomes* due);
  // Chooses the leader among those that are not barred (nonzero). Where all are, the old one stays.
  void elect(const std::vector<std::uint8_t>& barred);
  void forget(double kept);  // all scores count for so much of what they did, 0..1

  std::size_t leader() const { return leader_; }
  // Share of the demand that the candidate's choice of what to hold in the fast tier would have captured,
  // less the price of its errors; 0 for one without scores.
  double score(std::size_t candidate) const;
  double captured(std::size_t candidate) const;  // that share alone

 private:
  struct Tally {
    double captured = 0, total = 0, error = 0, square = 0;  // discounted sums
  };
  void add_errors(const Outcomes& due);

  ContestSettings settings_;
  std::vector<Tally> tallies_;
  std::size_t leader_;
};

}  // namespace tier
